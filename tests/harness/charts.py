"""Charts as a page shows them, read back as XML."""

from collections.abc import Sequence
from xml.etree import ElementTree


def parsed(picture: str) -> ElementTree.Element:
    """Return the picture; invalid XML raises."""
    return ElementTree.fromstring(picture)


def texts(picture: str) -> list[str]:
    """Return the words of a picture, in order."""
    return ["".join(text.itertext()) for text in parsed(picture).iter("text")]


def numbers(picture: str, tag: str, name: str) -> list[float]:
    """Return an attribute of all shapes of one kind, in order."""
    return [float(shape.get(name)) for shape in parsed(picture).iter(tag)]


def classes(picture: str, tag: str) -> list[str | None]:
    """Return what looks all shapes of one kind have, in order."""
    return [shape.get("class") for shape in parsed(picture).iter(tag)]


def places(picture: str) -> Sequence[tuple[float, float]]:
    """Return the points of the line."""
    (line,) = [path for path in parsed(picture).iter("path") if path.get("class") == "line"]
    return [tuple(map(float, place.split())) for place in line.get("d")[1:].split("L")]
