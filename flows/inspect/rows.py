"""The rows of a version, or of a failed run: where each ended, and what it says, where that still lies."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import polars as pl

from thinkmix.curation.files.blob import Blob
from thinkmix.curation.rules.contract import said
from thinkmix.curation.rules.known import why
from thinkmix.curation.rules.own import own_sentences
from thinkmix.curation.validate.settings import Limits
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.flows.sources.contract import Source
from thinkmix.flows.store.digests import MANIFEST
from thinkmix.flows.store.log import FAILED
from thinkmix.flows.store.store import Store
from thinkmix.flows.store.versions import outcome_files
from thinkmix.schemas.conversation import Message, ToolCall
from thinkmix.schemas.errors import NotFound, SourceError
from thinkmix.schemas.formats.auto import Auto
from thinkmix.schemas.formats.recognition import parse_format
from thinkmix.schemas.manifest import Manifest
from thinkmix.schemas.mending import Patch
from thinkmix.schemas.record import Record, json_text, parse_json
from thinkmix.schemas.run import FailedRun

VALIDATE = "validate"
_ANY_SIZE = 2**62


class StageVerdict(Record):
    """What one stage said of a row."""

    stage: str
    verdict: Literal["passed", "dropped", "not reached"]
    says: str
    """The evidence, in a sentence."""


class Place(Record):
    """Where a rule found something, and what stands there: the fields of `rules.contract.Evidence`."""

    text: str
    message: int | None
    part: str | None
    start: int | None
    end: int | None


class Check(Record):
    """What a rule found in a row that stays."""

    rule: str
    value: float
    evidence: Place

    def __str__(self) -> str:
        """Say it in words."""
        return f"{self.rule} {said(self.value, self.evidence.model_dump())}"


class Outcome(Record):
    """What became of one raw row."""

    id: str
    source: str
    file: str
    row: int
    stage: str | None
    reason: str | None
    detail: str | None
    cluster: str | None
    winner: str | None
    similarity: float | None
    examples: int
    sampled: int
    messages: int = 0
    text_bytes: int = 0
    flags: tuple[str, ...] = ()
    """Rules that flag it."""
    checks: tuple[Check, ...] = ()
    """What each of them found, in their order."""
    stages: tuple[StageVerdict, ...] = ()
    """Every stage's verdict, of a row that was asked for."""


class Said(NamedTuple):
    """A conversation as it is read, without what is known about it."""

    messages: tuple[Message, ...]
    tools: tuple[Mapping[str, Any], ...]
    patches: tuple[Patch, ...] = ()
    """What was repaired in it while it was read."""
    raw: str = ""
    """The raw row as JSON text, of a row in which something was repaired."""


