"""A copy of the program to which classes are added as their authors do it: a file, an import, a line."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.harness.builders import ROOT, python

Typed = Callable[..., list[dict[str, Any]]]


def copy_program(folder: Path) -> Path:
    """Copy all that is installed; what Python and numba have compiled is valid there, too."""
    for room in ("curation", "data", "flows", "schemas", "templates", "train"):
        shutil.copytree(ROOT / room, folder / "thinkmix" / room)
    shutil.copy(ROOT / "src" / "thinkmix" / "__init__.py", folder / "thinkmix")
    return folder


def add(program: Path, file: Path, room: str, *, name: str, after: str, line: str) -> None:
    """Add a class to a room: its file, an import in `known.py`, and a line there.

    Args:
        program: the copy.
        file: holds the class `Toy`.
        room: folder of the room.
        name: what the class is called in `known.py`.
        after: text in `known.py` that the line goes behind; it stands there once.
        line: what is added.
    """
    there = program / "thinkmix" / room
    shutil.copy(file, there / "toy.py")
    module = f"thinkmix.{room.replace('/', '.')}.toy"
    known = there / "known.py"
    text = known.read_text(encoding="utf-8")
    assert text.count(after) == 1, (known, after)
    text = text.replace(after, after + line)
    text = text.replace("\nfrom thinkmix.", f"\nfrom {module} import Toy as {name}\nfrom thinkmix.", 1)
    known.write_text(text, encoding="utf-8")


def typist(program: Path, **environment: str) -> Typed:
    """Return what runs commands of a copy, one after another, in a process of its own."""

    def run(*commands: list[str]) -> list[dict[str, Any]]:
        env = {"PYTHONPATH": str(program), **environment}
        done = python("-m", "tests.harness.typed", input=json.dumps(commands), env=env)
        assert done.returncode == 0, done.stderr
        told: list[dict[str, Any]] = json.loads(done.stdout)
        return told

    return run
