"""An index of a version's rows: a line a raw row, small enough to filter and sort in an instant.

It is made once, from the outcomes of the rows and the texts that the version holds, and lies in the store's
cache like an output of a stage. Nothing in it is not in the version.
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Literal

import polars as pl

from thinkmix.flows.inspect.rows import Rows, check_text
from thinkmix.flows.store.digests import key_of
from thinkmix.schemas.record import Record

LAYOUT = 1
"""Raised when the columns change, or what they are made from."""

FIRST = 160
"""Characters of a row that its line shows."""

_JUDGED = 4_000
"""Characters of an answer by which its language is told."""

Sort = Literal["", "tokens", "-tokens", "text_bytes", "-text_bytes"]

OUTCOMES = ("mixture", "dropped", "unfinished")
"""In the mixture, left out, or neither because the build ended before."""

INDEX = pl.Schema(
    {
        "id": pl.String(),
        "source": pl.String(),
        "file": pl.String(),
        "row": pl.Int64(),
        "outcome": pl.String(),
        "stage": pl.String(),
        "reason": pl.String(),
        "detail": pl.String(),
        "flags": pl.List(pl.String()),
        "text_bytes": pl.Int64(),
        "mode": pl.String(),
        "tokens": pl.Int64(),
        "language": pl.String(),
        "first": pl.String(),
    }
)
"""`mode` is `thinking` or `direct`, `tokens` those of its longest example with its prompt, `language` that of
its answers: null for rows that are not in the mixture. `first` are the first words of its question, or of the
raw row if it was left out; null where the version keeps only its place."""


class Filter(Record):
    """Which rows are wanted; an empty value stands for all."""

    source: str = ""
    outcome: str = ""
    reason: str = ""
    rule: str = ""
    mode: str = ""
    language: str = ""
    least: int | None = None
    """Fewest tokens."""
    most: int | None = None
    """Most tokens."""
    text: str = ""
    """That the row holds, in any letter case."""
    sort: Sort = ""


class Choices(Record):
    """What a filter can ask for in a version, with the number of rows of each."""

    source: Mapping[str, int]
    outcome: Mapping[str, int]
    reason: Mapping[str, int]
    rule: Mapping[str, int]
    mode: Mapping[str, int]
    language: Mapping[str, int]


class Line(Record):
    """One row as a list shows it."""

    id: str
    source: str
    file: str
    row: int
    outcome: str
    stage: str | None
    reason: str | None
    detail: str | None
    flags: tuple[str, ...]
    text_bytes: int
    mode: str | None
    tokens: int | None
    language: str | None
    first: str | None


class Found(Record):
    """Rows that match, a page of them."""

    total: int
    rows: tuple[Line, ...]


def find_rows(version: Path, wanted: Filter, *, first: int = 0, count: int = 50) -> Found:
    """Return the rows that match, in the order of their sources and files, or by size.

    Args:
        version: the folder of a version, or of a failed run.
        wanted: which rows.
        first: how many of the matching ones to pass over.
        count: most rows to return.

    Raises:
        NotFound: for text that no row may hold.
        StoreError: if the index cannot be written.
    """
    matching = matching_rows(version, wanted)
    total = matching.select(pl.len()).collect().item()
    if wanted.sort:
        by = wanted.sort.removeprefix("-")
        matching = matching.sort(by, "id", descending=[wanted.sort.startswith("-"), False], nulls_last=True)
    lines = matching.slice(first, count).collect().to_dicts()
    return Found(total=total, rows=tuple(Line(**line) for line in lines))


def matching_rows(version: Path, wanted: Filter) -> pl.LazyFrame:
    """Return the lines of the index (schema `INDEX`) that match, unsorted; see `find_rows`."""
    found = pl.scan_parquet(open_index(version), glob=False)
    for column in ("source", "outcome", "reason", "mode", "language"):
        if value := getattr(wanted, column):
            found = found.filter(pl.col(column) == value)
    if wanted.rule:
        found = found.filter(pl.col("flags").list.contains(wanted.rule))
    if wanted.least is not None:
        found = found.filter(pl.col("tokens") >= wanted.least)
    if wanted.most is not None:
        found = found.filter(pl.col("tokens") <= wanted.most)
    if wanted.text:
        held = _holding(version, check_text(wanted.text).lower())
        found = found.filter(pl.col("id").is_in(held.implode()))
    return found


def choices(version: Path) -> Choices:
    """Return what a filter can ask for in a version."""
    return _choices(open_index(version))


def open_index(version: Path) -> Path:
    """Return the index of a version or failed run; one that is not there, or not whole, is made first.

    Raises:
        StoreError: if it cannot be written.
    """
    return _open(version.resolve())


@lru_cache(maxsize=64)
def _open(version: Path) -> Path:
    rows = Rows(version)
    key = key_of(layout=LAYOUT, version=version.name, mixture=rows.manifest.mixture)

    def make(folder: Path) -> Mapping[str, object]:
        _index(rows).sink_parquet(folder / "index.parquet", row_group_size=20_000)
        return {}

    return rows.store.cache.stage("row-index", key, make).folder / "index.parquet"


def _index(rows: Rows) -> pl.LazyFrame:
    """Return the lines of the index, in the order of sources, files and rows."""
    outcomes = rows.outcomes
    if "flags" not in outcomes.collect_schema():
        outcomes = outcomes.with_columns(flags=pl.lit([], dtype=pl.List(pl.String())))
    state = (
        pl.when(pl.col("reason").is_not_null()).then(pl.lit("dropped"))
        .when(pl.col("sampled") > 0).then(pl.lit("mixture"))
        .otherwise(pl.lit("unfinished"))
    )  # fmt: skip
    dropped = rows.rejects.select("source", "file", "row", raw=pl.col("content").str.slice(0, FIRST))
    joined = (
        outcomes.with_columns(outcome=state)
        .join(_examples(rows), on="id", how="left")
        .join(dropped, on=["source", "file", "row"], how="left")
        .with_columns(first=pl.coalesce("asked", "raw"))
        .sort("source", "file", "row")
    )
    return joined.select([pl.col(name).cast(kind) for name, kind in INDEX.items()])


def _examples(rows: Rows) -> pl.LazyFrame:
    """Return what the mixture holds of each of its rows."""
    from thinkmix.curation.text.languages import languages  # noqa: PLC0415 - brings numba, and an index is made once

    asked = pl.element().filter(pl.element().struct.field("role") == "user").first().struct.field("content")
    per_example = rows.examples.select(
        id="conversation_id",
        thinking="thinking",
        tokens=pl.col("prompt_tokens") + pl.col("completion_tokens"),
        asked=pl.col("messages").list.eval(asked).list.first().str.slice(0, FIRST),
        answer=pl.col("completion").str.slice(0, _JUDGED),
    ).with_columns(
        language=pl.col("answer").map_batches(
            lambda text: languages(text.to_list()), return_dtype=pl.String()
        )
    )
    return per_example.group_by("id").agg(
        mode=pl.when(pl.col("thinking").any()).then(pl.lit("thinking")).otherwise(pl.lit("direct")),
        tokens=pl.col("tokens").max(),
        asked=pl.col("asked").first(),
        language=pl.col("language").mode().sort().first(),
    )


@lru_cache(maxsize=16)
def _holding(version: Path, text: str) -> pl.Series:
    """Return the ids of rows whose examples, or whose raw rows, hold a text, in any letter case."""
    rows = Rows(version)
    said = pl.any_horizontal(
        pl.col(side).str.to_lowercase().str.contains(text, literal=True) for side in ("completion", "prompt")
    )
    kept = rows.examples.filter(said).select(id="conversation_id")
    raw = pl.col("content").str.to_lowercase().str.contains(text, literal=True)
    lost = rows.rejects.filter(raw).select("id")
    return pl.concat([kept, lost]).unique().collect(engine="streaming")["id"].sort()


@lru_cache(maxsize=64)
def _choices(index: Path) -> Choices:
    lines = pl.scan_parquet(index, glob=False)
    counted = {
        name: lines.filter(pl.col(name).is_not_null()).group_by(name).len()
        for name in ("source", "outcome", "reason", "mode", "language")
    }
    counted["rule"] = lines.select(rule="flags").explode("rule").drop_nulls().group_by("rule").len()
    return Choices(
        **{
            name: dict(frame.sort(["len", name], descending=[True, False]).collect().iter_rows())
            for name, frame in counted.items()
        }
    )
