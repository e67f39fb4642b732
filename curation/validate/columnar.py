"""A quick look at whole columns: which rows are surely clean, and what duplicates are judged by for those.

Every other row is a suspect and is judged by itself. Being a suspect changes no verdict, it only costs time;
so whatever is rare, odd or hard to see in columns makes one.
"""

from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from thinkmix.curation.repairs.contract import Repair
from thinkmix.curation.repairs.known import named
from thinkmix.curation.rules.contract import Judging
from thinkmix.curation.rules.judging import judge
from thinkmix.curation.rules.own import RuleFailed
from thinkmix.curation.rules.selection import Facts
from thinkmix.curation.rules.turns import PARTS, TurnTable, texts
from thinkmix.curation.tables import FACTS, TURN_END
from thinkmix.curation.text.columns import (
    Texts,
    Turns,
    column_of,
    field_of,
    flags,
    is_filled,
    is_plain,
    listed_turns,
    numbers_of,
    plain_texts,
    structs_of,
    text_turns,
    texts_of,
)
from thinkmix.curation.text.kernels import UNSTABLE_BIT
from thinkmix.curation.text.shingles import character_forms
from thinkmix.curation.text.sizes import text_sizes
from thinkmix.curation.text.text_kernels import (
    ANSWER,
    PLAIN,
    TURN,
    Bytes,
    Flags,
    Offsets,
    check_rows,
    copy_parts,
    read_texts,
    write_heads,
)
from thinkmix.curation.validate.compared import looks_at_preamble, preamble_digest
from thinkmix.curation.validate.learned import TAG_BYTES
from thinkmix.curation.validate.padding import padding
from thinkmix.curation.validate.settings import LIMITS, Compare, Limits, RowSettings
from thinkmix.curation.validate.unread import note_unread
from thinkmix.schemas.conversation import ROLES, Message, content_key, row_id
from thinkmix.schemas.findings import Finding, Notes
from thinkmix.schemas.formats.contract import Layout, TextColumn
from thinkmix.schemas.formats.fields import MEDIA
from thinkmix.schemas.ledger import TurnCount
from thinkmix.schemas.normal_form import compose_nfc
from thinkmix.schemas.reasons import Context

CLEARED = pl.Schema(
    {
        "place": pl.Int64(),
        "id": pl.String(),
        "content_key": pl.String(),
        "text": pl.String(),
        "quality": pl.Float64(),
        "solver": pl.String(),
        "answer": pl.String(),
        "preamble": pl.String(),
        "messages": pl.Int64(),
        "text_bytes": pl.Int64(),
        "turns": pl.List(pl.Int64()),
    }
)
"""What is known of a row that is surely clean; `place` is where it stands in its batch."""

NO_RULES = Judging()
_SYSTEM, _USER, _ASSISTANT = (ROLES.index(role) for role in ("system", "user", "assistant"))
_ASKED = np.full(256, TURN, np.uint8)
_ASKED[_ASSISTANT] = ANSWER
_THINKING = {"required": 1, "allowed": 0, "forbidden": -1}
_WORD = 8
_TURN_WORDS = 4


class RuledOut(NamedTuple):
    """A row that is clean, and that a rule drops."""

    place: int
    reason: str
    detail: str
    messages: int
    size: int
    """Bytes of its text."""


class ColumnVerdicts(NamedTuple):
    """What the columns of a batch show about its rows; rows in neither set are suspects."""

    cleared: pl.DataFrame
    """Rows that are surely clean, of schema `CLEARED`, and with `tables.FLAGS` if turns are looked at."""
    refused: Offsets
    """Places of rows that are clean but for having a trace, or none, against the source's rule."""
    sizes: Offsets
    """Bytes of text of each refused row."""
    turns: TurnCount
    """The turns of the rows that are cleared."""
    ruled_out: Sequence[RuledOut] = ()
    """Rows that are clean, and that a rule drops."""

    @classmethod
    def nothing(cls, source: RowSettings) -> "ColumnVerdicts":
        """Return what is known of a batch where all rows are suspects."""
        none = np.zeros(0, np.int64)
        return cls(CLEARED.to_frame(), none, none, TurnCount(source=source.name))


