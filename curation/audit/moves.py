"""Which rows of a source met another outcome in one version than in another, and what moved them.

A row is what it says: rows of equal content are the same row, wherever they lie. Only a row whose content is
not on the other side is looked for at its place in the file, so that an edited row is one row and not two.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from thinkmix.curation.sample import mix, render
from thinkmix.curation.sample.pools import bits
from thinkmix.curation.validate import rowwise
from thinkmix.schemas.changes import ABSENT, MIXTURE

ROWS = pl.Schema(
    {
        "high": pl.UInt64(),
        "low": pl.UInt64(),
        "file": pl.Categorical(),
        "row": pl.Int64(),
        "depth": pl.UInt8(),
        "outcome": pl.Categorical(),
        "cluster": pl.UInt64(),
        "winner": pl.UInt64(),
    }
)
"""What is compared of a row, 49 bytes: the two halves of its id, its place, how many stages it passed, its
reason or `mixture`, and the first halves of the ids of its cluster and of the row that won over it."""

ABSENT_DEPTH, DEDUP_DEPTH, RENDER_DEPTH, MIX_DEPTH, MIXTURE_DEPTH = 255, 1, 2, 3, 4
_DEPTHS = {rowwise.STAGE: 0, "dedup": DEDUP_DEPTH, render.STAGE: RENDER_DEPTH, mix.STAGE: MIX_DEPTH}
USED = ("id", "file", "row", "stage", "reason", "cluster", "winner")
"""The columns of the outcomes that are read."""
_ID = ["high", "low"]

Places = NDArray[np.int64]


@dataclass(frozen=True)
class Rules:
    """Which settings differ between the two versions, as far as they can move a row."""

    dedup: bool
    """A recipe's setting that decides which rows are duplicates, or which of them stays."""
    render: bool
    """A setting that decides what is rendered, and how long it may be."""
    code: bool
    """Our code or a library."""


