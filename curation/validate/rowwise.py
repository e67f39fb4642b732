"""Raw rows into conversations: every row ends as a `Conversation` or in quarantine with its reason.

Conversations are not written: the row they came from is still there, and is judged again when it is needed.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from thinkmix.curation.files.shards import ShardWriter, bounded_lists
from thinkmix.curation.read.encodings import SAMPLE, likely
from thinkmix.curation.read.read import (
    NOTHING,
    RawBatch,
    RawRow,
    RawSlice,
    around,
    joined,
    raw_json,
    read_batches,
    read_rows,
)
from thinkmix.curation.rules import judging
from thinkmix.curation.rules.contract import Judging, Verdict
from thinkmix.curation.rules.judging import flag_row
from thinkmix.curation.rules.own import RuleFailed
from thinkmix.curation.rules.selection import Facts
from thinkmix.curation.rules.turns import TurnTable
from thinkmix.curation.tables import (
    BRANCHED,
    CHECKED,
    FLAGS,
    KEYS,
    REJECTS,
    SAID,
    with_flags,
    without_null_flags,
)
from thinkmix.curation.validate.columnar import CLEARED, NO_RULES, RuledOut, validate_columns
from thinkmix.curation.validate.compared import comparison_text, preamble_of
from thinkmix.curation.validate.count import count_stage
from thinkmix.curation.validate.learned import (
    TAG_BYTES,
    Learned,
    count_turns,
    ignored_switches,
    learned_turns,
    prompt_bytes,
)
from thinkmix.curation.validate.profile import Profile
from thinkmix.curation.validate.reading import Reading, read_conversation
from thinkmix.curation.validate.repaired import flags_of
from thinkmix.curation.validate.said import said_text
from thinkmix.curation.validate.settings import LIMITS, Limits, RowSettings
from thinkmix.schemas.conversation import Conversation, content_key, row_id
from thinkmix.schemas.errors import SourceError
from thinkmix.schemas.findings import HARMLESS, Finding, Notes, Tally
from thinkmix.schemas.ledger import VALIDATE, Amount, StageCount, TurnCount
from thinkmix.schemas.reasons import Reason
from thinkmix.schemas.record import fault

STAGE = VALIDATE

_Frames = tuple[pl.DataFrame, pl.DataFrame]

_BATCH_ROWS = 512
_BATCH_BYTES = 32 * 1024 * 1024
_SHOWN_DETAIL = 500


@dataclass(frozen=True)
class Origin(Reading):
    """Where a row comes from and how it is judged."""

    source: RowSettings
    limits: Limits = LIMITS
    """What work the row may cost."""
    scanned: bool = False
    """Whether evaluations are looked for in what the row says."""
    judging: Judging = NO_RULES
    """Which rules are on for its source."""

    @property
    def keys(self) -> pl.Schema:
        """Columns of its valid rows."""
        keys = with_flags(KEYS, flagged=self.flagged)
        if self.judging.checks_answers:
            keys = pl.Schema({**keys, **CHECKED})
        return pl.Schema({**keys, **BRANCHED}) if self.judging.density else keys

    @property
    def flagged(self) -> bool:
        """Whether its rows may have flags: a rule is on, or damage is repaired."""
        return bool(self.judging.rules or self.source.repair)

    @cached_property
    def known(self) -> frozenset[str]:
        """Columns that are read, or that say nothing of what is trained."""
        return self.source.format.columns() | HARMLESS


class Seen(NamedTuple):
    """What is known of a slice's rows besides what is written: ledger, turns, findings and unread fields."""

    rows: StageCount
    turns: TurnCount
    tally: Tally


class Judged(NamedTuple):
    """The outcome of one raw row in this stage: exactly one of `conversation` and `reason` is set."""

    row: RawRow
    conversation: Conversation | None
    content_key: str
    reason: str | None
    """A member of `Reason`, or the name of the rule that drops the row."""
    detail: str
    messages: int
    text_bytes: int
    notes: Notes
    learned: Learned = Learned([], [])
    flagged: Sequence[tuple[str, Verdict]] = ()
    """What was repaired in it, and what rules found in it, if it stays."""
    answer: int | None = None
    """What its answer is, a place in `answers.statuses.STATUSES`, if it stays and a rule compares answers."""
    branching: float | None = None
    """Branches on 1,000 words of its traces, if it stays and they are measured."""


