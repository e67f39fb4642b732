"""How far distributions moved from one version to the next: the population stability index, bin by bin."""

from collections.abc import Mapping, Sequence

import numpy as np

from thinkmix.schemas.changes import StabilityIndex
from thinkmix.schemas.report import LengthView, Report, ThinkView

_DIGITS = 4

_Key = tuple[str, str, tuple[int, ...]]
"""Source, measure and the edges of the bins."""


def psi(before: Sequence[int], after: Sequence[int]) -> float:
    """Return the population stability index of two histograms over the same bins.

    It is the sum of (after - before) * ln(after / before) over the bins' fractions: 0 for equal ones, and
    by custom small up to 0.1, large from 0.2 on. An empty bin counts as half an item, so that one item
    in a bin that was empty is no infinite shift, and four digits are kept: less is no news. A side
    without any items has no distribution, and no shift.

    Args:
        before: items per bin.
        after: items per bin, as many bins.
    """
    counts = np.array([before, after], np.float64)
    totals = counts.sum(axis=1, keepdims=True)
    if not totals.all():
        return 0.0
    old, new = np.maximum(counts, 0.5) / totals
    return round(float(((new - old) * np.log(new / old)).sum()), _DIGITS)


def stability(before: Report, after: Report) -> tuple[StabilityIndex, ...]:
    """Return the distributions of a source that moved at all, farthest first.

    What only one side measured, or measured in other bins, is not compared.
    """
    old, new = _histograms(before), _histograms(after)
    found = [
        StabilityIndex(source=key[0], measure=key[1], psi=moved)
        for key in sorted(old.keys() & new.keys())
        if (moved := _index(old[key], new[key]))
    ]
    return tuple(sorted(found, key=lambda shift: -shift.psi))


def _histograms(report: Report) -> dict[_Key, Mapping[str, int]]:
    return {
        **{(view.source, "tokens", view.edges): _binned(view) for view in report.lengths},
        **{(view.source, "think_tokens", view.edges): _binned(view) for view in report.thinking},
        **{(spread.source, str(spread.measure), ()): spread.rows for spread in report.spreads},
    }


def _binned(view: LengthView | ThinkView) -> Mapping[str, int]:
    return dict(zip((*map(str, view.edges), "more"), view.histogram, strict=True))


def _index(before: Mapping[str, int], after: Mapping[str, int]) -> float:
    groups = list(dict.fromkeys([*before, *after]))  # a spread has only the groups that were met
    return psi([before.get(name, 0) for name in groups], [after.get(name, 0) for name in groups])
