"""Charts of the audit, drawn by Vega-Lite in this process and inlined as SVG; the page's style colours them.

Altair and its renderer are imported when the first chart is drawn. All charts are as wide as a phone shows
them, so that they are scaled up a little at most, and never down to what nobody can read.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, ParamSpec

import orjson
from markupsafe import Markup

from flows.audit.svg import cleaned, drawable
from schemas.run import Night

if TYPE_CHECKING:
    import altair as alt

Arguments = ParamSpec("Arguments")

WIDTH = 400
"""Of every chart, labels included."""

COLOURS = 6
"""The page's style has so many colours for sources; further ones begin anew."""

_ROWS = "rows"
"""Name of the data in a specification: Altair copies its objects often; numbers go in once, at the end."""
_NAMES = {"ticks": False, "domain": False, "minExtent": 84}
_INK, _SOFT, _LINE = "var(--ink)", "var(--soft)", "var(--line)"
_STYLE: Mapping[str, object] = {
    "background": "transparent",
    "padding": 2,
    "autosize": {"type": "fit", "contains": "padding"},
    "config": {
        "font": "sans-serif",
        "view": {"stroke": None},
        "axis": {
            "labelColor": _SOFT,
            "labelFontSize": 12,
            "labelPadding": 6,
            "gridColor": _LINE,
            "domainColor": _LINE,
        },
        "axisX": {"grid": False},
    },
}
_STATUS = {
    "published": ("var(--good)", "circle"),
    "unchanged": ("var(--soft)", "circle"),
    "held": ("var(--warn)", "diamond"),
    "failed": ("var(--bad)", "cross"),
}


def colour(place: int) -> str:
    """Return the colour of the source at a place of the recipe."""
    return f"var(--c{place % COLOURS})"


def _unchecked(draw: Callable[Arguments, Markup]) -> Callable[Arguments, Markup]:
    """Return a chart's function so wrapped that Altair does not hold its own objects against a JSON schema.

    That takes as long as the drawing. The specifications are fixed but for numbers and names, and what is
    wrong with one shows in the tests.
    """

    @wraps(draw)
    def drawn(*args: Arguments.args, **settings: Arguments.kwargs) -> Markup:
        from altair.utils.schemapi import debug_mode  # noqa: PLC0415 - slow, and only pages need it

        with debug_mode(False):
            return draw(*args, **settings)

    return drawn


@_unchecked
def histogram(bins: Sequence[str], counts: Sequence[int], *, place: int, label: str) -> Markup:
    """Return bars over the bins of one source.

    Args:
        bins: names of the bins, in order.
        counts: how many fall into each.
        place: of the source in the recipe, for its colour.
        label: what is shown, in a sentence.
    """
    import altair as alt  # noqa: PLC0415 - slow, and only pages need it

    total = max(sum(counts), 1)
    values = [
        {"bin": name, "share": count / total, "words": _percent(count / total) if count else ""}
        for name, count in zip(bins, counts, strict=True)
    ]
    base = alt.Chart(alt.NamedData(_ROWS), width=WIDTH, height=156).encode(
        x=alt.X("bin:O", sort=None, title=None, axis=alt.Axis(labelAngle=0, ticks=False, domain=True)),
        y=alt.Y("share:Q", title=None, axis=None, scale=alt.Scale(domainMin=0)),
    )
    bars = base.mark_bar(color=colour(place), width=alt.RelativeBandSize(0.84))
    words = base.mark_text(dy=-7, color=_INK, fontSize=11).encode(text="words:N")
    return _drawn(bars + words, values, label)


@_unchecked
def grouped_bars(
    groups: Sequence[str], shares: Sequence[tuple[int, Sequence[float]]], *, label: str
) -> Markup:
    """Return one horizontal bar per group and source, as long as the group's part of the source.

    Args:
        groups: their names, in order.
        shares: place of each source in the recipe, and its part in every group, from 0 to 1.
        label: what is shown, in a sentence.
    """
    import altair as alt  # noqa: PLC0415 - slow, and only pages need it

    names = [drawable(name, longest=16) for name in groups]
    values = [
        {"group": name, "place": place, "share": part, "words": _percent(part)}
        for place, parts in shares
        for name, part in zip(names, parts, strict=True)
    ]
    places = [place for place, _ in shares]
    height = len(groups) * (12 + 14 * len(places))
    base = alt.Chart(alt.NamedData(_ROWS), width=WIDTH, height=height).encode(
        y=alt.Y("group:N", sort=names, title=None, axis=alt.Axis(**_NAMES)),
        x=alt.X("share:Q", title=None, axis=None, scale=alt.Scale(domain=[0, 1.18 * _most(shares)])),
        yOffset=alt.YOffset("place:N", sort=places),
    )
    bars = base.mark_bar().encode(
        color=alt.Color(
            "place:N", legend=None, scale=alt.Scale(domain=places, range=[colour(place) for place in places])
        )
    )
    words = base.mark_text(align="left", dx=5, color=_INK, fontSize=11).encode(text="words:N")
    return _drawn(bars + words, values, label)


