"""What `select` would keep of some rows of a source, criterion by criterion."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from thinkmix.curation.audit.preview import Batch
from thinkmix.curation.rules import judging
from thinkmix.curation.rules.contract import Judging
from thinkmix.curation.rules.own import RuleFailed
from thinkmix.curation.rules.selection import CRITERIA, Select, failures
from thinkmix.curation.rules.turns import TurnTable
from thinkmix.curation.validate.rowwise import Judged, Origin, facts_of, judge
from thinkmix.schemas.plain import plain
from thinkmix.schemas.record import Record

_SHOWN = 120


class LeftOut(Record):
    """A row that a criterion leaves out."""

    file: str
    row: int
    why: str
    first: str
    """The first words of its question."""


class Criterion(Record):
    """What one criterion leaves out."""

    name: str
    """As `select` states it."""
    rows: int
    """Rows for which it is the first that fails: what a build counts by its detail."""
    fails: int
    """Rows that fail it, whatever else they fail."""
    alone: int
    """Rows that fail nothing else: as many stay without it."""
    examples: tuple[LeftOut, ...]


class Selection(Record):
    """What becomes of some rows: read = invalid + dropped + left out + kept."""

    source: str
    read: int
    invalid: int
    """Rows that are not valid."""
    dropped: int
    """Valid rows that a rule drops."""
    left_out: int
    """Rows that `select` leaves out."""
    kept: int
    criteria: tuple[Criterion, ...]
    """Those that are stated, in the order in which they are asked."""


class _Failed(NamedTuple):
    place: LeftOut
    names: tuple[str, ...]


def selected(batches: Sequence[Batch], *, max_row_bytes: int, shown: int) -> Selection:
    """Return what `select` keeps of the rows of one source.

    Args:
        batches: the rows, file by file, with the rules and the selection of the source.
        max_row_bytes: most bytes of text in a row.
        shown: how many rows of each criterion are named.

    Raises:
        RecipeError: if a rule of a user's file fails on a row.
    """
    of = batches[0].origin
    read = invalid = dropped = kept = 0
    failed: list[_Failed] = []
    for origin, rows in batches:
        found = [judge(row, origin=origin, max_row_bytes=max_row_bytes) for row in rows]
        valid = [item for item in found if item.conversation is not None]
        read, invalid = read + len(found), invalid + len(found) - len(valid)
        for item, ruled_out, names, why in _failures(valid, origin.judging._replace(select=Select()), origin):
            if ruled_out:
                dropped += 1
            elif names:
                failed.append(_Failed(_place(item, origin.file, why), names))
            else:
                kept += 1
    stated = [name for name in CRITERIA if _states(of.judging.select, name)]
    first = Counter(one.names[0] for one in failed)
    every = Counter(name for one in failed for name in one.names)
    alone = Counter(one.names[0] for one in failed if len(one.names) == 1)
    return Selection(
        source=of.source.name,
        read=read,
        invalid=invalid,
        dropped=dropped,
        left_out=len(failed),
        kept=kept,
        criteria=tuple(
            Criterion(
                name=name,
                rows=first[name],
                fails=every[name],
                alone=alone[name],
                examples=tuple([one.place for one in failed if one.names[0] == name][:shown]),
            )
            for name in stated
        ),
    )


def _failures(
    valid: Sequence[Judged], rules: Judging, origin: Origin
) -> Iterator[tuple[Judged, bool, tuple[str, ...], str]]:
    """Yield each valid row, whether a rule drops it, the criteria that it fails, and why the first."""
    select = origin.judging.select
    turns = TurnTable.of(item.conversation for item in valid if item.conversation)
    try:
        found = judging.judge(rules, turns)
    except RuleFailed as failed:
        raise failed.error(origin.file, valid[failed.row].row.number) from failed
    facts = list(zip(*facts_of(valid, origin), strict=True)) if select.of_facts else [()] * len(valid)
    for row, item in enumerate(valid):
        flags = [name for name, _ in found.flagged.get(row, ())]
        status = None if found.answers is None else found.answers[row]
        size = int(turns.first[row + 1] - turns.first[row])
        why = list(failures(select, flags, facts[row], status, size))
        yield item, row in found.dropped, tuple(name for name, _ in why), why[0][1] if why else ""


def _place(item: Judged, file: str, why: str) -> LeftOut:
    talk = item.conversation
    asked = next((turn.content for turn in talk.messages if turn.role == "user"), "") if talk else ""
    return LeftOut(file=file, row=item.row.number, why=why, first=plain(asked, _SHOWN))


def _states(select: Select, name: str) -> bool:
    """Return whether a selection asks for something by this name."""
    field = {"with": "wanted", "without": "refused"}.get(name, name)
    return bool(getattr(select, field) != getattr(Select(), field))