def validate_slice(
    piece: RawSlice,
    *,
    origin: Origin,
    max_row_bytes: int,
    out: Path,
    profile: Profile | None = None,
    left_out: Mapping[int, str] = NOTHING,
    only: range | None = None,
) -> Seen:
    """Write the slice's `keys` and `rejects` shards into folder `out`, and `said` if its rows are scanned.

    Args:
        piece: the slice.
        origin: where it comes from.
        max_row_bytes: most bytes of text that a row may hold.
        out: an empty folder.
        profile: is shown all that is read, if it is given.
        left_out: numbers in the file of rows that are dropped unseen, each with the reason in words.
        only: numbers of the rows to look at; unset means all.

    Returns:
        Rows, messages and bytes of text read, kept, and dropped by reason; the turns of the valid rows,
        learned or context; and what was found in rows besides.

    Raises:
        SourceError: if the file as a whole cannot be read, or holds fewer rows than its footer says.
    """
    count = StageCount(stage=STAGE, source=origin.source.name)
    sight = Sight(origin.source.name)
    found: Iterator[_Frames]
    if piece.row_groups is not None:
        whole = joined(read_batches(piece, None if only is None else np.arange(only.start, only.stop)))
        parts = (part for batch in whole for part in around(batch, left_out, only))
        found = (
            frames
            for part in _noted_parts(parts, profile)
            for frames in _part_frames(part, origin, max_row_bytes, sight)
        )
    else:
        read = read_rows(piece, max_row_bytes=max_row_bytes, left_out=left_out)
        if only is not None:
            read = (row for row in islice(read, only.stop) if row.number >= only.start)
        rows = _noted_rows(read, profile)
        judged = (judge(row, origin=origin, max_row_bytes=max_row_bytes) for row in rows)
        found = _frames(sight.add_rows(apply_rules(judged, origin)), origin)
    with ExitStack() as stack:
        keys, rejects = (
            stack.enter_context(ShardWriter(out / f"{name}.parquet", schema))
            for name, schema in (("keys", origin.keys), ("rejects", REJECTS))
        )
        said = stack.enter_context(ShardWriter(out / "said.parquet", SAID)) if origin.scanned else None
        for kept, dropped in found:
            if kept.height:
                keys.append(kept)
                if said is not None:
                    said.append(kept)
            if dropped.height:
                rejects.append(dropped)
            count += _count(kept, dropped, origin)
    if only is None and piece.rows is not None and count.read.rows != piece.rows:
        msg = f"{piece.file}: {count.read.rows} rows where the footer promises {piece.rows}"
        raise SourceError(msg)
    return Seen(count, sight.counted(), sight.tally())


class Sight:
    """What was seen of a slice so far."""

    def __init__(self, source: str) -> None:
        self.notes = Notes()
        self.turns = TurnCount(source=source)
        self._trained = 0
        self._shown: Counter[str] = Counter()
        self._foreign = 0
        self._bytes = bytearray()

    def add_rows(self, judged: Iterable[Judged]) -> Iterator[Judged]:
        """Note what was found in rows that pass by."""
        for item in judged:
            if item.conversation is not None:
                self._trained += len(item.learned.turns)
                self._shown.update(item.learned.context)
            self.notes.add(item.notes, kept=item.conversation is not None)
            if item.row.foreign:
                self._foreign += 1
                self._bytes += item.row.foreign[: SAMPLE - len(self._bytes)]
            yield item

    def counted(self) -> TurnCount:
        """Return the turns that were seen, by rows and by batches."""
        return self.turns + count_turns(self.turns.source, self._trained, self._shown)

    def tally(self) -> Tally:
        """Return what was found in rows, and the probable encoding of rows that are not UTF-8."""
        found = self.notes.tally()
        if not self._foreign:
            return found
        return found.model_copy(update={"encodings": {likely(bytes(self._bytes)): self._foreign}})


def _noted_parts(parts: Iterable[RawBatch | RawRow], profile: Profile | None) -> Iterator[RawBatch | RawRow]:
    for part in parts:
        if profile is not None and isinstance(part, RawBatch):
            profile.add_batch(part.columns)
        yield part


def _noted_rows(rows: Iterable[RawRow], profile: Profile | None) -> Iterator[RawRow]:
    for row in rows:
        if profile is not None and row.fault is None:  # what cannot be read has no columns
            profile.add_row(row.values)
        yield row


