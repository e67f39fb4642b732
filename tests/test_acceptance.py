"""The acceptance suite as docs/reliability.md states it: every line has its tests, every test its line."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def table() -> dict[str, tuple[set[str], set[str]]]:
    """Return the tiers and the files of each line of the table."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (ROOT / "docs/reliability.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| A")
    ]
    return {id: (set(tier.split(", ")), set(where.split(", "))) for id, _, _, tier, where in rows}


@cache
def marked() -> dict[str, tuple[set[str], set[str]]]:
    """Return the same as the marks in the tests have it."""
    found: dict[str, tuple[set[str], set[str]]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef):
                for id, tiers in marks(node):
                    known = found.setdefault(id, (set(), set()))
                    known[0].update(tiers)
                    known[1].add(path.relative_to(ROOT).as_posix())
    return found


def marks(test: ast.FunctionDef) -> list[tuple[str, set[str]]]:
    """Return the ids that a test carries, and in which tiers it runs."""
    words = [ast.unparse(decorator) for decorator in test.decorator_list]
    whole = "pytest.mark.deep" in words
    cases = any("pytest.mark.deep" in word and word != "pytest.mark.deep" for word in words)
    tiers = {"long"} if whole else {"smoke", *(["long"] if cases else [])}
    start = "pytest.mark.acceptance('"
    return [(word.removeprefix(start)[:-2], tiers) for word in words if word.startswith(start)]


@pytest.mark.parametrize("part", [0, 1], ids=["tiers", "files"])
def test_table_of_the_acceptance_suite_is_that_of_the_tests(part: int) -> None:
    """Ids, tiers and files of the table are those of the marked tests, no more and no less."""
    assert {id: line[part] for id, line in table().items()} == {
        id: line[part] for id, line in marked().items()
    }
