"""Count what a reader of the house stumbles over: `python -m tools.rooms`, room by room.

Between the children of a room, where a file or a folder is one box: pairs that import each other, knots (sets
of boxes in which each reaches each other one), and how many boxes there are. `python -m tools.rooms map`
prints the map of CONTRIBUTING.md: what each room holds, in its own first sentence, and what it imports.
"""

import ast
import json
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import combinations
from pathlib import Path

import grimp
import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from tools.row_path import floors

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "thinkmix"
ROOMS = tuple(f"{PACKAGE}.{room}" for room in ("flows", "curation", "train", "templates", "schemas"))

Arrows = Mapping[str, set[str]]


@cache
def graph() -> grimp.ImportGraph:
    """Return who imports whom, imports for the type checker alone aside."""
    return grimp.build_graph(PACKAGE, exclude_type_checking_imports=True)


def arrows(graph: grimp.ImportGraph, room: str) -> Arrows:
    """Return which boxes each box of a room imports."""
    found: dict[str, set[str]] = {box: set() for box in sorted(graph.find_children(room))}
    for importer in graph.modules:
        here = _box(importer, room)
        if here in found:
            there = {_box(module, room) for module in graph.find_modules_directly_imported_by(importer)}
            found[here] |= {box for box in there if box in found and box != here}
    return found


def _box(module: str, room: str) -> str:
    """Return the child of a room that a module is, or lies in."""
    return ".".join(module.split(".")[: room.count(".") + 2]) if module.startswith(f"{room}.") else ""


def pairs(found: Arrows) -> list[tuple[str, str]]:
    """Return the boxes that import each other."""
    return [
        (one, other)
        for one, other in combinations(sorted(found), 2)
        if other in found[one] and one in found[other]
    ]


def knots(found: Arrows) -> list[list[str]]:
    """Return the sets of at least two boxes in which each reaches each other one."""
    boxes = sorted(found)
    place = {box: number for number, box in enumerate(boxes)}
    ends = [(place[one], place[other]) for one, others in found.items() for other in others]
    starts, stops = (np.array(side, np.int64) for side in (zip(*ends, strict=True) if ends else ((), ())))
    matrix = csr_array((np.ones(len(ends)), (starts, stops)), shape=(len(boxes), len(boxes)))
    _, labels = connected_components(matrix, directed=True, connection="strong")
    sets = ([box for box in boxes if labels[place[box]] == label] for label in sorted(set(labels.tolist())))
    return sorted(boxes for boxes in sets if len(boxes) > 1)


def rooms_in(graph: grimp.ImportGraph, room: str) -> Iterable[str]:
    """Yield a room and the rooms in it."""
    children = graph.find_children(room)
    if children:
        yield room
        for child in sorted(children):
            yield from rooms_in(graph, child)


def count() -> dict[str, dict[str, object]]:
    """Return for each room its boxes, pairs and knots."""
    found = {}
    for top in ROOMS:
        for room in rooms_in(graph(), top):
            drawn = arrows(graph(), room)
            found[room] = {"boxes": len(drawn), "pairs": pairs(drawn), "knots": knots(drawn)}
    return found


def plan() -> str:
    """Return the map as markdown: each room and the rooms in it, what they hold, and what they import."""
    lines = ["| room | holds | imports |", "|---|---|---|"]
    for top in reversed(ROOMS):
        lines.append(_line(top, arrows(graph(), PACKAGE)[top]))
        drawn = arrows(graph(), top)
        rooms = [room for room in drawn if graph().find_children(room)]
        lines += [_line(room, drawn[room]) for room in sorted(rooms, key=_height)]
    return "\n".join(lines)


def _height(room: str) -> tuple[int, str]:
    """Return where a room stands: a room imports those that stand lower."""
    folder = room.removeprefix(f"{PACKAGE}.").replace(".", "/")
    return floors().get(folder, 0), folder


def _line(room: str, imported: set[str]) -> str:
    """Return one line of the map."""
    name = room.removeprefix(f"{PACKAGE}.").replace(".", "/")
    shown = ", ".join(f"`{other.rpartition('.')[2]}`" for other in sorted(imported)) or "none of these"
    return f"| `{name}` | {_sentence(room)} | {shown} |"


def _sentence(room: str) -> str:
    """Return the first sentence of a room's docstring."""
    path = ROOT / room.removeprefix(f"{PACKAGE}.").replace(".", "/") / "__init__.py"
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(said.partition("\n\n")[0].split())


if __name__ == "__main__":
    if sys.argv[1:] == ["map"]:
        sys.stdout.write(f"{plan()}\n")
    else:
        json.dump(count(), sys.stdout, indent=2)
        sys.stdout.write("\n")