def judge(row: RawRow, *, origin: Origin, max_row_bytes: int) -> Judged:
    """Return the conversation that a raw row holds, or the reason why it holds none. Never raises."""
    source = origin.source
    size = len(row.text.encode()) if row.text else text_bytes(row.values)
    turns, notes = source.format.turns(row.values), origin.notes()
    try:
        if row.fault is not None:
            raise row.fault
        if size > max_row_bytes:
            raise fault(Reason.TOO_BIG, f"{size} bytes of text, at most {max_row_bytes} are allowed")
        _check_turns(turns, origin.limits)  # what reading them would cost is spared
        try:
            conversation = read_conversation(row, origin, notes)
        finally:
            _note_columns(row, origin, notes)
        _check_turns(len(conversation.messages), origin.limits)
        _check_thinking(conversation, source)
        learned = learned_turns(conversation.messages, source)
        if len(learned.turns) > 1:  # the prompt of one is part of the row
            _check_prompts(conversation, learned, size, origin.limits)
        notes.count(Finding.PADDING_NULL, row.padding)
        notes.count(Finding.SWITCH_IGNORED, ignored_switches(conversation.messages, learned.turns))
        if not learned.turns:
            raise fault(
                Reason.ALL_CONTEXT, ", ".join(f"{n} {why}" for why, n in Counter(learned.context).items())
            )
    except PydanticCustomError as error:
        return Judged(row, None, "", Reason(error.type), error.message(), turns, size, notes)
    except ValidationError as error:
        return Judged(row, None, "", *_first_fault(error), turns, size, notes)
    except RecursionError:
        detail = "nested deeper than a parser can follow"
        return Judged(row, None, "", Reason.TOO_DEEP, detail, turns, size, notes)
    key = content_key(conversation.messages, conversation.tools)
    conversation = conversation.model_copy(update={"id": row_id(source.name, key)})
    count, repaired = len(conversation.messages), flags_of(notes.patches)
    return Judged(row, conversation, key, None, "", count, size, notes, learned, repaired)


def text_bytes(value: object) -> int:
    """Return the UTF-8 bytes of all strings in a raw value, keys not counted. Never recurses."""
    total, rest = 0, [value]
    while rest:
        item = rest.pop()
        if isinstance(item, str):
            total += len(item) if item.isascii() else len(item.encode(errors="surrogatepass"))
        elif isinstance(item, dict | Mapping):  # naming dict spares most values the slower question
            rest += item.values()
        elif isinstance(item, list | tuple):
            rest += item
        elif isinstance(item, bytes):
            total += len(item)
    return total


def _note_columns(row: RawRow, origin: Origin, notes: Notes) -> None:
    """Note the columns of a row that its format does not read, but for those that are harmless by name."""
    for name, value in row.values.items():
        if name not in origin.known and name not in notes.read:
            notes.leave(name, value)


def _check_turns(turns: int, limits: Limits) -> None:
    if turns > limits.turns:
        raise fault(Reason.TOO_MANY_TURNS, f"{turns} turns, at most {limits.turns} are allowed")


def _check_prompts(conversation: Conversation, learned: Learned, size: int, limits: Limits) -> None:
    """Refuse a row of `size` bytes of text whose prompts have too many together."""
    messages, tools = conversation.messages, conversation.tools
    most = len(learned.turns) * (size + TAG_BYTES * len(messages))  # as if each showed the whole row
    if most <= limits.prompt_bytes and not tools and not any(turn.tool_calls for turn in messages):
        return
    found = prompt_bytes(messages, tools, learned.turns)
    if found > limits.prompt_bytes:
        many = f"{found} bytes in the prompts of its {len(learned.turns)} examples together"
        raise fault(Reason.PROMPTS_TOO_BIG, f"{many}, at most {limits.prompt_bytes} are allowed")


def _check_thinking(conversation: Conversation, source: RowSettings) -> None:
    last = conversation.messages[-1]
    missing = source.thinking == "required" and last.reasoning is None and not last.context
    if missing or (source.thinking == "forbidden" and any(turn.reasoning for turn in conversation.messages)):
        raise _thinking_fault(source)


def _thinking_fault(source: RowSettings) -> PydanticCustomError:
    """Return what is wrong with a row that does not think as its source should."""
    if source.thinking == "required":
        return fault(Reason.THINK_MISSING, "the last assistant turn has no trace")
    return fault(Reason.THINK_UNEXPECTED, "an assistant turn has a trace")


