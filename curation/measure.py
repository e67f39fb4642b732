"""Figures for the report: lengths, thinking, clusters, and a few dropped rows of each reason."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from curation.mix import SPLITS
from schemas.ledger import Ledger
from schemas.manifest import Share
from schemas.recipe import MixPlan
from schemas.report import Check, ClusterView, LengthView, Sample

EDGES = (256, 512, 1024, 2048, 4096, 8192, 16384, 32768)
"""Upper edges, in tokens, of the length histogram; also the context lengths whose fit is shown."""

QUANTILES = (0.5, 0.9, 0.99)


def lengths(index: pl.DataFrame) -> tuple[LengthView, ...]:
    """Return per source how long its examples are, in tokens of prompt and completion together."""
    sized = index.select("source", tokens=pl.col("prompt_tokens") + pl.col("completion_tokens"))
    views = []
    for (source,), rows in sized.sort("source").group_by("source", maintain_order=True):
        tokens = rows["tokens"].to_numpy()
        ranks = np.quantile(tokens, QUANTILES, method="lower")
        views.append(
            LengthView(
                source=str(source),
                examples=len(tokens),
                median=int(ranks[0]),
                p90=int(ranks[1]),
                p99=int(ranks[2]),
                longest=int(tokens.max()),
                edges=EDGES,
                histogram=tuple(np.histogram(tokens, [0, *(edge + 1 for edge in EDGES), 2**62])[0].tolist()),
                fits=tuple(round(float((tokens <= edge).mean()), 6) for edge in EDGES),
            )
        )
    return tuple(views)


def clusters(fates: pl.LazyFrame, *, largest: int = 10) -> ClusterView:
    """Return how many near-duplicate clusters there are by size, and the ids of the largest.

    Args:
        fates: rows of all sources, schema `FATES`.
        largest: how many clusters to name.
    """
    sizes = (
        fates.filter(pl.col("cluster").is_not_null())
        .group_by("cluster")
        .agg(rows=pl.len().cast(pl.Int64))
        .filter(pl.col("rows") > 1)
        .sort("rows", "cluster", descending=[True, False])
        .collect()
    )
    counts = sizes.group_by("rows").agg(clusters=pl.len().cast(pl.Int64)).sort("rows")
    return ClusterView(
        by_size={str(size): number for size, number in counts.iter_rows()},
        largest=tuple(sizes.head(largest)["cluster"].to_list()),
    )


def samples(rejects: Sequence[Path], *, each: int = 3, characters: int = 600) -> tuple[Sample, ...]:
    """Return up to `each` dropped rows per source and reason, by smallest id, cut for display."""
    shown = ["id", "source", "file", "row", "stage", "reason", "detail"]
    # the content of all that was dropped may be more than memory holds; sort it cut to what is shown
    cut = [
        pl.scan_parquet(path).select(*shown, pl.col("content").str.head(characters)).collect()
        for path in rejects
    ]
    rows = (
        pl.concat(cut)
        .sort("source", "reason", "id", "file", "row")
        .filter(pl.int_range(pl.len()).over("source", "reason") < each)
    )
    return tuple(Sample(**row) for row in rows.to_dicts())


def check_ledger(ledger: Ledger) -> Check:
    """Return whether all rows that were read ended somewhere: kept by the last stage or dropped by one."""
    first, last = ledger.stages[0].stage, ledger.stages[-1].stage
    read = sum(count.read.rows for count in ledger.of(first).values())
    kept = sum(count.kept.rows for count in ledger.of(last).values())
    dropped = sum(amount.rows for count in ledger.stages for amount in count.dropped.values())
    detail = f"{read} rows read, {kept + dropped} accounted for"
    return Check(name="every row has one fate", passed=read == kept + dropped, detail=detail)


def check_shares(shares: Sequence[Share], plan: MixPlan, *, longest: int) -> list[Check]:
    """Return per split whether each source reached its share, to within one example.

    Args:
        shares: what each source came to.
        plan: what was asked for.
        longest: the most tokens that an example has, which is what "one example" is by tokens.
    """
    allowed = 1 if plan.unit == "examples" else longest
    found = []
    for split in SPLITS:
        reached = {share.source: getattr(share, plan.unit) for share in shares if share.split == split}
        if not (total := sum(reached.values())):
            continue
        off = [abs(reached[name] - share * total) for name, share in plan.exact_shares().items()]
        parts = ", ".join(f"{name} {value / total:.4%}" for name, value in sorted(reached.items()))
        found.append(
            Check(name=f"shares of {split} by {plan.unit}", passed=max(off) <= allowed, detail=parts)
        )
    return found


def check_split(index: pl.DataFrame, drawn: pl.DataFrame) -> Check:
    """Return whether any cluster of near-duplicates has examples in both train and eval."""
    both = (
        index.join(drawn.select("shard", "row", "split"), on=["shard", "row"])
        .group_by("cluster")
        .agg(pl.col("split").n_unique())
        .filter(pl.col("split") > 1)
        .height
    )
    return Check(
        name="no near-duplicate in both train and eval", passed=both == 0, detail=f"{both} clusters in both"
    )


def check_targets(index: pl.DataFrame, drawn: pl.DataFrame) -> Check:
    """Return whether every drawn example has something to learn."""
    least = index.join(drawn.select("shard", "row"), on=["shard", "row"])["completion_tokens"].min()
    shortest = least if isinstance(least, int) else 0
    detail = f"the shortest completion has {shortest} tokens"
    return Check(name="every example has a trained token", passed=shortest > 0, detail=detail)
