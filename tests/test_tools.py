"""What counts how the house is built: the road of rows, and rooms that import each other."""

import sys

from tools import road, rooms

HOUSE = {"a": {"b"}, "b": {"a", "c"}, "c": {"d"}, "d": {"e"}, "e": {"c"}, "f": {"a"}}


def test_boxes_that_import_each_other_are_pairs():
    """Only straight there and back counts."""
    assert rooms.pairs(HOUSE) == [("a", "b")]
    assert rooms.pairs({"a": {"b"}, "b": set()}) == []


def test_boxes_that_reach_each_other_are_a_knot():
    """A circle of any length is one, and a box alone is none."""
    assert rooms.knots(HOUSE) == [["a", "b"], ["c", "d", "e"]]
    assert rooms.knots({"a": {"b"}, "b": set()}) == []
    assert rooms.knots({"a": set()}) == []


def test_arrows_are_drawn_between_the_children_of_a_room():
    """A module deep inside counts for the child that it lies in."""
    found = rooms.arrows(rooms.graph(), "thinkmix.flows")
    assert "thinkmix.flows.store.store" in found["thinkmix.flows.build.pipeline"]
    assert "thinkmix.flows.recipe.recipes" in found["thinkmix.flows.cli"]
    assert "thinkmix.flows.build.pipeline" not in found["thinkmix.flows.store.store"]


def test_calls_between_files_are_steps():
    """A call to another file is a change, to a higher room a step up; one within a file is neither."""
    seen = road.Road()
    here, there = (
        compile("def call(f=None):\n    f and f()", str(road.ROOT / name), "exec")
        for name in ("curation/here.py", "flows/there.py")
    )
    spaces = [{}, {}]
    exec(here, spaces[0])
    exec(there, spaces[1])
    sys.setprofile(seen.note)
    spaces[0]["call"](spaces[1]["call"])
    spaces[0]["call"](spaces[0]["call"])
    sys.setprofile(None)
    assert (seen.changes, seen.up) == (1, 1)
    assert seen.files == {"curation/here.py", "flows/there.py"}
