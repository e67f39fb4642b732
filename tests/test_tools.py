"""What counts how the house is built: the path of rows, and rooms that import each other."""

import sys

import pytest

from tools import rooms, row_path

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
    assert "thinkmix.flows.store" in found["thinkmix.flows.build"]
    assert "thinkmix.flows.recipe" in found["thinkmix.flows.cli"]
    assert "thinkmix.flows.build" not in found["thinkmix.flows.store"]


def test_calls_between_files_are_steps():
    """A call to another file is a change, to a higher room a step up; one within a file is neither."""
    seen = row_path.RowPath()
    here, there = (
        compile("def call(f=None):\n    f and f()", str(row_path.ROOT / name), "exec")
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


@pytest.mark.parametrize(
    ("here", "there", "up"),
    [
        ("curation/read/read.py", "flows/build/jobs.py", True),
        ("flows/build/jobs.py", "curation/read/read.py", False),
        ("curation/read/read.py", "curation/sample/mix.py", True),
        ("curation/sample/mix.py", "curation/tables.py", False),
        ("curation/sample/mix.py", "curation/sample/pools.py", False),
        ("curation/dedup/dedup.py", "curation/decontaminate/work.py", False),
    ],
)
def test_a_room_is_as_high_as_the_contracts_say(here: str, there: str, up: bool):
    """Rooms of the house are compared, then the rooms of one room; files of one room stand side by side."""
    assert row_path.goes_up(here, there) is up


def test_the_map_says_what_each_room_holds():
    """CONTRIBUTING.md has the map as it is, with a first sentence of every room."""
    drawn = rooms.plan()
    assert drawn in (row_path.ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert "TODO" not in drawn


def test_no_rooms_import_each_other():
    """Neither in pairs nor in a circle of any length, in no room of the house."""
    found = rooms.count()
    assert {room for room, counted in found.items() if counted["pairs"] or counted["knots"]} == set()


@pytest.mark.parametrize(("room", "most"), [("flows", 12), ("curation", 14), ("train", 8)])
def test_a_room_shows_few_things_at_once(room: str, most: int):
    """Files and folders at the top of the large rooms."""
    assert rooms.count()[f"thinkmix.{room}"]["boxes"] <= most