class _Stated(NamedTuple):
    """What rows say of themselves, beside their turns."""

    answers: pl.Series
    """What the answer of each is."""
    facts: Facts | None
    """What `select` asks for; unset if it asks for nothing of this."""


class _Said(NamedTuple):
    """The turns of some rows in their order, and where the parts of their texts are to be copied from."""

    first: Offsets
    """n + 1 places between which the turns of a row stand."""
    roles: Bytes
    contents: Offsets
    """Bytes of each turn's content."""
    traces: Offsets
    changes: Flags
    """Which turns NFC might change."""
    column: Bytes
    """Which of `buffers` a turn's text is in."""
    spans: Offsets
    """Shape (turns, 4): where content begins and ends, and where the trace does."""
    buffers: tuple[Bytes, ...]

    @property
    def row(self) -> Offsets:
        """The row of each turn."""
        return np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))


def validate_columns(
    rows: pa.RecordBatch,
    *,
    source: RowSettings,
    max_row_bytes: int,
    notes: Notes,
    limits: Limits = LIMITS,
    scanned: bool = False,
    judging: Judging = NO_RULES,
) -> ColumnVerdicts:
    """Return what is known of the rows that are ordinary; all others are suspects.

    Args:
        rows: the batch.
        source: what the recipe says of the source.
        max_row_bytes: most bytes of text that a row may hold.
        notes: takes unread fields and padding of the rows that are not suspects.
        limits: what work a row may cost.
        scanned: whether a column `said` (of `tables.SAID`) is wanted beside those of `CLEARED`.
        judging: the rules that are on.
    """
    where = source.format.layout()
    if where is None or not rows.num_rows or not _is_table_plain(rows):
        return ColumnVerdicts.nothing(source)
    turns = [
        text_turns(rows, place) if isinstance(place, TextColumn) else listed_turns(rows, place)
        for place in where.turns
    ]
    there = [column for column in turns if column is not None]
    if len(there) < len(turns) or not _is_rest_readable(rows, where):
        return ColumnVerdicts.nothing(source)
    sizes = text_sizes(rows)
    quality, doubts = _quality(rows, where)
    doubts |= sizes > max_row_bytes
    for name in (where.solver, where.answer):
        doubts |= _doubtful_names(rows, name)
    for name in (*where.empty, *MEDIA):
        doubts |= is_filled(column_of(rows, name), rows.num_rows, listed=True)
    said = _join(there, doubts)
    if source.repair:
        doubts |= _damaged(said, doubts, named(source.repair))
    doubts |= _costly(np.diff(said.first), sizes, limits)
    refused = np.zeros(rows.num_rows, np.bool_)
    check_rows(said.roles, said.traces, said.first, _THINKING[source.thinking], doubts, refused)
    clear = ~(doubts | refused)
    note_unread(rows, where, source.format.columns().union(MEDIA), ~doubts, notes)
    flagged, ruled_out = (
        _judge(
            said, clear, sizes, _asked(rows, np.flatnonzero(clear), sizes, source, where, judging), judging
        )
        if judging.looks
        else (None, [])
    )
    clear[[row.place for row in ruled_out]] = False
    places = np.flatnonzero(clear)
    notes.count(Finding.PADDING_NULL, padding(rows, clear))
    kept = _only(said, clear)
    learned = _learned(kept, source)
    known = {
        "place": places,
        "quality": pl.Series(quality[places], nan_to_null=True),
        "solver": _names(rows, where.solver, places),
        "answer": _names(rows, where.answer, places),
        "text_bytes": sizes[places],
        **_known(kept, learned, source),
    }
    cleared = pl.DataFrame({name: known[name] for name in CLEARED}, schema=CLEARED)
    if scanned:
        cleared = cleared.with_columns(_all_said(kept).alias("said"))
    if flagged is not None:
        cleared = cleared.hstack(flagged)
    if judging.checks_answers:
        cleared = cleared.hstack(_facts(rows, places, source, where))
    against = np.flatnonzero(refused & ~doubts)
    turns_seen = _count_turns(kept, learned, source)
    return ColumnVerdicts(cleared, against, sizes[against], turns_seen, ruled_out)