@_unchecked
def counts(names: Sequence[str], numbers: Sequence[int], *, label: str) -> Markup:
    """Return one horizontal bar per name with its number, on a scale where large and tiny are both seen."""
    import altair as alt  # noqa: PLC0415 - slow, and only pages need it

    values = [
        {"name": drawable(name), "number": number, "words": f"{number:,}".replace(",", "\u202f")}
        for name, number in zip(names, numbers, strict=True)
    ]
    base = alt.Chart(alt.NamedData(_ROWS), width=WIDTH, height=26 * len(names)).encode(
        y=alt.Y("name:N", sort=None, title=None, axis=alt.Axis(**_NAMES)),
        x=alt.X(
            "number:Q",
            title=None,
            axis=None,
            scale=alt.Scale(type="symlog", domain=[0, 3 * max(numbers, default=1)]),
        ),
    )
    bars = base.mark_bar(color=_SOFT)
    words = base.mark_text(align="left", dx=5, color=_INK, fontSize=11).encode(text="words:N")
    return _drawn(bars + words, values, label)


@_unchecked
def trend(nights: Sequence[Night], numbers: Sequence[float], *, label: str) -> Markup:
    """Return a figure over the runs, oldest first, with a mark for how each run ended.

    A run that failed has no figure: its mark lies at the foot, and the line passes it by. The scale does not
    begin at zero, unless the figures do.

    Args:
        nights: the runs.
        numbers: the figure of each.
        label: what is shown, in a sentence.
    """
    import altair as alt  # noqa: PLC0415 - slow, and only pages need it

    good = [number for night, number in zip(nights, numbers, strict=True) if night.status != "failed"]
    low, high = _frame(good)
    values = [
        {"at": at, "number": low if night.status == "failed" else number, "status": night.status}
        for at, (night, number) in enumerate(zip(nights, numbers, strict=True))
    ]
    x = alt.X("at:Q", title=None, axis=None, scale=alt.Scale(domain=[-0.5, max(len(nights) - 0.5, 0.5)]))
    y = alt.Y(
        "number:Q",
        title=None,
        scale=alt.Scale(domain=[low, high], nice=False),
        axis=alt.Axis(
            tickCount=3,
            domain=False,
            ticks=False,
            labelExpr="datum.value ? format(datum.value, '.3~s') : '0'",
        ),
    )
    line = (
        alt.Chart(alt.NamedData(_ROWS))
        .transform_filter("datum.status != 'failed'")
        .mark_line(color=_SOFT, strokeWidth=1.5)
    )
    status = {
        "shape": _by_status(alt.Shape, [shape for _, shape in _STATUS.values()]),
        "color": _by_status(alt.Color, [tone for tone, _ in _STATUS.values()]),
    }
    dots = (
        alt.Chart(alt.NamedData(_ROWS)).mark_point(size=52, filled=True, opacity=1).encode(x=x, y=y, **status)
    )
    layers = alt.layer(line.encode(x=x, y=y), dots, width=WIDTH, height=128)
    return _drawn(layers, values, label)


def _frame(numbers: Sequence[float]) -> tuple[float, float]:
    """Return the least and the most of a trend's scale: one percent must not look like a cliff."""
    low, high = min(numbers, default=0.0), max(numbers, default=1.0)
    room = max(high - low, 0.12 * high, 1e-9)
    return max(0.0, (low + high) / 2 - 0.75 * room), (low + high) / 2 + 0.75 * room


def _by_status(
    channel: "type[alt.Shape] | type[alt.Color]", values: Sequence[str]
) -> "alt.Shape | alt.Color":
    import altair as alt  # noqa: PLC0415 - slow, and only pages need it

    return channel("status:N", legend=None, scale=alt.Scale(domain=list(_STATUS), range=list(values)))


def _most(shares: Sequence[tuple[int, Sequence[float]]]) -> float:
    return max((part for _, parts in shares for part in parts), default=1.0) or 1.0


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.0995 or share == 0 else f"{share:.1%}" if share >= 0.0005 else "<0.1%"


def _drawn(chart: "alt.LayerChart", values: Sequence[Mapping[str, object]], label: str) -> Markup:
    """Return the chart of the values as an image in the page's own style."""
    specification = {**chart.to_dict(validate=False), "datasets": {_ROWS: values}, **_STYLE}
    return cleaned(_rendered(orjson.dumps(specification)), label=drawable(label, longest=400))


@lru_cache(maxsize=256)
def _rendered(specification: bytes) -> str:
    """Return the SVG of a Vega-Lite specification; nothing is fetched for it."""
    import vl_convert  # noqa: PLC0415 - slow, and only pages need it

    return str(vl_convert.vegalite_to_svg(specification.decode(), allowed_base_urls=[]))
