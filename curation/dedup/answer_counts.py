"""How the answers of rows are to those that their sources name, and how many problems nobody solved."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from thinkmix.curation.answers.statuses import AGREE, NO_REFERENCE, STATUSES
from thinkmix.curation.tables import CHECKED

_BANDS = (0.25, 0.5, 0.75)
_NAMED = [f"{low:g} to {high:g}" for low, high in zip((0, *_BANDS), (*_BANDS, 1), strict=True)]
_PARTS = ("all", "problem_type", "solver", "pass_rate")


def count_answers(keys: Sequence[Path], verdicts: Sequence[Path]) -> list[dict[str, object]]:
    """Return counts of rows by status: of each source, and of its problem types, solvers and pass rates.

    Shards without the columns of `tables.CHECKED` are left out. `problems` have a row whose source names an
    answer, and of `unsolved` ones no row has the right answer.

    Args:
        keys: the shards (schema `tables.KEYS`).
        verdicts: what dedup decided of them, which names the problem of each row.
    """
    found = [_checked(*pair) for pair in zip(keys, verdicts, strict=True) if _is_checked(pair[0])]
    if not found:
        return []
    rows = pl.concat(found)
    return [count for part in _PARTS for count in _counts(rows, part)]


def _is_checked(keys: Path) -> bool:
    return CHECKED.names()[0] in pq.read_schema(keys).names


def _checked(keys: Path, verdicts: Path) -> pl.DataFrame:
    rows = pl.read_parquet(keys, columns=["source", "solver", *CHECKED])
    named = pl.lit(_NAMED[-1])
    for limit, name in reversed(list(zip(_BANDS, _NAMED, strict=False))):
        named = pl.when(pl.col("pass_rate") < limit).then(pl.lit(name)).otherwise(named)
    rate = pl.when(pl.col("pass_rate").is_not_null()).then(named)
    names = [pl.col("source"), pl.col("solver"), pl.col("problem_type"), rate.alias("pass_rate")]
    problem = pl.read_parquet(verdicts, columns=["problem"])["problem"].hash(seed=1)
    return rows.select(*names, "answer_check", all=pl.lit(None, pl.String)).with_columns(problem=problem)


def _counts(rows: pl.DataFrame, part: str) -> Iterator[dict[str, object]]:
    """Yield the counts of one part, sorted by source and value; a part that says nothing is left out."""
    if part != "all" and rows[part].null_count() == rows.height:
        return
    referenced = pl.col("answer_check") != NO_REFERENCE
    right = pl.col("answer_check") == AGREE
    counted = (
        rows.group_by("source", part)
        .agg(
            *((pl.col("answer_check") == place).sum().alias(name) for place, name in enumerate(STATUSES)),
            problems=pl.col("problem").filter(referenced).n_unique(),
            solved=pl.col("problem").filter(right).n_unique(),
        )
        .sort("source", part, nulls_last=True)
    )
    for row in counted.iter_rows(named=True):
        value, unsolved = row.pop(part), row["problems"] - row.pop("solved")
        yield {**row, "by": part, "value": value or "", "unsolved": unsolved}