def _judge(
    said: _Said, clear: Flags, sizes: Offsets, stated: _Stated, judging: Judging
) -> tuple[pl.DataFrame, list[RuledOut]]:
    """Return the flags of the clear rows that stay (schema `FLAGS`), and those that rules drop.

    If a rule compares answers, the flags have a column `answer_check`, too, and if branches are measured,
    that of `tables.BRANCHED`.

    `stated` is what the clear rows say of themselves.
    """
    places, turns = np.flatnonzero(clear).tolist(), turn_table(_only(said, clear), stated.answers)
    try:
        found = judge(judging, turns, stated.facts)
    except RuleFailed as failed:
        raise RuleFailed(failed.said, places[failed.row]) from failed
    sizes_of = np.diff(turns.first)
    out = [
        RuledOut(places[row], *why, int(sizes_of[row]), int(sizes[places[row]]))
        for row, why in sorted(found.dropped.items())
    ]
    flags = found.flags(turns.rows)
    stay = [row for row in range(turns.rows) if row not in found.dropped]
    if found.answers is not None:
        kept = pl.Series("answer_check", [found.answers[row] for row in stay], dtype=pl.UInt8)
        flags = flags.with_columns(kept)
    if found.branching is not None:
        dense = pl.Series("branching", [found.branching[row] for row in stay], dtype=pl.Float64)
        flags = flags.with_columns(dense)
    return flags, out


def _asked(
    rows: pa.RecordBatch,
    places: Offsets,
    sizes: Offsets,
    source: RowSettings,
    layout: Layout,
    judging: Judging,
) -> _Stated:
    """Return what some rows say of themselves, as far as judging asks for it."""
    answers, facts = _names(rows, layout.answer, places), None
    if judging.select.of_facts:
        known = _facts(rows, places, source, layout)
        facts = Facts(
            pass_rate=known["pass_rate"].to_list(),
            problem_type=known["problem_type"].to_list(),
            solver=_names(rows, layout.solver, places).to_list(),
            text_bytes=sizes[places].tolist(),
        )
    return _Stated(answers, facts)


def _facts(rows: pa.RecordBatch, places: Offsets, source: RowSettings, layout: Layout) -> pl.DataFrame:
    """Return what rows say of their problems, those columns of `tables.CHECKED`."""
    columns = {
        name: column.take(places) for name in layout.facts if (column := column_of(rows, name)) is not None
    }
    stated = pa.RecordBatch.from_pydict(columns).to_pylist() if columns else [{}] * len(places)
    of = source.format
    facts = [{"problem_type": of.problem_type(row), "pass_rate": of.pass_rate(row)} for row in stated]
    return pl.DataFrame(facts, schema=FACTS, orient="row")


def turn_table(said: _Said, answers: pl.Series) -> TurnTable:
    """Return the turns as rules read them, their texts one after another; a cleared row has no tools."""
    sizes = said.contents, said.traces
    ends = [np.append(0, np.cumsum(size)) for size in sizes]
    out = np.empty(ends[0][-1] + ends[1][-1], np.uint8)
    every = np.ones((len(said.roles), 2), np.bool_)
    _copy(said, every, ends[0][:-1], ends[0][-1] + ends[1][:-1], out)
    content, reasoning = (
        Texts(data, end, size == 0)
        for data, end, size in zip((out[: ends[0][-1]], out[ends[0][-1] :]), ends, sizes, strict=True)
    )
    stated = texts(answers.to_list())
    return TurnTable(said.first, said.roles, content, reasoning, stated, calls={}, tools={})


def _damaged(said: _Said, doubts: Flags, repairs: Sequence[Repair]) -> Flags:
    """Return which of the rows that are not in doubt have a text that one of the repairs may edit."""
    damaged = np.zeros(len(doubts), np.bool_)
    places = np.flatnonzero(~doubts)
    turns = turn_table(_only(said, ~doubts), pl.repeat(None, len(places), dtype=pl.String, eager=True))
    for repair in repairs:
        asked = np.isin(turns.roles, [ROLES.index(kind) for kind in repair.kinds if kind != "trace"])
        for part in PARTS:
            found = turns.column(part).str.contains(repair.sign).fill_null(value=False).to_numpy()
            damaged[places[turns.row[asked & found]]] = True
    return damaged


