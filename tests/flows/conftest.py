"""One small build that many tests look at, and copies of it for those that break something."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness.builders import quick_build, recipe, write_sources
from thinkmix.flows.build.pipeline import Built
from thinkmix.flows.cli import main
from thinkmix.flows.recipe.recipes import load


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the small sources; read only."""
    return write_sources(tmp_path_factory.mktemp("sources"))


@pytest.fixture(scope="session")
def built(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The small mixture, built once into a store of its own; read only."""
    return quick_build(recipe(), tmp_path_factory.mktemp("built"), sources)


@pytest.fixture(scope="session")
def version(built: Built) -> Path:
    """The folder of the small version; read only."""
    return built.version


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The recipe sample-7-3, built once from what the package holds; read only."""
    located = load("sample-7-3")
    return quick_build(located.recipe, tmp_path_factory.mktemp("sample"), located.base)


@pytest.fixture
def store_copy(built: Built, tmp_path: Path) -> Callable[[], Path]:
    """Copy the whole store of the small build, cache and all, for a test that harms it."""

    def copy() -> Path:
        root = built.version.parents[2]
        target = tmp_path / f"store{len(list(tmp_path.glob('store*')))}"
        shutil.copytree(root, target)
        return target

    return copy


@pytest.fixture
def command(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    """Run a command in this process; return its exit code, output and errors."""

    def call(*args: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["thinkmix", *map(str, args)])
        monkeypatch.setenv("COLUMNS", "300")
        with pytest.raises(SystemExit) as ended:
            sys.exit(main())
        written = capsys.readouterr()
        return int(ended.value.code or 0), written.out, written.err

    return call


@pytest.fixture
def run(command: Callable[..., tuple[int, str, str]]) -> Callable[..., tuple[int, str, str]]:
    """Run a command in this process, where no other run is meant."""
    return command