def _first_fault(error: ValidationError) -> tuple[Reason, str]:
    """Return the reason of the first finding: our own, or wrong_type for pydantic's."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(step) for step in first["loc"])
    detail = f"{where}: {first['msg']}" if where else first["msg"]
    ours = "detail" in first.get("ctx", {})  # pydantic has types of our names, too_long for one
    return Reason(first["type"]) if ours else Reason.WRONG_TYPE, detail


def _part_frames(
    part: RawBatch | RawRow, origin: Origin, max_row_bytes: int, sight: Sight
) -> Iterator[_Frames]:
    """Yield keys and rejects of a table, or of the placeholder of a row that is left out of it."""
    if isinstance(part, RawBatch):
        yield from _batch_frames(part, origin, max_row_bytes, sight)
    else:
        judged = [judge(part, origin=origin, max_row_bytes=max_row_bytes)]
        yield from _frames(sight.add_rows(apply_rules(judged, origin)), origin)


def _batch_frames(batch: RawBatch, origin: Origin, max_row_bytes: int, sight: Sight) -> Iterator[_Frames]:
    """Yield keys and rejects of a table: most rows are judged by columns, the suspects one by one."""
    try:
        cleared, refused, sizes, turns, ruled_out = validate_columns(
            batch.columns,
            source=origin.source,
            max_row_bytes=max_row_bytes,
            notes=sight.notes,
            limits=origin.limits,
            scanned=origin.scanned,
            judging=origin.judging,
        )
    except RuleFailed as failed:
        raise failed.error(origin.file, batch.first + failed.row) from failed
    sight.turns += turns
    keys = [_cleared_frame(cleared, batch.first, origin)]
    others = np.delete(np.arange(batch.columns.num_rows), cleared["place"].to_numpy())
    if len(others):
        breaking = dict(zip((batch.first + refused).tolist(), sizes.tolist(), strict=True))
        ruled = {batch.first + row.place: row for row in ruled_out}
        judged = (
            _refused(row, breaking[row.number], origin)
            if row.number in breaking
            else _ruled_out(row, ruled[row.number])
            if row.number in ruled
            else judge(row, origin=origin, max_row_bytes=max_row_bytes)
            for row in batch.rows(others if cleared.height else None, max_row_bytes=max_row_bytes)
        )
        for kept, dropped in _frames(sight.add_rows(apply_rules(judged, origin)), origin):
            keys.append(kept)
            yield keys[0].clear(), dropped
    yield pl.concat(keys).sort("row") if len(keys) > 1 else keys[0], REJECTS.to_frame()


def _refused(row: RawRow, size: int, origin: Origin) -> Judged:
    """Return the outcome of a row that is clean, but has a trace, or has none, against the source's rule."""
    error = _thinking_fault(origin.source)
    turns = origin.source.format.turns(row.values)
    return Judged(row, None, "", Reason(error.type), error.message(), turns, size, Notes())


def _ruled_out(row: RawRow, found: RuledOut) -> Judged:
    """Return the outcome of a row that is clean by its columns, and that a rule drops."""
    return Judged(row, None, "", found.reason, found.detail, found.messages, found.size, Notes())


def apply_rules(judged: Iterable[Judged], origin: Origin) -> Iterator[Judged]:
    """Yield rows that were judged one by one, those that are valid as the rules leave them."""
    if not origin.judging.looks:
        yield from judged
        return
    for batch in bounded_lists(judged, lambda item: item.text_bytes, count=_BATCH_ROWS, total=_BATCH_BYTES):
        valid = [place for place, item in enumerate(batch) if item.conversation is not None]
        turns = TurnTable.of(of for item in batch if (of := item.conversation))
        asked = origin.judging.select.of_facts
        try:
            found = judging.judge(origin.judging, turns, facts_of(batch, origin) if asked else None)
        except RuleFailed as failed:
            raise failed.error(origin.file, batch[valid[failed.row]].row.number) from failed
        row_of = {place: row for row, place in enumerate(valid)}
        for place, item in enumerate(batch):
            row = row_of.get(place, -1)
            if row in found.dropped:
                reason, detail = found.dropped[row]
                yield item._replace(conversation=None, reason=reason, detail=detail, learned=Learned([], []))
            else:
                answer = None if found.answers is None or row < 0 else found.answers[row]
                flagged = [*item.flagged, *found.flagged.get(row, ())]
                dense = None if found.branching is None or row < 0 else found.branching[row]
                yield item._replace(flagged=flagged, answer=answer, branching=dense)


def facts_of(batch: Sequence[Judged], origin: Origin) -> Facts:
    """Return what `select` asks of the rows of a batch that are valid."""
    valid = [(item, talk) for item in batch if (talk := item.conversation) is not None]
    of = origin.source.format
    return Facts(
        pass_rate=[of.pass_rate(item.row.values) for item, _ in valid],
        problem_type=[of.problem_type(item.row.values) for item, _ in valid],
        solver=[talk.solver for _, talk in valid],
        text_bytes=[item.text_bytes for item, _ in valid],
    )


