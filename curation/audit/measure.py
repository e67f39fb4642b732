"""Figures for the report: how long examples and their traces are, and what must hold of a mixture."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from thinkmix.curation.sample.settings import MixPlan
from thinkmix.schemas.ledger import Ledger
from thinkmix.schemas.manifest import SPLITS, Share
from thinkmix.schemas.record import Record
from thinkmix.schemas.report import Check, ClusterView, LengthView, ModePairs, Sample, Spread, ThinkView

EDGES = (256, 512, 1024, 2048, 4096, 8192, 16384, 32768)
"""Upper edges, in tokens, of the histograms of lengths; also the context lengths whose fit is shown."""

QUANTILES = (0.5, 0.9, 0.99)


class Audit(Record):
    """What is measured of a finished sample for its report."""

    lengths: tuple[LengthView, ...]
    thinking: tuple[ThinkView, ...]
    mode_pairs: ModePairs
    spreads: tuple[Spread, ...]
    clusters: ClusterView
    samples: tuple[Sample, ...]
    flagged: tuple[Sample, ...] = ()
    checks: tuple[Check, ...]


def lengths(tokens: Mapping[str, Sequence[pl.Series]]) -> tuple[LengthView, ...]:
    """Return per source how long its sampled examples are, in tokens of prompt and completion together."""
    return tuple(
        _length(source, pl.concat(parts).to_numpy()) for source, parts in sorted(tokens.items()) if parts
    )


def _length(source: str, tokens: NDArray[np.int64]) -> LengthView:
    ranks = _ranks(tokens)
    share = len(tokens) or 1
    return LengthView(
        source=source,
        examples=len(tokens),
        median=ranks[0],
        p90=ranks[1],
        p99=ranks[2],
        longest=int(tokens.max(initial=0)),
        edges=EDGES,
        histogram=_histogram(tokens),
        fits=tuple(round(int((tokens <= edge).sum()) / share, 6) for edge in EDGES),
    )


def thinking(examples: Mapping[str, Sequence[pl.DataFrame]]) -> tuple[ThinkView, ...]:
    """Return per source how many of its sampled examples think, and how long.

    Args:
        examples: columns `thinking` and `think_tokens` of the sampled examples, in any number of parts.
    """
    return tuple(_think(source, pl.concat(parts)) for source, parts in sorted(examples.items()) if parts)


def _think(source: str, examples: pl.DataFrame) -> ThinkView:
    traces = examples.filter("thinking")["think_tokens"].to_numpy()
    ranks = _ranks(traces)
    return ThinkView(
        source=source,
        thinking=len(traces),
        direct=examples.height - len(traces),
        median=ranks[0],
        p90=ranks[1],
        longest=int(traces.max(initial=0)),
        edges=EDGES,
        histogram=_histogram(traces),
    )


def _ranks(tokens: NDArray[np.int64]) -> list[int]:
    """Return lengths that occur, at each of `QUANTILES`."""
    if not len(tokens):
        return [0] * len(QUANTILES)
    return [int(rank) for rank in np.quantile(tokens, QUANTILES, method="lower")]


def _histogram(tokens: NDArray[np.int64]) -> tuple[int, ...]:
    return tuple(np.histogram(tokens, [0, *(edge + 1 for edge in EDGES), 2**62])[0].tolist())


def check_ledger(ledger: Ledger) -> Check:
    """Return whether all rows that were read ended somewhere: kept by the last stage or dropped by one."""
    first, last = ledger.stages[0].stage, ledger.stages[-1].stage
    read = sum(count.read.rows for count in ledger.of(first).values())
    kept = sum(count.kept.rows for count in ledger.of(last).values())
    dropped = sum(amount.rows for count in ledger.stages for amount in count.dropped.values())
    detail = f"{read} rows read, {kept + dropped} accounted for"
    return Check(name="every row has one outcome", passed=read == kept + dropped, detail=detail)


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


def check_split(sampled: Iterable[pl.DataFrame]) -> Check:
    """Return whether any cluster of near-duplicates has examples in both train and eval.

    Args:
        sampled: the sampled examples, in any number of parts, schema `tables.SAMPLED`.
    """
    none = pl.DataFrame(schema={"cluster": pl.UInt64(), "split": pl.String()})
    sides = pl.concat([none, *(rows.select("cluster", "split").unique() for rows in sampled)]).unique()
    both = sides.height - sides["cluster"].n_unique()
    return Check(
        name="no near-duplicate in both train and eval", passed=both == 0, detail=f"{both} clusters in both"
    )


def check_targets(sampled: Iterable[pl.DataFrame]) -> Check:
    """Return whether every sampled example has something to learn."""
    least = [rows["completion_tokens"].min() for rows in sampled if rows.height]
    shortest = min((value for value in least if isinstance(value, int)), default=0)
    detail = f"the shortest completion has {shortest} tokens"
    return Check(name="every example has a trained token", passed=shortest > 0, detail=detail)
