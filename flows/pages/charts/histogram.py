"""Upright bars over the bins of one source, each with its part in percent."""

from collections.abc import Sequence

from markupsafe import Markup

from thinkmix.flows.pages.charts.picture import WIDTH, picture
from thinkmix.flows.pages.formatting import percent

_HEIGHT, _FOOT, _LONGEST = 156, 132, 114
"""Of the chart, of the line that bars stand on, and of the longest bar."""
_BAR = 0.84
"""Part of its bin that a bar takes."""


def histogram(names: Sequence[str], counts: Sequence[int], *, place: int, label: str) -> Markup:
    """Return bars over the bins of one source.

    Args:
        names: of the bins, in order.
        counts: how many fall into each; a bin with none has no bar.
        place: of the source in the recipe, for its colour.
        label: what is shown, in a sentence.
    """
    total, most = max(sum(counts), 1), max([*counts, 1])
    wide = WIDTH / max(len(names), 1)
    bins = [
        (
            round((at + 0.5) * wide, 1),
            round(count / most * _LONGEST, 1),
            name,
            percent(count / total) if count else "",
        )
        for at, (name, count) in enumerate(zip(names, counts, strict=True))
    ]
    bar = round(_BAR * wide, 1)
    return picture("histogram", label, height=_HEIGHT, foot=_FOOT, bins=bins, bar=bar, place=place)