def _frames(judged: Iterable[Judged], origin: Origin) -> Iterator[_Frames]:
    """Yield keys and rejects of rows that were judged one by one."""
    for batch in bounded_lists(judged, lambda item: item.text_bytes, count=_BATCH_ROWS, total=_BATCH_BYTES):
        kept = [item for item in batch if item.conversation is not None]
        dropped = [item for item in batch if item.reason is not None]
        yield _key_frame(kept, origin), _reject_frame(dropped, origin)


def _count(kept: pl.DataFrame, dropped: pl.DataFrame, origin: Origin) -> StageCount:
    messages, size = int(kept["messages"].sum()), int(kept["text_bytes"].sum())
    amount = Amount(rows=kept.height, messages=messages, text_bytes=size)
    count = StageCount(stage=STAGE, source=origin.source.name, read=amount, kept=amount)
    if dropped.height:
        count += count_stage(STAGE, origin.source.name, dropped.select("reason", "messages", "text_bytes"))
    return count


def _cleared_frame(cleared: pl.DataFrame, first: int, origin: Origin) -> pl.DataFrame:
    """Return rows that columnar validation cleared under the schema of keys."""
    source = origin.source
    constants = {
        "source": source.name,
        "priority": source.priority,
        "cap": source.max_solutions_per_problem or 1,
        "file": origin.file,
    }
    columns: dict[str, pl.Series] = {"row": cleared["place"] + first}
    for name, kind in KEYS.items():
        if name in constants:
            columns[name] = pl.Series([constants[name]], dtype=kind).new_from_index(0, cleared.height)
        elif name in CLEARED:
            columns[name] = cleared[name]
    known = pl.DataFrame({name: columns[name] for name in KEYS})
    if origin.judging.looks:
        # a batch without a row that is surely clean was not judged by columns
        judged = pl.Schema({name: kind for name, kind in origin.keys.items() if name not in KEYS})
        known = known.hstack(cleared.select(judged.names()) if cleared.height else judged.to_frame())
    elif origin.flagged:  # a row that is cleared needs no repair
        none = (pl.lit(None, dtype=kind).alias(name) for name, kind in FLAGS.items())
        known = without_null_flags(known.with_columns(none))
    if origin.scanned:
        known = known.hstack(cleared.select(SAID.names()) if cleared.height else SAID.to_frame())
    return known


def _key_frame(kept: list[Judged], origin: Origin) -> pl.DataFrame:
    source, flagged = origin.source, origin.flagged
    rows = [
        {
            "id": conversation.id,
            "source": conversation.source,
            "content_key": item.content_key,
            "text": comparison_text(conversation.messages, source.compare),
            "priority": source.priority,
            "quality": conversation.quality,
            "solver": conversation.solver,
            "cap": source.max_solutions_per_problem or 1,
            "answer": conversation.answer,
            "preamble": preamble_of(conversation.messages, conversation.tools, source.compare),
            "file": conversation.lineage.file,
            "row": conversation.lineage.row,
            "messages": item.messages,
            "text_bytes": item.text_bytes,
            "turns": item.learned.turns,
            **(flag_row(item.flagged) if flagged else {}),
            **(_check_row(item, source) if origin.judging.checks_answers else {}),
            **({"branching": item.branching} if origin.judging.density else {}),
        }
        for item in kept
        if (conversation := item.conversation)
    ]
    frame = pl.DataFrame(rows, schema=origin.keys, orient="row")
    if not origin.scanned:
        return frame
    said = [said_text(item.conversation.messages) for item in kept if item.conversation]
    return frame.with_columns(pl.Series("said", said, dtype=pl.String))


def _check_row(item: Judged, source: RowSettings) -> dict[str, object]:
    """Return the columns of `tables.CHECKED` of a row."""
    of, row = source.format, item.row.values
    return {"answer_check": item.answer, "problem_type": of.problem_type(row), "pass_rate": of.pass_rate(row)}


def _reject_frame(rejected: list[Judged], origin: Origin) -> pl.DataFrame:
    rows = []
    for item in rejected:
        content = raw_json(item.row)
        rows.append(
            {
                "id": row_id(origin.source.name, content),
                "source": origin.source.name,
                "file": origin.file,
                "row": item.row.number,
                "stage": STAGE,
                "reason": item.reason,
                "detail": item.detail[:_SHOWN_DETAIL].encode(errors="backslashreplace").decode(),
                "messages": item.messages,
                "text_bytes": item.text_bytes,
                "content": content,
            }
        )
    return pl.DataFrame(rows, schema=REJECTS, orient="row")