@dataclass(frozen=True)
class Rows:
    """A version, or a failed run, as its rows are looked up: nothing is read before it is asked for."""

    version: Path

    @cached_property
    def manifest(self) -> Manifest | FailedRun:
        """What the version was made from, or what a run that made none left."""
        if (self.version / FAILED).is_file():
            return FailedRun.model_validate_json((self.version / FAILED).read_bytes())
        return Manifest.model_validate_json((self.version / MANIFEST).read_bytes())

    @cached_property
    def recipe(self) -> Recipe:
        """What was built."""
        return Recipe.model_validate(self.manifest.recipe)

    @cached_property
    def own(self) -> Mapping[str, str]:
        """Rules of users' files that its recipe names, with their sentences."""
        return own_sentences(self.manifest.recipe)

    @property
    def store(self) -> Store:
        """The store that the version lies in, if it lies in one."""
        return Store(self.version.resolve().parents[2])

    @property
    def outcomes(self) -> pl.LazyFrame:
        """One line per raw row (schema `tables.OUTCOMES`)."""
        if found := outcome_files(self.version):
            return _scan(*found)
        from thinkmix.curation.tables import OUTCOMES  # noqa: PLC0415 - brings numba, and only a failed run has none

        return pl.LazyFrame(schema=OUTCOMES)

    @property
    def rejects(self) -> pl.LazyFrame:
        """The dropped rows that are kept whole (schema `tables.REJECTS`)."""
        if found := sorted((self.version / "rejects").glob("*.parquet")):
            return _scan(*found)
        from thinkmix.curation.tables import REJECTS  # noqa: PLC0415 - as above

        return pl.LazyFrame(schema=REJECTS)

    @property
    def examples(self) -> pl.LazyFrame:
        """What is trained and evaluated on (schema `tables.EXAMPLES`), and in which `split` it is."""
        splits = [
            _scan(*found).with_columns(split=pl.lit(split))
            for split in ("train", "eval")
            if (found := sorted(self.version.glob(f"{split}-*.parquet")))
        ]
        if splits:
            return pl.concat(splits)
        from thinkmix.curation.tables import EXAMPLES  # noqa: PLC0415 - as above

        return pl.LazyFrame(schema={**EXAMPLES, "split": pl.String()})

    def source(self, name: str) -> Source:
        """Return the recipe's statement of a source, with the format that its rows were recognised as."""
        source = next(source for source in self.recipe.sources if source.name == name)
        entry = next(entry for entry in self.manifest.sources if entry.name == name)
        if not isinstance(source.format, Auto):
            return source
        return source.model_copy(update={"format": parse_format(entry.format)})

    def contents(self, ids: Iterable[str]) -> dict[str, tuple[str, str]]:
        """Return source and raw text of those of the rows that the version keeps whole, by id."""
        rows = self.rejects.filter(pl.col("id").is_in(sorted(set(ids)))).select("id", "source", "content")
        return {row: (source, content) for row, source, content in reversed(rows.collect().rows())}

    def said(self, ids: Iterable[str]) -> dict[str, Said]:
        """Return what valid rows say, by id: from the dropped rows, the source's files, or the mixture.

        The mixture comes last: its examples end with the turn that is learned, and later ones may not be
        sampled. A row that lies nowhere any more is not in the result.
        """
        wanted = set(ids)
        found: dict[str, Said] = {}
        for row, (source, content) in self.contents(wanted).items():
            if said := self.judged(source, content):
                found[row] = said
        found |= self._reopened(sorted(wanted - found.keys()))
        return found | self._published(sorted(wanted - found.keys()))

    def judged(self, source: str, content: str) -> Said | None:
        """Return what is said in a row that is kept as JSON text; None if it is not a valid one."""
        try:
            values = parse_json(content)
        except ValueError:
            return None
        if not isinstance(values, dict):
            return None
        from thinkmix.curation.read.read import RawRow  # noqa: PLC0415 - as above
        from thinkmix.curation.validate.rowwise import Origin, judge  # noqa: PLC0415 - brings numba: as long as a whole lookup

        stated = self.source(source)
        origin = Origin(stated, "", self.recipe.reads_unopened(stated), Limits(_ANY_SIZE, _ANY_SIZE))
        judged = judge(RawRow(0, values, None, ""), origin=origin, max_row_bytes=_ANY_SIZE)
        found, patches = judged.conversation, tuple(judged.notes.patches)
        return Said(found.messages, found.tools, patches, content if patches else "") if found else None

    def compared(self, outcome: Outcome, messages: Sequence[Message]) -> str:
        """Return the text of a row that near-duplicates are judged by."""
        from thinkmix.curation.validate.compared import comparison_text  # noqa: PLC0415 - as below

        return comparison_text(messages, self.source(outcome.source).compare)

    def _published(self, ids: Sequence[str]) -> dict[str, Said]:
        """Return the turns of the longest example of each row, as they were before they were published."""
        if not ids:
            return {}
        mine = self.examples.filter(pl.col("conversation_id").is_in(ids))
        last = mine.sort("turn").group_by("conversation_id").agg(pl.col("messages", "tools").last()).collect()
        return {
            row: Said(tuple(map(_message, messages)), tuple(json.loads(tools) if tools else ()))
            for row, messages, tools in last.iter_rows()
        }

    def _reopened(self, ids: Sequence[str]) -> dict[str, Said]:
        """Return the turns of rows whose place the version knows, if the files are still the same."""
        places = self.store.log.places(self.recipe.name) if ids else {}
        if not places:
            return {}
        valid = pl.col("stage").is_null() | (pl.col("stage") != VALIDATE)
        rows = self.outcomes.filter(pl.col("id").is_in(ids) & valid).select("source", "file", "row").collect()
        wanted: dict[tuple[str, str], list[int]] = defaultdict(list)
        for source, file, row in rows.iter_rows():
            wanted[source, file].append(row)
        found: dict[str, Said] = {}
        contents = {(one.name, file.name): file.sha256 for one in self.manifest.sources for file in one.files}
        for (source, file), numbers in sorted(wanted.items()):
            path = places.get(source, {}).get(contents.get((source, file), ""))
            if path is not None and Path(path).is_file():
                found |= self._read(source, file, Path(path), sorted(set(numbers)))
        return {row: found[row] for row in ids if row in found}

    def _read(self, source: str, file: str, path: Path, numbers: Sequence[int]) -> Iterator[tuple[str, Said]]:
        from thinkmix.curation.read.read import raw_json, read_rows, slices  # noqa: PLC0415 - as above
        from thinkmix.curation.validate.reading import reopen  # noqa: PLC0415
        from thinkmix.curation.validate.rowwise import Origin  # noqa: PLC0415

        stated, limit = self.source(source), self.recipe.max_row_bytes
        origin = Origin(stated, file, self.recipe.reads_unopened(stated), self.recipe.limits)
        with suppress(SourceError):  # another file than that of the build
            for piece in slices(file, Blob(path, ""), origin.source.rows, origin.source.encoding):
                end = _ANY_SIZE if piece.rows is None else piece.first_row + piece.rows
                mine = np.array([row for row in numbers if piece.first_row <= row < end])
                if len(mine):
                    for row in reopen(piece, mine, reading=origin, max_row_bytes=limit):
                        here = np.array([row.row])
                        raw = (
                            raw_json(next(read_rows(piece, max_row_bytes=limit, rows=here)))
                            if row.patches
                            else ""
                        )
                        yield row.id, Said(row.messages, row.tools, row.patches, raw)


