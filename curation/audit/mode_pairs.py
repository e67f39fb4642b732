"""Pairedness: questions of the mixture that are answered with a trace and without one."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from thinkmix.curation.files.shards import read_many
from thinkmix.schemas.report import ModePairs, PairedSources

_PARTS = pl.Schema(
    {"source": pl.String(), "problem": pl.UInt64(), "thinking": pl.Boolean(), "direct": pl.Boolean()}
)


def mode_pairs(sampled: Mapping[str, Sequence[Path]]) -> ModePairs:
    """Return how many problems are there in both modes, and which sources answer them.

    Args:
        sampled: per source the sampled examples of its shards, schema `tables.SAMPLED`.
    """
    parts = [pl.DataFrame(schema=_PARTS)]
    for source, shards in sorted(sampled.items()):
        for rows in read_many(shards, ["problem", "thinking"]):
            modes = rows.group_by("problem").agg(
                thinking=pl.col("thinking").any(), direct=(~pl.col("thinking")).any()
            )
            parts.append(modes.select(source=pl.lit(source), **{name: name for name in _PARTS.names()[1:]}))
    found = pl.concat(parts)
    thinking, direct = (
        found.filter(mode).select("problem", source).unique()
        for mode, source in (("thinking", pl.col("source").alias("thinks")), ("direct", "source"))
    )
    both = thinking.join(direct, on="problem")
    counted = (
        both.group_by("thinks", "source")
        .len()
        .sort(["len", "thinks", "source"], descending=[True, False, False])
    )
    return ModePairs(
        questions=found["problem"].n_unique(),
        both=both["problem"].n_unique(),
        sources=tuple(
            PairedSources(thinking=thinks, direct=source, questions=number)
            for thinks, source, number in counted.iter_rows()
        ),
    )