def _costly(turns: Offsets, sizes: Offsets, limits: Limits) -> Flags:
    """Return which rows may break the limits: as if all turns were learned, and each shown the whole row."""
    costly: Flags = (turns > limits.turns) | (turns * (sizes + TAG_BYTES * turns) > limits.prompt_bytes)
    return costly


def _known(said: _Said, learned: Flags, source: RowSettings) -> dict[str, object]:
    """Return the columns of `CLEARED` that come from the turns."""
    keys = _content_keys(said)
    return {
        "id": [row_id(source.name, key) for key in keys],
        "content_key": keys,
        "text": _compared(said, source.compare),
        "preamble": _preambles(said, source.compare),
        "messages": np.diff(said.first),
        "turns": _places(said, learned),
    }


def _is_table_plain(rows: pa.RecordBatch) -> bool:
    names = rows.schema.names
    return len(set(names)) == len(names) and all(is_plain(kind) for kind in rows.schema.types)


def _is_rest_readable(rows: pa.RecordBatch, layout: Layout) -> bool:
    """Return whether all text that `read_texts` is not going to read is UTF-8."""
    read = {place.name for place in layout.turns}
    rest = [column for name, column in zip(rows.schema.names, rows.columns, strict=True) if name not in read]
    for place in layout.turns:
        column = None if isinstance(place, TextColumn) else column_of(rows, place.name)
        structs = None if column is None else structs_of(column)
        if structs is not None and not isinstance(place, TextColumn):
            names = [field.name for field in structs.type if field.name not in place.text]
            rest += [field for name in names if (field := field_of(structs, name)) is not None]
    try:
        for column in rest:
            column.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _quality(rows: pa.RecordBatch, layout: Layout) -> tuple[NDArray[np.float64], Flags]:
    """Return each row's quality, NaN if it has none, and the rows where it is not what it should be."""
    doubts = np.zeros(rows.num_rows, np.bool_)
    if layout.preferred is not None:
        name, value = layout.preferred
        column = column_of(rows, name)
        labels = plain_texts(column)
        if labels is None:  # bytes may be the text
            return np.zeros(rows.num_rows), is_filled(column, rows.num_rows)
        return flags(pc.fill_null(pc.equal(labels, value), False)).astype(np.float64), doubts
    column = column_of(rows, layout.score) if layout.score else None
    return (np.full(rows.num_rows, np.nan), doubts) if column is None else numbers_of(column)


def _doubtful_names(rows: pa.RecordBatch, name: str | None) -> Flags:
    """Return where a solver or an answer is not clean text."""
    column = column_of(rows, name) if name else None
    texts = texts_of(column)
    if texts is None:
        return is_filled(column, rows.num_rows)
    asked = np.full(rows.num_rows, PLAIN, np.uint8)
    return _read(texts, asked)[1]


def _names(rows: pa.RecordBatch, name: str | None, places: Offsets) -> pl.Series:
    column = column_of(rows, name) if name else None
    texts = plain_texts(column)
    if texts is None:
        return pl.repeat(None, len(places), dtype=pl.String, eager=True)
    return pl.Series(texts.take(pa.array(places)))


def _read(texts: Texts, asked: Bytes) -> tuple[Offsets, Flags, Flags]:
    """Return spans, doubts and changes of texts, as `read_texts` finds them."""
    spans = np.empty((len(asked), 4), np.int64)
    doubts, changes = np.empty(len(asked), np.bool_), np.empty(len(asked), np.bool_)
    read_texts(texts.data, texts.offsets, asked, _unstable(), spans, doubts, changes)
    return spans, doubts, changes


@cache
def _unstable() -> Flags:
    unstable: Flags = character_forms() >> np.uint32(UNSTABLE_BIT) & np.uint32(1) != 0
    return unstable