def check_text(text: str) -> str:
    """Return text that was typed, if it is text that a row may hold.

    Raises:
        NotFound: for bytes that are not UTF-8, which a command line takes all the same.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        msg = f"{text!r} is not UTF-8 text; rows and verdicts hold nothing else"
        raise NotFound(msg) from None
    return text


def outcomes_of(frame: pl.DataFrame) -> tuple[Outcome, ...]:
    """Return the lines of a frame of outcomes as records."""
    columns = [name for name in Outcome.model_fields if name in frame.columns]
    return tuple(Outcome(**row) for row in frame.select(columns).to_dicts())


def sentence(outcome: Outcome) -> str:
    """Return a row's outcome in words."""
    if outcome.reason is None and not outcome.sampled:
        return "good so far: the build ended before it was sampled or left out"
    if outcome.reason is None:
        flagged = f"; flagged {', '.join(outcome.flags)}" if outcome.flags else ""
        return f"in the mixture, with {outcome.sampled} of its {outcome.examples} examples{flagged}"
    words = f"left out at {outcome.stage} as {outcome.reason}: {why(outcome.reason).sentence}"
    return f"{words} ({outcome.detail})" if outcome.detail else words


def spoken(messages: Iterable[Message]) -> str:
    """Return turns as people read them: who says what, with traces and calls."""
    lines = []
    for message in messages:
        if message.reasoning:
            lines.append(f"{message.role} thinks: {message.reasoning}")
        if message.content or not message.tool_calls:
            lines.append(f"{message.role}: {message.content}")
        lines += [
            f"{message.role} calls {call.name} with {json_text(dict(call.arguments))}"
            for call in message.tool_calls
        ]
    return "\n".join(lines)


def _message(published: Mapping[str, Any]) -> Message:
    return Message.model_construct(
        role=published["role"],
        content=published["content"] or "",
        reasoning=published["reasoning_content"],
        tool_calls=tuple(
            ToolCall(name=call["function"]["name"], arguments=call["function"]["arguments"])
            for call in published["tool_calls"] or ()
        ),
    )


def _scan(*paths: Path) -> pl.LazyFrame:
    """Return the rows of files whose names are meant as they are, never as patterns."""
    return pl.scan_parquet(list(paths), glob=False)
