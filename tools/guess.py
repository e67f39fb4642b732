"""Test whether names say where things are: `python -m tools.guess --seed 17` prints names of functions.

Write down the folder of each from its name alone, then add `--answers`, which prints the folders, too.
CONTRIBUTING.md keeps the score.
"""

import argparse
import ast
import random
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("schemas", "templates", "curation", "train", "flows")


def public_functions(root: Path) -> list[tuple[str, str]]:
    """Return the name and the folder of each function at the top of a module that other modules may call."""
    return sorted(
        (statement.name, file.parent.relative_to(root).as_posix())
        for room in ROOMS
        for file in (root / room).rglob("*.py")
        for statement in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef) and statement.name[0] != "_"
    )


def sample(functions: Sequence[tuple[str, str]], rows: int, seed: int) -> list[tuple[str, str]]:
    """Choose functions by a seed, without names that several folders have: nobody can tell them apart."""
    folders: dict[str, set[str]] = {}
    for name, folder in functions:
        folders.setdefault(name, set()).add(folder)
    unique = [(name, place) for name, (place, *others) in sorted(folders.items()) if not others]
    return random.Random(seed).sample(unique, rows)  # noqa: S311, no secret depends on it


def main(arguments: Sequence[str]) -> None:
    """Print the functions that a seed chooses, with or without their folders."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--functions", type=int, default=10)
    parser.add_argument("--answers", action="store_true", help="print the folders, too")
    chosen = parser.parse_args(arguments)
    for name, folder in sample(public_functions(ROOT), chosen.functions, chosen.seed):
        sys.stdout.write(f"{name:32}{folder}\n" if chosen.answers else f"{name}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
