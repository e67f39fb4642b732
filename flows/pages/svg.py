"""Pictures made safe for a page: of a renderer's SVG only shapes, text and their looks are left."""

from collections.abc import Iterator
from xml.etree import ElementTree

from markupsafe import Markup

SHAPES = frozenset({"svg", "g", "path", "line", "rect", "circle", "text"})
"""Tags that only show."""

_LOOKS = (
    "d transform x y x1 x2 y1 y2 dx dy cx cy r width height viewBox fill fill-opacity stroke stroke-width \
stroke-opacity stroke-dasharray stroke-linecap stroke-linejoin opacity text-anchor font-size font-weight"
)
LOOKS = frozenset(_LOOKS.split())
"""Attributes that only say how something looks; none of them may name an address."""


def cleaned(svg: str, *, label: str, wider: float = 1) -> Markup:
    """Return a renderer's SVG as an image that is fit to stand within a page.

    Addresses, scripts, styles, ids, fonts and the renderer's own labels are dropped, whatever asked for
    them; the page's style sets the font. The picture scales with its place.

    Args:
        svg: the renderer's output.
        label: what the picture shows, for people who do not see it.
        wider: factor by which text was laid out larger than it is shown, as room for wider fonts.
    """
    root = ElementTree.fromstring(svg)  # noqa: S314 - made in this process, with control characters taken out
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.attrib = {
            name: value
            for name, value in element.attrib.items()
            if name in LOOKS and "url(" not in value and (name, value) != ("opacity", "1")
        }
        if size := element.get("font-size"):
            element.set("font-size", f"{float(size.removesuffix('px')) / wider:g}px")
    _prune(root)
    box = root.get("viewBox", "0 0 1 1")
    root.attrib = {"viewBox": box, "width": box.split()[2], "role": "img", "aria-label": label}
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # noqa: S704 - text was escaped in writing


def drawable(text: str, *, longest: int = 24) -> str:
    """Return text that a chart can hold: no characters that XML refuses, and no more than fits."""
    shown = "".join(char if char.isprintable() else "·" for char in text)
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def _prune(element: ElementTree.Element) -> None:
    """Drop what only a renderer needs: unknown tags, and groups and paths that draw nothing."""
    for child in list(element):
        _prune(child)
        if child.tag not in SHAPES or next(_marks(child), None) is None:
            element.remove(child)


def _marks(element: ElementTree.Element) -> Iterator[ElementTree.Element]:
    for part in element.iter():
        if part.tag == "path":
            if part.get("d") and (part.get("fill") or part.get("stroke")):
                yield part
        elif part.tag not in ("g", "svg"):
            yield part
