"""How the rows of the mixture spread: solutions a problem has, pass rates, languages, and turns."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import polars as pl

from thinkmix.curation.files.shards import read_many
from thinkmix.curation.text.languages import LANGUAGES
from thinkmix.schemas.report import Spread

SOLUTIONS = ("1", "2", "3", "4", "5-8", "9-16", "17+")
PASS_RATES = ("0.0-0.2", "0.2-0.4", "0.4-0.6", "0.6-0.8", "0.8-1.0", "unknown")
TURNS = ("1", "2", "3-5", "6+")
"""Groups of each measure, in the order of the report. A band of pass rates ends before its upper edge, but
the last; a turn is one question of the user, with all that follows it."""

_BANDS = (0.2, 0.4, 0.6, 0.8)
_COLUMNS = ["row", "problem", "questions", "language", "pass_rate"]

Measure = Literal["solutions_per_problem", "pass_rate", "language", "turns"]


def spreads(sampled: Mapping[str, Sequence[Path]], *, rated: Sequence[str] = ()) -> tuple[Spread, ...]:
    """Return per source how its rows in the mixture spread; the groups of each spread sum to these rows.

    Args:
        sampled: per source the sampled examples of its shards, schema `tables.SAMPLED`.
        rated: sources whose format states pass rates.
    """
    return tuple(
        spread
        for source in sorted(sampled)
        for spread in _of_source(source, sampled[source], source in rated)
    )


def _of_source(source: str, shards: Sequence[Path], rated: bool) -> list[Spread]:
    counted: dict[Measure, dict[str, int]] = {}
    problems = [pl.DataFrame(schema={"problem": pl.UInt64(), "rows": pl.Int64()})]
    for sampled in read_many(shards, _COLUMNS):
        rows = sampled.unique(["shard", "row"])
        groups: dict[Measure, pl.Expr] = {"language": pl.col("language"), "turns": _turns()}
        if rated:
            groups["pass_rate"] = _band()
        for measure, group in groups.items():
            known = counted.setdefault(measure, {})
            for name, number in rows.group_by(group.alias("group")).agg(pl.len()).iter_rows():
                known[name] = known.get(name, 0) + number
        problems.append(rows.group_by("problem").agg(rows=pl.len().cast(pl.Int64)))
    counted["solutions_per_problem"] = _solutions(pl.concat(problems))
    shown: dict[Measure, Sequence[str]] = {"solutions_per_problem": SOLUTIONS}
    if rated:
        shown["pass_rate"] = PASS_RATES
    shown |= {"language": LANGUAGES, "turns": TURNS}
    return [
        Spread(
            source=source,
            measure=measure,
            rows={name: counted.get(measure, {}).get(name, 0) for name in names},
        )
        for measure, names in shown.items()
    ]


def _solutions(parts: pl.DataFrame) -> dict[str, int]:
    """Return rows by how many rows their problem has, from the rows of each problem in each shard."""
    rows = pl.col("rows")
    group = (
        pl.when(rows <= 4)
        .then(rows.cast(pl.String))
        .when(rows <= 8)
        .then(pl.lit("5-8"))
        .when(rows <= 16)
        .then(pl.lit("9-16"))
        .otherwise(pl.lit("17+"))
    )
    whole = parts.group_by("problem").agg(rows.sum())
    return dict(whole.group_by(group.alias("group")).agg(rows.sum()).iter_rows())


def _turns() -> pl.Expr:
    asked = pl.col("questions")
    return (
        pl.when(asked <= 1)
        .then(pl.lit("1"))
        .when(asked == 2)
        .then(pl.lit("2"))
        .when(asked <= 5)
        .then(pl.lit("3-5"))
        .otherwise(pl.lit("6+"))
    )


def _band() -> pl.Expr:
    rate = pl.col("pass_rate")
    reached = pl.sum_horizontal([(rate >= edge).cast(pl.Int64) for edge in _BANDS])
    band = reached.replace_strict(range(len(_BANDS) + 1), PASS_RATES[:-1], return_dtype=pl.String)
    return pl.when(rate.is_not_null()).then(band).otherwise(pl.lit(PASS_RATES[-1]))
