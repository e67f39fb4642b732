"""Sampling rows for people to judge, and estimating from their verdicts how often the rules err.

A stratum is what one source lost for one reason, or what it kept. Within a stratum rows are sampled by hash
without replacement, each as likely as the other.
"""

from collections.abc import Iterable, Sequence
from math import sqrt

import polars as pl
from scipy.special import gammaincinv

from thinkmix.curation.rules.precision import wilson
from thinkmix.curation.sample.mix import seeded_hash
from thinkmix.curation.sample.pools import bits
from thinkmix.schemas.review import KEPT, Rate

SAMPLE = pl.Schema(
    {
        "source": pl.String(),
        "reason": pl.String(),
        "rank": pl.UInt64(),
        "id": pl.String(),
        "file": pl.String(),
        "row": pl.Int64(),
        "detail": pl.String(),
        "winner": pl.String(),
    }
)
"""A sampled row: `rank` is its hash, by which the rows of its stratum are in random order."""

_TAIL = 0.025
_REVIEW = 4  # tells this sample from those of the mixture, `mix._SAMPLE` and its like
# Lower limits of a Poisson mean when 1, 2 or 3 events were seen: half the chi-square of 2x degrees at 5 %.
_FEW = {1: 0.05129329438755058, 2: 0.3553615106986621, 3: 0.8176914473793412}


def sample(groups: Iterable[pl.DataFrame], *, each: int, seed: int) -> pl.DataFrame:
    """Return the first `each` rows of every stratum in the order of a hash, sorted by source and reason.

    A larger `each` adds rows to those that a smaller one samples; other seeds sample other rows. Memory
    holds only the sampled rows, and one row group.

    Args:
        groups: the outcomes of all rows (schema `tables.OUTCOMES`), in pieces, in any order.
        each: most rows of a stratum.
        seed: which sample.

    Returns:
        Rows of schema `SAMPLE`.
    """
    sampled = pl.DataFrame(schema=SAMPLE)
    for group in groups:
        ids = group.select(bits("id", 0)).to_series()
        ranked = group.with_columns(
            reason=pl.col("reason").fill_null(KEPT), rank=seeded_hash(ids, seed, _REVIEW, group["row"])
        )
        rows = pl.concat([sampled, ranked.select(SAMPLE.names())]).sort(
            "source", "reason", "rank", "id", "file", "row"
        )
        sampled = rows.group_by("source", "reason", maintain_order=True).head(each).select(SAMPLE.names())
    return sampled


def rate(wrong: int, judged: int, rows: int) -> Rate:
    """Return the rate of wrong rows in a stratum, with Wilson's interval (1927).

    The number judged is corrected for a finite stratum, n (N - 1) / (N - n), so that a stratum that was
    judged whole is known exactly. Where one, two or (beyond 50) three rows are wrong, or right, the limit
    on that side is the Poisson one, as Brown, Cai and DasGupta advise (Statistical Science 16, 2001):
    Wilson's alone is too close there.

    Args:
        wrong: judged rows that are wrong.
        judged: rows sampled and judged, at least one.
        rows: all rows of the stratum.
    """
    share = wrong / judged
    if judged >= rows:
        return Rate(estimate=share, low=share, high=share)
    count = _corrected(judged, rows)
    low, high = wilson(share, count)
    few = 3 if judged > 50 else 2
    if 0 < wrong <= few:
        low = min(low, _FEW[wrong] / count)
    if 0 < judged - wrong <= few:
        high = max(high, 1 - _FEW[judged - wrong] / count)
    return Rate(estimate=share, low=min(max(0.0, low), share), high=max(min(1.0, high), share))


def combine_rates(strata: Sequence[tuple[int, int, int]]) -> Rate | None:
    """Return the rate over strata, each weighted by its rows; None if nothing was judged.

    With weights W and the strata's rates p and limits l and u, the limits are those of Zou and Donner
    (Statistics in Medicine 27, 2008), made for sums of independent estimates:

        sum W p - sqrt(sum W² (p - l)²)   and   sum W p + sqrt(sum W² (u - p)²)

    Where many strata have a wrong row or none, each limit is too sure of itself; there Fay and Feuer's
    gamma limit for weighted sums of rare events (Statistics in Medicine 16, 1997), with the strata's own
    variances, is wider, and the wider one is taken; likewise for right rows on the other side.

    Args:
        strata: wrong, judged and all rows of each.
    """
    known = [stratum for stratum in strata if stratum[1]]
    total = sum(rows for _, _, rows in known)
    if not total:
        return None
    estimate = below = above = 0.0
    for wrong, judged, rows in known:
        weight, found = rows / total, rate(wrong, judged, rows)
        estimate += weight * found.estimate
        below += (weight * (found.estimate - found.low)) ** 2
        above += (weight * (found.high - found.estimate)) ** 2
    estimate = min(estimate, 1.0)  # sums of weights round
    if all(judged >= rows for _, judged, rows in known):
        return Rate(estimate=estimate, low=estimate, high=estimate)
    right = [(judged - wrong, judged, rows) for wrong, judged, rows in known]
    low = min(estimate - sqrt(below), _rare(known, total))
    high = max(estimate + sqrt(above), 1 - _rare(right, total))
    return Rate(estimate=estimate, low=min(max(0.0, low), estimate), high=max(min(1.0, high), estimate))


def _rare(strata: Sequence[tuple[int, int, int]], total: int) -> float:
    """Return the lower limit of a weighted sum of rare events; the sum itself where it is certain."""
    seen = spread = 0.0
    for events, judged, rows in strata:
        weight, share = rows / total / judged, events / judged
        seen += weight * events
        if judged < rows:
            spread += weight**2 * events * (1 - share) * judged / _corrected(judged, rows)
    if not seen or not spread:
        return seen
    return float(gammaincinv(seen**2 / spread, _TAIL)) * spread / seen


def _corrected(judged: int, rows: int) -> float:
    return judged * (rows - 1) / (rows - judged)
