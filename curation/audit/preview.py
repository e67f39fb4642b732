"""What a build would make of the first rows of a source: they are judged and rendered as a build does it.

Duplicates and evaluations are not looked for: among a few rows there are hardly any.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from thinkmix.curation.audit.trial import Placed, Trial, try_rules
from thinkmix.curation.read.read import RawRow, raw_json
from thinkmix.curation.rules.contract import Applied
from thinkmix.curation.rules.known import why
from thinkmix.curation.sample.render import render_rows
from thinkmix.curation.sample.settings import Unit
from thinkmix.curation.validate.compared import comparison_text
from thinkmix.curation.validate.reading import Reopened
from thinkmix.curation.validate.rowwise import STAGE, Judged, Origin, Sight, apply_rules, judge
from thinkmix.schemas.findings import Tally, looks_like
from thinkmix.schemas.formats.contract import Format
from thinkmix.schemas.ledger import Amount, Ledger, StageCount, TurnCount
from thinkmix.schemas.record import Record
from thinkmix.schemas.report import SourceFindings, Unread
from thinkmix.templates.chat.families.contract import Family

_SHOWN_TEXT = 500

_RENDERED_BYTES = 16 * 1024 * 1024
"""Text of examples that are rendered: a second of a core."""


class Batch(NamedTuple):
    """The first rows of one file."""

    origin: Origin
    rows: Sequence[RawRow]


class Drop(Record):
    """What is left out for one reason."""

    stage: str
    """`validate`, which drops rows, or `render`, which drops examples."""
    reason: str
    count: int
    detail: str
    """Of the first one."""
    file: str
    row: int
    content: str
    """The first row, cut."""


class Shown(Record):
    """One example as it is trained."""

    file: str
    row: int
    turn: int
    thinking: bool
    prompt: str
    completion: str
    prompt_tokens: int
    completion_tokens: int


class Preview(Record):
    """What becomes of some rows of a source."""

    read: int
    kept: int
    """Rows that are valid."""
    dropped: tuple[Drop, ...]
    """By stage, the most frequent first."""
    turns: TurnCount
    found: Mapping[str, int]
    """Findings in rows that stay."""
    unread: tuple[Unread, ...]
    """Fields that nothing reads."""
    repeated: int
    """Valid rows that are compared by a text that an earlier one has, too."""
    rendered: int
    """Valid rows whose examples were rendered: the first ones, where all would take too long."""
    examples: int
    thinking: int
    """Examples with a trace."""
    tokens: int
    trainable_tokens: int
    text_bytes: int
    """Text of all rows."""
    languages: Mapping[str, int]
    """Rows that have examples by language."""
    rules: tuple[Trial, ...] = ()
    """What rules find in the rows that are valid, those that are off, too."""
    example: Shown | None
    """The first example, or the first one that thinks if most do."""
    shown: tuple[Shown, ...] = ()
    """The first examples, as many as were asked for."""

    def per_row(self, unit: Unit) -> float:
        """Return what a row that is read comes to in the unit of a mixture."""
        return self.amount(unit) / max(1, self.rendered) * self.kept / max(1, self.read)

    def amount(self, unit: Unit) -> int:
        """Return what the examples come to in the unit of a mixture."""
        return {
            "examples": self.examples,
            "tokens": self.tokens,
            "trainable_tokens": self.trainable_tokens,
        }[unit]

    def facts(self, source: str) -> "Facts":
        """Return what gates ask of the rows of a source of this name."""
        lost = {drop.reason: Amount(rows=drop.count) for drop in self.dropped if drop.stage == STAGE}
        read, kept = Amount(rows=self.read), Amount(rows=self.kept)
        count = StageCount(stage=STAGE, source=source, read=read, kept=kept, dropped=lost)
        found = SourceFindings(source=source, found=self.found, unread=self.unread)
        return Facts(Ledger(stages=(count,)), (found,))


class Facts(NamedTuple):
    """What gates on reading ask of a report."""

    ledger: Ledger
    findings: tuple[SourceFindings, ...]


def preview(
    batches: Sequence[Batch],
    *,
    family: Family,
    max_tokens: int,
    max_row_bytes: int,
    scratch: Path,
    render: bool = True,
    tried: Sequence[Applied] = (),
    shown: int = 0,
) -> Preview:
    """Return what becomes of rows of one source.

    Args:
        batches: the rows, file by file; all are of one source with a format that is known.
        family: whose rendering is wanted.
        max_tokens: longest example.
        max_row_bytes: most bytes of text in a row.
        scratch: an empty folder, for what rendering writes.
        render: whether examples are wanted, or only which rows are kept.
        tried: rules whose hits are wanted, whether or not they are on.
        shown: how many examples are wanted as they are trained.
    """
    source = batches[0].origin.source
    sight = Sight(source.name)
    judged: list[Judged] = []
    valid: list[Placed] = []
    of_file: list[tuple[str, list[Judged]]] = []
    for origin, rows in batches:
        found = [judge(row, origin=origin, max_row_bytes=max_row_bytes) for row in rows]
        valid += (Placed(origin.file, one.row.number, talk) for one in found if (talk := one.conversation))
        mine = list(sight.add_rows(apply_rules(found, origin)))
        judged += mine
        of_file.append((origin.file, mine))
    examples, lost, rendered, left = [], [], 0, _RENDERED_BYTES * render
    for number, (file, mine) in enumerate(of_file):
        folder = scratch / str(number)
        folder.mkdir()
        chosen = _affordable(mine, left)
        rendered, left = rendered + len(chosen), left - sum(map(_cost, chosen))
        _render(chosen, folder, batches[number].origin, family, max_tokens)
        name = pl.lit(file).alias("file")
        index = pl.read_parquet(folder / "index.parquet").drop(
            "turn", "thinking", "prompt_tokens", "completion_tokens"
        )
        made = pl.read_parquet(folder / "examples.parquet")
        examples.append(made.hstack(index.select("row", "language")).with_columns(name))
        lost.append(pl.read_parquet(folder / "lost.parquet").with_columns(name))
    made, losses = pl.concat(examples), pl.concat(lost)
    tally = sight.notes.tally()
    return Preview(
        read=len(judged),
        kept=sum(item.conversation is not None for item in judged),
        dropped=(*_dropped(of_file), *_lost(losses)),
        turns=sight.counted(),
        found=tally.findings,
        unread=_unread(tally, source.format),
        repeated=_repeated(judged, batches[0].origin),
        rendered=rendered,
        examples=made.height,
        thinking=int(made["thinking"].sum()),
        tokens=int(made["prompt_tokens"].sum()) + int(made["completion_tokens"].sum()),
        trainable_tokens=int(made["completion_tokens"].sum()),
        text_bytes=sum(item.text_bytes for item in judged),
        languages=_languages(made),
        rules=try_rules(tried, valid),
        example=_example(made),
        shown=tuple(map(_shown, made.head(shown).to_dicts())),
    )


def _affordable(judged: Sequence[Judged], left: int) -> list[Judged]:
    """Return the first valid rows whose prompts and completions come to `left` bytes at most, about.

    As long as anything is left, one is among them: no row is beyond the limits of the recipe.
    """
    chosen: list[Judged] = []
    for item in judged:
        if left <= 0:
            break
        if item.conversation is not None:
            chosen.append(item)
            left -= _cost(item)
    return chosen


def _cost(item: Judged) -> int:
    """Return the bytes that the examples of a row take, about: each repeats what was said before it."""
    return item.text_bytes * (1 + len(item.learned.turns)) // 2


def _render(valid: Sequence[Judged], folder: Path, origin: Origin, family: Family, max_tokens: int) -> None:
    """Render all learned turns of valid rows, as sampling would ask for them."""
    wanted = [(item.row.number, turn) for item in valid for turn in item.learned.turns]
    render_rows(
        _reopened(valid),
        pl.DataFrame(wanted, schema={"row": pl.Int64(), "turn": pl.Int64()}, orient="row"),
        source=origin.source,
        family=family,
        max_tokens=max_tokens,
        out=folder,
    )


def _reopened(valid: Sequence[Judged]) -> Iterator[Reopened]:
    for item in valid:
        if (found := item.conversation) is not None:
            yield Reopened(item.row.number, found.id, found.messages, found.tools)


def _dropped(of_file: Sequence[tuple[str, Sequence[Judged]]]) -> list[Drop]:
    counts: Counter[str] = Counter()
    first: dict[str, Drop] = {}
    for file, judged in of_file:
        for item in judged:
            if item.reason is None:
                continue
            counts[item.reason] += 1
            if item.reason not in first:
                first[item.reason] = Drop(
                    stage=STAGE,
                    reason=item.reason,
                    count=0,
                    detail=item.detail or why(item.reason).sentence,
                    file=file,
                    row=item.row.number,
                    content=raw_json(item.row)[:_SHOWN_TEXT],
                )
    return [first[reason].model_copy(update={"count": count}) for reason, count in counts.most_common()]


def _lost(losses: pl.DataFrame) -> list[Drop]:
    found = losses.group_by("reason", maintain_order=True).agg(pl.len(), pl.first("detail", "file", "row"))
    return [
        Drop(stage="render", reason=reason, count=count, detail=detail, file=file, row=row, content="")
        for reason, count, detail, file, row in found.sort(
            "len", descending=True, maintain_order=True
        ).iter_rows()
    ]


def _unread(tally: Tally, format: Format) -> tuple[Unread, ...]:
    return tuple(
        Unread(
            **field.model_dump(), looks_like=looks_like(field.path), setting=format.setting_for(field.path)
        )
        for field in tally.unread
    )


def _repeated(judged: Sequence[Judged], origin: Origin) -> int:
    texts = [
        comparison_text(item.conversation.messages, origin.source.compare)
        for item in judged
        if item.conversation is not None
    ]
    return len(texts) - len(set(texts))


def _languages(made: pl.DataFrame) -> dict[str, int]:
    counted = (
        made.unique(["file", "row"])["language"]
        .value_counts()
        .sort("count", "language", descending=[True, False])
    )
    return dict(counted.iter_rows())


def _example(made: pl.DataFrame) -> Shown | None:
    if not made.height:
        return None
    usual = made.filter(thinking=2 * int(made["thinking"].sum()) >= made.height)
    return _shown((usual if usual.height else made).row(0, named=True))


def _shown(row: Mapping[str, Any]) -> Shown:
    return Shown(**{name: row[name] for name in Shown.model_fields})