def condense(outcomes: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Return all rows of a source in schema `ROWS`.

    Args:
        outcomes: pieces of schema `tables.OUTCOMES`, each of which may be let go before the next one is read.
    """
    pieces = [piece.select(**_row()).cast(ROWS) for piece in outcomes]
    return pl.concat([ROWS.to_frame(), *pieces])


def counts(rows: pl.DataFrame) -> dict[str, int]:
    """Return the number of rows (schema `ROWS`) by outcome."""
    return dict(rows.group_by(pl.col("outcome").cast(pl.String)).len().sort("outcome").iter_rows())


def pair_rows(before: pl.DataFrame, after: pl.DataFrame, same_files: Sequence[str]) -> pl.DataFrame:
    """Return the rows of a source that are not the same on both sides, in content or in outcome.

    A row that a side does not have is `absent` there. Rows of equal content and outcome are left out in pairs,
    and what is left of a content is paired next; then rows at the same place of the same file.

    Args:
        before: all rows of the older version, schema `ROWS`.
        after: those of the later one.
        same_files: the source's files that are the same on both sides, byte for byte.

    Returns:
        The columns of `ROWS` for both sides, the later with `_after`; `same`: equal content; and
        `upstream`: the source does not say the same of it any more.
    """
    old, new = _not_in_place(before, after)
    old, new, _ = _matched(old, new, [*_ID, "outcome"])
    old, new, same = _matched(old, new, _ID)
    old, new, edited = _matched(old, new, ["file", "row"])
    parts = [
        same.with_columns(same=True, upstream=False),
        edited.with_columns(same=False, upstream=~pl.col("file").cast(pl.String).is_in(same_files)),
        old.with_columns(same=False, upstream=True),
        new.rename(_LATER).with_columns(same=False, upstream=True),
    ]
    absent = pl.lit(ABSENT, dtype=pl.Categorical)
    return (
        pl.concat(parts, how="diagonal")
        .with_columns(pl.col("outcome", "outcome_after").fill_null(absent))
        .with_columns(pl.col("depth", "depth_after").fill_null(ABSENT_DEPTH))
    )


def with_cause(pairs: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Add `cause` to the pairs of all sources: the first stage at which a row's two ways part decides it.

    A row that is too long is `too_long` only where sampling got to it: that is a matter of sampling, too.
    """
    duplicate = _by_duplicate(pairs, rules)
    parting = pl.min_horizontal("depth", "depth_after")
    never_rendered = (pl.max_horizontal("depth", "depth_after") == MIX_DEPTH) & (not rules.render)
    cause = (
        pl.when("upstream")
        .then(pl.lit("upstream"))
        .when(~pl.col("same") | (parting < DEDUP_DEPTH))
        .then(pl.lit("rule"))
        .when(parting == DEDUP_DEPTH)
        .then(pl.when(duplicate).then(pl.lit("duplicate")).otherwise(pl.lit("rule")))
        .when((parting == MIX_DEPTH) | never_rendered)
        .then(pl.lit("sample"))
        .otherwise(pl.lit("rule"))
    )
    return pairs.with_columns(cause=cause)


_LATER = {name: f"{name}_after" for name in ROWS}


def _row() -> dict[str, pl.Expr]:
    """Return how the columns of `ROWS` are read from outcomes."""
    return {
        "high": bits("id", 0),
        "low": bits("id", 16),
        "file": pl.col("file"),
        "row": pl.col("row"),
        "depth": pl.col("stage").replace_strict(_DEPTHS, default=MIXTURE_DEPTH, return_dtype=pl.UInt8),
        "outcome": pl.col("reason").fill_null(MIXTURE),
        "cluster": bits("cluster", 0),
        "winner": bits("winner", 0),
    }


def _not_in_place(before: pl.DataFrame, after: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows that are not the same on the other side in place, content and outcome.

    Most rows are, in most runs: they are found by their places alone, without sorting or hashing.
    """
    tops = [side.group_by("file").agg(size=pl.col("row").max() + 1) for side in (before, after)]
    sizes = pl.concat(tops).group_by("file").agg(pl.col("size").max())
    codes, size = _numbers(sizes, "file"), sizes["size"].to_numpy()
    starts = np.zeros(int(codes.max(initial=0)) + 1, np.int64)
    starts[codes] = np.cumsum(size) - size
    lies = np.full(int(size.sum()), -1, np.int64)
    lies[_places(before, starts)] = np.arange(before.height)
    other = lies[_places(after, starts)]
    here = np.flatnonzero(other >= 0)
    other = other[here]
    equal = np.ones(len(here), np.bool_)
    for name in (*_ID, "outcome"):
        equal &= _numbers(before, name)[other] == _numbers(after, name)[here]
    return _without(before, other[equal]), _without(after, here[equal])


def _places(rows: pl.DataFrame, starts: Places) -> Places:
    """Return a number for every row's file and row that no other row of its side has."""
    places: Places = starts[_numbers(rows, "file")] + rows["row"].to_numpy()
    return places


def _numbers(rows: pl.DataFrame, name: str) -> NDArray[np.unsignedinteger]:
    column = rows[name]
    return (column.to_physical() if column.dtype == pl.Categorical else column).to_numpy()


def _without(rows: pl.DataFrame, places: Places) -> pl.DataFrame:
    rest = np.ones(rows.height, np.bool_)
    rest[places] = False
    return rows.filter(pl.Series(rest))


def _matched(
    before: pl.DataFrame, after: pl.DataFrame, keys: list[str]
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Pair rows whose keys are equal, the first with the first, and return both rests and the pairs."""
    old, new, on = _numbered(before, keys), _numbered(after, keys), [*keys, "copy"]
    later = new.with_columns(pl.col(name).alias(there) for name, there in _LATER.items())
    pairs = old.join(later.select(*on, *_LATER.values()), on=on, how="inner").drop("copy")
    rests = [one.join(other.select(on), on=on, how="anti") for one, other in ((old, new), (new, old))]
    return rests[0].drop("copy"), rests[1].drop("copy"), pairs


def _numbered(rows: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Sort the rows by keys, then by how far they got and where they lie, and number those of equal keys."""
    ordered = rows.sort(*keys, "depth", "outcome", "file", "row", maintain_order=False)
    place = pl.int_range(pl.len(), dtype=pl.Int64)
    first = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in keys)
    started = pl.when(first | (place == 0)).then(place).forward_fill()
    return ordered.with_columns(copy=place - started)


def _by_duplicate(pairs: pl.DataFrame, rules: Rules) -> pl.Expr:
    """Return whether a row that dedup judged in two ways owes that to other rows, not to a rule.

    If settings of dedup differ, clusters do, too: then only the coming or going of the very row that won
    counts. If our code does, any row of the cluster counts.
    """
    if not (rules.dedup or rules.code):
        return pl.lit(value=True)
    there, there_after = (
        pl.col(name).is_between(DEDUP_DEPTH, MIXTURE_DEPTH) for name in ("depth", "depth_after")
    )
    went = pairs.filter(there & ~(there_after & pl.col("same")))
    came = pairs.filter(there_after & ~(there & pl.col("same")))
    tie, identity = ("winner", "high") if rules.dedup else ("cluster", "cluster")
    return pl.col(tie).is_in(went[identity].implode()) | pl.col(f"{tie}_after").is_in(
        came[f"{identity}_after"].implode()
    )