def _join(columns: list[Turns], doubts: Flags) -> _Said:
    """Return the turns of several columns row by row, and set `doubts` for rows with a text in doubt."""
    counts = np.array([np.diff(turns.first) for turns in columns])
    first = np.append(0, np.cumsum(counts.sum(axis=0)))
    before = first[:-1] + np.cumsum(counts, axis=0) - counts
    spans = np.empty((first[-1], 4), np.int64)
    roles, column = np.empty(first[-1], np.uint8), np.empty(first[-1], np.uint8)
    changes = np.empty(first[-1], np.bool_)
    for number, turns in enumerate(columns):
        row = np.repeat(np.arange(len(doubts)), counts[number])
        places = (before[number] - turns.first[:-1])[row] + np.arange(len(row))
        spans[places], unclean, changes[places] = _read(turns.texts, _ASKED[turns.roles])
        roles[places], column[places] = turns.roles, number
        doubts |= turns.doubts
        doubts[row[unclean]] = True
    contents, traces = spans[:, 1] - spans[:, 0], spans[:, 3] - spans[:, 2]
    buffers = tuple(turns.texts.data for turns in columns)
    return _Said(first, roles, contents, traces, changes, column, spans, buffers)


def _only(said: _Said, rows: Flags) -> _Said:
    """Return the turns of some of the rows."""
    if rows.all():
        return said
    kept = rows[said.row]
    first = np.append(0, np.cumsum(np.diff(said.first)[rows]))
    return _Said(
        first=first,
        roles=said.roles[kept],
        contents=said.contents[kept],
        traces=said.traces[kept],
        changes=said.changes[kept],
        column=said.column[kept],
        spans=said.spans[kept],
        buffers=said.buffers,
    )


def _copy(said: _Said, kept: Flags, contents: Offsets, traces: Offsets, out: Bytes) -> None:
    """Copy contents and traces to their places in `out`, those of the turns `kept`, a pair of flags each."""
    for number, data in enumerate(said.buffers):
        here = said.column == number
        for part, places in enumerate((contents, traces)):
            chosen = here & kept[:, part]
            spans = said.spans[chosen]
            starts, ends = spans[:, 2 * part].copy(), spans[:, 2 * part + 1].copy()
            copy_parts(data, starts, ends, places[chosen], out)


def _content_keys(said: _Said) -> list[str]:
    """Return the content key of each row."""
    words = 2 + _TURN_WORDS * np.diff(said.first)
    heads = np.empty(words.sum(), "<i8")
    write_heads(said.roles, said.contents, said.traces, said.first, heads)
    reached = np.append(0, np.cumsum(said.contents + said.traces))
    starts = np.append(0, np.cumsum(_WORD * words + np.diff(reached[said.first])))
    out = np.empty(starts[-1], np.uint8)
    head_ends = _WORD * np.cumsum(words)
    copy_parts(heads.view(np.uint8), head_ends - _WORD * words, head_ends, starts[:-1], out)
    contents = (starts[:-1] + _WORD * words - reached[said.first[:-1]])[said.row] + reached[:-1]
    traces = contents + said.contents
    _copy(said, np.ones((len(said.roles), 2), np.bool_), contents, traces, out)
    view = out.data
    keys = [sha256(view[start:end]).hexdigest() for start, end in pairwise(starts.tolist())]
    for row in np.unique(said.row[said.changes]).tolist():
        messages = []
        for turn in range(said.first[row], said.first[row + 1]):
            content, trace = (
                bytes(view[at : at + size]).decode()
                for at, size in ((contents[turn], said.contents[turn]), (traces[turn], said.traces[turn]))
            )
            role = ROLES[said.roles[turn]]
            messages.append(Message.model_construct(role=role, content=content, reasoning=trace or None))
        keys[row] = content_key(messages, ())
    return keys


