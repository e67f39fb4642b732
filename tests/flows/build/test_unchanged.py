"""A run on which nothing changed is cheap: it loads nothing that reads, compares or samples rows."""

import shutil
from pathlib import Path

import pytest

from tests.harness.builders import python, write_recipe
from thinkmix.flows.build.pipeline import Built

HEAVY = ("polars", "pyarrow", "numpy", "numba", "scipy", "transformers", "prefect", "rich.progress")


@pytest.fixture
def command(built: Built, sources: Path, tmp_path: Path) -> str:
    """A program that builds the small mixture again, and then prints which heavy libraries it has loaded."""
    base = shutil.copytree(sources, tmp_path / "base")
    store = shutil.copytree(built.version.parents[2], tmp_path / "store")
    arguments = [
        "thinkmix",
        "build",
        str(write_recipe(base / "small.yaml")),
        "--store",
        str(store),
        "--direct",
    ]
    return (
        f"import sys; sys.argv = {arguments!r}\n"
        "from thinkmix.flows.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        f"print('loaded', sorted(set({HEAVY!r}) & set(sys.modules)))"
    )


def test_unchanged_run_loads_no_library_for_rows(command: str):
    """All that such a run costs is what it imports."""
    done = python("-c", command)
    assert done.returncode == 0, done.stderr
    assert "(unchanged)" in done.stdout
    assert done.stdout.splitlines()[-1] == "loaded []"


def test_descriptions_are_read_only_for_schemas():
    """Nobody reads the sources of records to build a mixture."""
    script = (
        "import thinkmix.flows.recipe.recipe, thinkmix.schemas.record as record\n"
        "print(record._docstrings.cache_info().misses)\n"
        "thinkmix.flows.recipe.recipe.Recipe.model_json_schema()\n"
        "print(record._docstrings.cache_info().misses > 0)"
    )
    assert python("-c", script).stdout.split() == ["0", "True"]
