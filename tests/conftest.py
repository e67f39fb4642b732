"""What holds for all tests: no telemetry, no tokens of their user, nothing compiled twice, skips counted."""

import gc
import os
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.harness.skips import pytest_make_collect_report, pytest_runtest_makereport, pytest_terminal_summary

__all__ = ["pytest_make_collect_report", "pytest_runtest_makereport", "pytest_terminal_summary"]

os.environ["DO_NOT_TRACK"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
for _name in (
    "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "MODELSCOPE_API_TOKEN",
    "PREFECT_API_URL",
    "THINKMIX_ENGINE",
    "THINKMIX_NOTIFY",
    "THINKMIX_WEBHOOK",
    "THINKMIX_EXCHANGE",
    "THINKMIX_SCHEDULER",
    "THINKMIX_STORE",
    "THINKMIX_WORKER_MEMORY",
):
    os.environ.pop(_name, None)

# the profile of the user who runs the tests may name a server
_prefect_home = Path(__file__).parents[1] / ".pytest_cache" / "prefect"
_prefect_home.mkdir(parents=True, exist_ok=True)  # Prefect makes no more than the last folder of a path
os.environ["PREFECT_HOME"] = str(_prefect_home)
os.environ.pop("PREFECT_PROFILE", None)

# Some eighty processes are started; without bytecode each would compile all that it imports of ours.
# Libraries are installed with theirs, which a prefix would hide: torch and what it brings take 15 s.
# This process has read the variable already; to rewrite the assertions of all tests takes 5 s of CPU.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


@pytest.fixture(scope="session", autouse=True)
def _unsynced() -> Iterator[None]:
    """Let no test of this process wait for the disk: a small build syncs nearly three hundred times.

    What is synced, and when, is for `tests.harness.failing_disk` to see, in processes of its own.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        yield


@pytest.fixture(scope="session")
def tiny() -> Iterator[None]:
    """Sample the tiny model once in this process, for tests that train, where training is installed."""
    if not all(find_spec(name) for name in ("torch", "transformers", "peft")):
        yield
        return
    from tests.harness.train.tiny import sample_once  # noqa: PLC0415 - torch takes seconds

    with pytest.MonkeyPatch.context() as patch:
        sample_once(patch)
        yield


TOGETHER = ("flows/orchestrate", "train/run")
"""Folders whose files run in one process: they share a Prefect server, or one that forks warm processes."""

FIRST = (*TOGETHER, "train", "flows", "test_api.py", "test_readme.py", "test_wheel.py", "benchmarks", "cases")
"""What holds few and long tests: begun last, one of them would run with nothing beside it."""


def _within(path: str, parts: Sequence[str]) -> int:
    """Return the place of the first of the parts of `tests` that a path lies in; of none, their number."""
    names = f"{path}/"
    return next((n for n, part in enumerate(parts) if names.startswith(f"tests/{part}/")), len(parts))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long files; processes take one after the other in this order."""
    items.sort(key=lambda item: _within(item.nodeid.partition("::")[0], FIRST))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Keep not only a file in one process, but also each folder of `TOGETHER`."""
    from xdist.scheduler import LoadFileScheduling  # noqa: PLC0415 - only where it is installed

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return (*TOGETHER, file)[_within(file, TOGETHER)]

    return ByFile(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Look for no garbage meanwhile: of a million objects nearly all stay, and that takes two seconds.

    Later collections pass over them, too: each that did not would take most of a second.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        import hypothesis  # noqa: F401, PLC0415 - what it sets up looks for referrers among objects of now

        gc.freeze()
        gc.enable()
