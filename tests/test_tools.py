"""What counts how the house is built: the path of rows, rooms that import each other, and names to guess."""

import sys

import pytest

from tools import guess, rooms, row_path

HOUSE = {"a": {"b"}, "b": {"a", "c"}, "c": {"d"}, "d": {"e"}, "e": {"c"}, "f": {"a"}}


def test_boxes_that_import_each_other_are_pairs():
    """Only straight there and back counts."""
    assert rooms.pairs(HOUSE) == [("a", "b")]
    assert rooms.pairs({"a": {"b"}, "b": set()}) == []


def test_boxes_that_reach_each_other_are_a_knot():
    """A circle of any length is one, and a box alone is not."""
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


@pytest.mark.parametrize(("room", "most"), [("flows", 13), ("curation", 15), ("train", 8)])
def test_a_room_shows_few_things_at_once(room: str, most: int):
    """Files and folders at the top of the large rooms."""
    assert rooms.count()[f"thinkmix.{room}"]["boxes"] <= most


def test_guessed_functions_are_public_and_in_one_folder(tmp_path):
    """Private functions, methods and names of two folders are not drawn; a seed draws the same ones again."""
    for folder, code in (
        ("flows/a", "def one(): ...\ndef _two(): ...\nclass C:\n    def three(self): ..."),
        ("train/b", "async def four(): ...\ndef five(): ..."),
        ("curation", "def five(): ..."),
    ):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "m.py").write_text(code)
    functions = guess.public_functions(tmp_path)
    assert functions == [("five", "curation"), ("five", "train/b"), ("four", "train/b"), ("one", "flows/a")]
    chosen = guess.sample(functions, rows=2, seed=17)
    assert sorted(chosen) == [("four", "train/b"), ("one", "flows/a")]
    assert guess.sample(functions, rows=2, seed=17) == chosen


def test_answers_are_printed_on_demand(capsys):
    """Names alone, or with their folders, in the same order."""
    guess.main(["--functions", "3"])
    names = capsys.readouterr().out.split()
    guess.main(["--functions", "3", "--answers"])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [name for name, _ in lines] == names
    assert all((row_path.ROOT / folder).is_dir() for _, folder in lines)
