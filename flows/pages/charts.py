"""Charts of the audit, drawn by Vega-Lite in this process and inlined as SVG; the page's style colours them.

Altair and its renderer are imported when the first chart is drawn that was not kept. All charts are as wide
as a phone shows them, so that they are scaled up a little at most, and never down to what nobody can read.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache
from hashlib import sha256
from importlib.metadata import version
from inspect import getfile
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
from markupsafe import Markup

from thinkmix.flows.pages.svg import cleaned, drawable
from thinkmix.flows.system import files

if TYPE_CHECKING:
    import altair as alt

WIDTH = 400
"""Of every chart, labels included."""

COLOURS = 6
"""The page's style has so many colours for sources; further ones begin anew."""

Keep = Callable[[str, Callable[[], bytes]], bytes]
"""Returns what was made once under a key, a sha256 in hex, or makes it now."""

_KEEP: ContextVar[Keep] = ContextVar("_KEEP", default=lambda key, make: make())

ROWS = "rows"
"""Name of the data in a specification: Altair copies its objects often; numbers go in once, at the end."""
_DIGITS = 3
"""Digits of a share: no bar is a thousand pixels long, so a few rows more or less look the same."""
_FILES = 16
"""Open files that drawing takes, twelve of them on two cores; without them its threads panic."""

WIDER = 1.18
"""Text is laid out larger than it is shown, by this factor: a reader's font may be wider than the renderer's.
DejaVu Sans, the only font of many servers, is."""

INK, SOFT, LINE = "var(--ink)", "var(--soft)", "var(--line)"
_STYLE: Mapping[str, object] = {
    "background": "transparent",
    "padding": 2,
    "autosize": {"type": "fit", "contains": "padding"},
    "config": {
        "font": "sans-serif",
        "view": {"stroke": None},
        "axis": {
            "labelColor": SOFT,
            "labelFontSize": 12 * WIDER,
            "labelPadding": 6,
            "gridColor": LINE,
            "domainColor": LINE,
        },
        "axisX": {"grid": False},
    },
}

Values = Sequence[Mapping[str, object]]


@contextmanager
def kept(keep: Keep) -> Iterator[None]:
    """Let charts be drawn once for all pages that show them: the next night mostly shows the same ones.

    Args:
        keep: is asked for every chart; its key covers all that decides the picture.
    """
    token = _KEEP.set(keep)
    try:
        yield
    finally:
        _KEEP.reset(token)


def colour(place: int) -> str:
    """Return the colour of the source at a place of the recipe."""
    return f"var(--c{place % COLOURS})"


def drawn(shape: "Callable[..., alt.LayerChart]", values: Values, label: str, **settings: object) -> Markup:
    """Return the chart of the values as an image in the page's own style.

    Args:
        shape: makes the chart of the data called `ROWS`; a function of a module, not a closure.
        values: the data.
        label: what is shown, in a sentence.
        settings: what `shape` is called with.
    """
    decided_by = [shape.__name__, values, settings, _renderer(getfile(shape))]
    key = sha256(orjson.dumps(decided_by, option=orjson.OPT_SORT_KEYS)).hexdigest()

    def draw() -> bytes:
        from altair.utils.schemapi import debug_mode  # noqa: PLC0415 - slow, and only pages need it

        # Altair would hold its own objects against a JSON schema, which takes as long as the drawing. They
        # are fixed but for numbers and names, and what is wrong with one shows in the tests.
        with debug_mode(False):
            chart = shape(**settings).to_dict(validate=False)
        return _rendered(orjson.dumps({**chart, "datasets": {ROWS: values}, **_STYLE}))

    return cleaned(_KEEP.get()(key, draw).decode(), label=drawable(label, longest=400), wider=WIDER)


def histogram(bins: Sequence[str], counts: Sequence[int], *, place: int, label: str) -> Markup:
    """Return bars over the bins of one source.

    Args:
        bins: names of the bins, in order.
        counts: how many fall into each.
        place: of the source in the recipe, for its colour.
        label: what is shown, in a sentence.
    """
    total = max(sum(counts), 1)
    values = [
        {
            "bin": name,
            "share": round(count / total, _DIGITS),
            "words": percent(count / total) if count else "",
        }
        for name, count in zip(bins, counts, strict=True)
    ]
    return drawn(_histogram, values, label, tone=colour(place))


def _histogram(*, tone: str) -> "alt.LayerChart":
    import altair as alt  # noqa: PLC0415 - slow, and only pages need it

    base = alt.Chart(alt.NamedData(ROWS), width=WIDTH, height=156).encode(
        x=alt.X("bin:O", sort=None, title=None, axis=alt.Axis(labelAngle=0, ticks=False, domain=True)),
        y=alt.Y("share:Q", title=None, axis=None, scale=alt.Scale(domainMin=0)),
    )
    bars = base.mark_bar(color=tone, width=alt.RelativeBandSize(0.84))
    words = base.mark_text(dy=-7, color=INK, fontSize=11 * WIDER).encode(text="words:N")
    return bars + words


def percent(share: float) -> str:
    """Return a part in percent, with a decimal if it is small."""
    return f"{share:.0%}" if share >= 0.0995 or share == 0 else f"{share:.1%}" if share >= 0.0005 else "<0.1%"


@cache
def _renderer(shape: str) -> Sequence[str]:
    """Return all that decides a picture besides its numbers: the file of its shape, this one, what draws."""
    code = [sha256(Path(file).read_bytes()).hexdigest() for file in (shape, __file__)]
    return *code, version("altair"), version("vl-convert-python")


@lru_cache(maxsize=256)
def _rendered(specification: bytes) -> bytes:
    """Return the SVG of a Vega-Lite specification; nothing is fetched for it."""
    import vl_convert  # noqa: PLC0415 - slow, and only pages need it

    files.reserve(_FILES, "drawing a chart")
    svg = str(vl_convert.vegalite_to_svg(specification.decode(), allowed_base_urls=[]))
    return svg.encode()
