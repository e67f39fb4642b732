"""Two readings of a mixture side by side: which rows differ in an id or a label, and how."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from hashlib import blake2b
from itertools import islice
from typing import TypeVar

from thinkmix.curation.export.reading import IGNORE, TokenRow, stop_id
from thinkmix.schemas.record import Record
from thinkmix.templates.chat.tokenizer import encode

SHOWN = 10
"""Most rows that are named."""

BY_RULE = "rule"
"""What `Identity.by` says of the rule of an exporter."""

Item = TypeVar("Item")
Rows = Callable[[], Iterable[TokenRow]]
"""Reads rows from the first one on, as often as it is called."""


class Difference(Record):
    """One row that a trainer does not read as the version has it."""

    row: int
    """Number of the row in its split, from 0."""
    id: str
    token: int | None = None
    """Place of the first token that differs; unset if the row is missing or surplus."""
    problem: str


class Identity(Record):
    """What a trainer reads, beside what training on the version reads."""

    split: str
    by: str
    """What read the files: `rule`, or a tool with its version."""
    rows: int
    """Rows of the version."""
    read: int
    """Rows that the trainer has."""
    identical: int
    """Rows with equal ids and equal labels."""
    stop_trained: int
    """Rows of the trainer whose loss ends with the end token of the turn, once."""
    line_break: bool
    """Whether a row keeps the line break after its end token; without it, ours are compared without it."""
    differences: tuple[Difference, ...] = ()
    """The first rows that differ."""

    @property
    def whole(self) -> bool:
        """Return whether all rows are identical, and all train their end token."""
        return self.rows == self.read == self.identical == self.stop_trained


def compare_rows(
    ours: Rows, theirs: Rows, ids: Callable[[], Iterable[str]], *, split: str, by: str, line_break: bool
) -> Identity:
    """Return which rows a trainer reads as training on the version does.

    Rows are matched in their order; one that is missing or surplus does not shift those after it. Both sides
    are read twice only if rows differ: memory holds a digest a row.

    Args:
        ours: the rows of the version.
        theirs: the rows of the trainer.
        ids: the names of our rows.
        split: name of the split.
        by: what read their rows.
        line_break: whether the trainer's rows keep the line break after the end token.
    """
    mine = [_digest(row if line_break else _without_last(row)) for row in ours()]
    other, stopped, stop, last = list[bytes](), 0, stop_id(), encode("\n")
    for row in theirs():
        other.append(_digest(row))
        stopped += _stops(row, stop, last if line_break else [])
    matches = SequenceMatcher(None, mine, other, autojunk=False).get_opcodes() if mine != other else []
    wrong = [match for match in matches if match[0] != "equal"]
    same = len(mine) - sum(high - low for _, low, high, _, _ in wrong)
    found = islice(_explained(wrong, ours, theirs, ids, line_break), SHOWN) if wrong else ()
    return Identity(
        split=split,
        by=by,
        rows=len(mine),
        read=len(other),
        identical=same,
        stop_trained=stopped,
        line_break=line_break,
        differences=tuple(found),
    )


def _explained(
    wrong: Sequence[tuple[str, int, int, int, int]],
    ours: Rows,
    theirs: Rows,
    ids: Callable[[], Iterable[str]],
    line_break: bool,
) -> Iterator[Difference]:
    """Yield in words what differs, row by row."""
    pairs: list[tuple[int | None, int | None]] = []
    for _, low, high, other_low, other_high in wrong:
        both = min(high - low, other_high - other_low)
        pairs += zip(range(low, low + both), range(other_low, other_low + both), strict=True)
        pairs += [(row, None) for row in range(low + both, high)]
        pairs += [(None, row) for row in range(other_low + both, other_high)]
        if len(pairs) >= SHOWN:
            break
    pairs = pairs[:SHOWN]
    mine = _picked(ours(), [row for row, _ in pairs])
    other = _picked(theirs(), [row for _, row in pairs])
    names = _picked(ids(), [row for row, _ in pairs])
    for row, their in pairs:
        if row is None:
            assert their is not None
            yield Difference(row=their, id="", problem="a row that the version does not have")
        elif their is None:
            yield Difference(row=row, id=names[row], problem="the trainer has no such row")
        else:
            wanted = mine[row] if line_break else _without_last(mine[row])
            token, problem = _first_difference(wanted, other[their])
            yield Difference(row=row, id=names[row], token=token, problem=problem)


def _picked(rows: Iterable[Item], numbers: list[int | None]) -> dict[int, Item]:
    wanted = {number for number in numbers if number is not None}
    return {number: row for number, row in enumerate(rows) if number in wanted}


def _first_difference(wanted: TokenRow, found: TokenRow) -> tuple[int, str]:
    for place, (one, other) in enumerate(zip(wanted.ids, found.ids, strict=False)):
        if one != other:
            return place, f"id {other}, not {one}"
    if len(wanted.ids) != len(found.ids):
        return min(len(wanted.ids), len(found.ids)), f"{len(found.ids)} tokens, not {len(wanted.ids)}"
    for place, (one, other) in enumerate(zip(wanted.labels, found.labels, strict=True)):
        if one != other:
            return place, f"token {wanted.ids[place]} is {'not trained' if other == IGNORE else 'trained'}"
    raise AssertionError


def _without_last(row: TokenRow) -> TokenRow:
    return TokenRow(row.ids[:-1], row.labels[:-1])


def _stops(row: TokenRow, stop: int, after: list[int]) -> bool:
    """Return whether the loss of a row ends with the end token, and what follows it in the version."""
    end = [stop, *after]
    return row.labels[-len(end) :] == end and row.labels.count(stop) == 1


def _digest(row: TokenRow) -> bytes:
    return blake2b(repr(row).encode(), digest_size=16).digest()