def _compared(said: _Said, compare: Compare) -> pl.Series:
    """Return the text of each row that near-duplicates are judged by."""
    chosen = np.empty((len(said.roles), 2), np.bool_)
    chosen[:, 0], chosen[:, 1] = said.contents > 0, said.traces > 0
    if compare == "dialogue":
        questions = np.bincount(said.row[said.roles == _USER], minlength=len(said.first) - 1)
        alone = (questions == 1)[said.row]
        chosen[:, 0] &= (said.roles != _SYSTEM) & ~(alone & (said.roles != _USER))
        chosen[:, 1] &= ~alone
    elif compare != "conversation":
        chosen[:, 0] &= said.roles == _USER
        chosen[:, 1] = False
    if compare == "first_user":
        place = np.arange(len(said.roles)) - said.first[said.row]
        chosen[:, 0] &= place == (said.roles[said.first[:-1]] == _SYSTEM)[said.row]
    return _joined(said, chosen, "\n")


def _joined(said: _Said, chosen: Flags, between: str) -> pl.Series:
    """Return per row the chosen parts of its turns, a pair of flags each, with a character between them."""
    content = np.where(chosen[:, 0], said.contents + 1, 0)
    trace = np.where(chosen[:, 1], said.traces + 1, 0)
    reached = np.append(0, np.cumsum(content + trace))
    starts = np.append(0, np.cumsum(np.diff(reached[said.first]) - 1))  # nothing stands after the last part
    out = np.full(starts[-1] + 1, ord(between), np.uint8)
    traces = (starts[:-1] - reached[said.first[:-1]])[said.row] + reached[:-1]
    _copy(said, chosen, traces + trace, traces, out)
    texts = pa.LargeStringArray.from_buffers(len(starts) - 1, pa.py_buffer(starts), pa.py_buffer(out))
    return pl.Series(texts)


def _preambles(said: _Said, compare: Compare) -> pl.Series:
    """Return the digest of each row's system prompts, as `preamble_of` does; a cleared row has no tools."""
    found: list[str | None] = [None] * (len(said.first) - 1)
    if looks_at_preamble(compare):
        prompts: dict[int, list[bytes]] = {}
        rows = said.row
        for turn in np.flatnonzero(said.roles == _SYSTEM).tolist():
            start, end = said.spans[turn, :2]
            text = said.buffers[said.column[turn]][start:end].tobytes()
            if said.changes[turn]:
                text = compose_nfc(text.decode()).encode()
            prompts.setdefault(int(rows[turn]), []).append(text)
        for row, parts in prompts.items():
            found[row] = preamble_digest(parts)
    return pl.Series(found, dtype=pl.String)


def _all_said(said: _Said) -> pl.Series:
    """Return what all turns of each row say, without traces, with `TURN_END` between them."""
    chosen = np.zeros((len(said.roles), 2), np.bool_)
    chosen[:, 0] = True
    return _joined(said, chosen, TURN_END)


def _learned(said: _Said, source: RowSettings) -> Flags:
    """Return which turns are learned, as `learned_turns` does; a cleared row has no marks and no opening."""
    last = np.zeros(len(said.roles), np.bool_)
    last[said.first[1:] - 1] = True
    learned: Flags = said.roles == _ASSISTANT
    if source.supervise == "last":
        learned &= last
    if source.thinking == "required":
        learned &= last | (said.traces > 0)
    return learned


def _count_turns(said: _Said, learned: Flags, source: RowSettings) -> TurnCount:
    """Return the turns as the ledger counts them."""
    earlier = Context.HISTORY if source.supervise == "last" else Context.UNTRACED
    context = {
        Context.SYSTEM: said.roles == _SYSTEM,
        Context.USER: said.roles == _USER,
        earlier: (said.roles == _ASSISTANT) & ~learned,
    }
    shown = {reason.value: int(turns.sum()) for reason, turns in context.items() if turns.any()}
    return TurnCount(source=source.name, turns=len(said.roles), trained=int(learned.sum()), context=shown)


def _places(said: _Said, learned: Flags) -> pl.Series:
    """Return the positions of each row's turns that are learned."""
    places = (np.arange(len(learned)) - said.first[said.row])[learned]
    offsets = np.append(0, np.cumsum(learned))[said.first]
    return pl.Series(pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(places)))
