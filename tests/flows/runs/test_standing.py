"""How a mixture stands: its last run and its current version, told alike by page, terminal and JSON."""

import json
import os
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest

from tests.harness.builders import math_rows, quick_build, recipe, statement, write_rows, write_sources
from thinkmix.flows.build.pipeline import Built
from thinkmix.flows.pages.verdict import verdict_of_failed
from thinkmix.flows.runs.approve import approve
from thinkmix.flows.runs.standing import standing
from thinkmix.flows.store.store import Store
from thinkmix.schemas.errors import Blocked, SourceNotFound, ThinkmixError
from thinkmix.schemas.run import Current

WHY = "upstream took back the second file"


@pytest.fixture
def store(store_copy: Callable[[], Path]) -> Path:
    """A store with one good version."""
    return store_copy()


@pytest.fixture
def mixture(store: Path) -> Path:
    """The folder of its mixture."""
    return store / "small"


def fail(store: Path, sources: Path) -> None:
    """Run a build whose source is gone."""
    gone = [{**source, "files": ["none/*.jsonl"]} for source in statement()["sources"]]
    with pytest.raises(SourceNotFound):
        quick_build(recipe(sources=gone), store, sources)


def hold(store: Path, folder: Path) -> Built:
    """Run a build that a gate holds: a source has lost most of its rows."""
    base = write_sources(folder / "fewer")
    write_rows(base / "math" / "0.jsonl", math_rows()[:8])
    return quick_build(recipe(), store, base)


def front(mixture: Path) -> str:
    """Return the front page."""
    return unescape((mixture / "report.html").read_text(encoding="utf-8"))


def test_failed_run_turns_the_front_page_red(store: Path, mixture: Path, sources: Path, built: Built):
    """The page says that the last run failed and why, and which version may be trained on all the same."""
    assert "This version may be trained on." in front(mixture)
    fail(store, sources)
    page = front(mixture)
    assert "The last run failed." in page
    assert "none/*.jsonl" in page
    assert f"Version {built.digest[:12]} of " in page
    assert "stays current and may be trained on." in page
    assert "This version may be trained on." not in page


def test_report_tells_of_the_last_run_and_of_the_current_version(
    store: Path, mixture: Path, sources: Path, built: Built, run
):
    """After a failed run the command is green by the current version, and 9 for those who are strict."""
    fail(store, sources)
    code, out, _ = run("report", mixture)
    assert code == 0
    assert "The last run failed." in out
    assert "last run         failed" in out
    assert f"current version  {built.digest[:12]}" in out
    assert run("report", mixture, "--strict")[0] == 9
    code, out, _ = run("report", mixture, "--json")
    told = json.loads(out)
    assert code == 0
    assert told["verdict"]["headline"] == "The last run failed."
    assert (told["last_run"]["ended"], told["last_run"]["error"]) == ("failed", "source_not_found")
    assert "none/*.jsonl" in told["last_run"]["why"]
    assert (told["current"]["version"], told["current"]["good"]) == (built.digest, True)


def test_strict_report_of_a_good_run_ends_with_0(mixture: Path, run):
    """Nothing failed, so strictness changes nothing."""
    assert run("report", mixture, "--strict")[0] == 0


def test_page_and_report_agree_after_a_held_run(
    store: Path, mixture: Path, tmp_path: Path, built: Built, run
):
    """The verdict is red in both, both say which version stays current, and the exit code is by that one."""
    blocked = hold(store, tmp_path)
    told = json.loads(run("report", mixture, "--json")[1])
    page = front(mixture)
    for words in (told["verdict"]["headline"], told["verdict"]["sentence"]):
        assert words in page
    assert told["verdict"]["colour"] == "bad"
    assert (told["last_run"]["ended"], told["last_run"]["version"]) == ("blocked", blocked.digest)
    assert "math read 32.8 % fewer rows" in told["last_run"]["why"]
    assert told["current"]["version"] == built.digest
    assert f"Version {built.digest[:12]} of " in page
    assert run("report", mixture)[0] == 0
    assert run("report", blocked.version)[0] == 3


def test_accepted_version_is_the_current_one_in_page_and_report(
    store: Path, mixture: Path, sources: Path, tmp_path: Path, run
):
    """What a person approved may be trained on; a run that failed since then stays the last run."""
    blocked = hold(store, tmp_path)
    fail(store, sources)
    approve(blocked.version, why=WHY, by="anna")
    told = json.loads(run("report", mixture, "--json")[1])
    assert (told["current"]["version"], told["current"]["good"]) == (blocked.digest, True)
    assert told["current"]["why"] == f"anna approved it: {WHY}"
    assert told["last_run"]["ended"] == "failed"
    assert told["verdict"]["sentence"] in front(mixture)
    code, out, _ = run("report", blocked.version)
    assert code == 0
    assert "(held)" not in out


def test_mixture_without_a_version_ends_with_3(sources: Path, tmp_path: Path, run):
    """A first run that fails leaves nothing to train on, and a report all the same."""
    fail(tmp_path, sources)
    code, out, _ = run("report", tmp_path / "small")
    assert code == 3
    assert "There is no version to train on." in out
    told = json.loads(run("report", tmp_path / "small", "--json")[1])
    assert (told["current"], told["last_run"]["ended"], told["mixture"]) == (None, "failed", "small")
    assert run("report", tmp_path / "small", "--strict")[0] == 9


def test_first_version_that_is_held_has_a_report(sources: Path, tmp_path: Path, run):
    """No version is current yet, and the report says what a person must look at."""
    gates = {"quarantine": {"action": "fail", "limit": 0.0}}
    blocked = quick_build(recipe(gates=gates), tmp_path, sources)
    with pytest.raises(Blocked):
        blocked.check()
    code, out, _ = run("report", tmp_path / "small")
    assert code == 3
    assert "Do not train on this version." in out
    assert "current version  none" in out


def test_run_that_was_killed_is_the_last_run(store: Path, mixture: Path, built: Built, run):
    """A note without a living process tells of it before the next build does."""
    note = {"mixture": "small", "started": "2026-01-02T02:00:00+00:00", "pid": 1, "boot": "b", "born": "7"}
    Store(store).log.note_running("small", {**note, "flow_run": None})
    found = standing(Store(store), "small")
    assert found.last_run
    assert (found.last_run.ended, found.good) == ("killed", True)
    assert found.verdict.headline == "The last run was killed."
    assert run("report", mixture, "--strict")[0] == 9


def test_build_that_runs_is_not_called_killed(store: Path):
    """Whoever holds the lock may live on another machine."""
    note = {"mixture": "small", "started": "2026-01-02T02:00:00+00:00", "pid": 1, "boot": "b", "born": "7"}
    with Store(store).lock("small"):
        Store(store).log.note_running("small", {**note, "flow_run": None})
        found = standing(Store(store), "small")
    assert found.last_run
    assert found.last_run.ended == "published"


@pytest.mark.parametrize(
    ("current", "says"),
    [
        (None, "x is gone. There is no version to train on."),
        (
            Current(version="ab" * 32, since=None, good=True, why="every check passed"),
            "x is gone. Version abababababab stays current and may be trained on.",
        ),
        (
            Current(version="ab" * 32, since="2026-01-02T02:00:00+00:00", good=False, why="a check failed"),
            "x is gone. Version abababababab of 2 Jan 2026, 02:00 UTC stays current; do not train on it: "
            "a check failed.",
        ),
    ],
)
def test_verdict_of_a_failed_run_says_what_is_left(current: Current | None, says: str):
    """Why it failed, which version is current, and whether that one may be trained on."""
    assert verdict_of_failed("x is gone", current).sentence == says


def test_full_disk_does_not_hide_why_a_build_failed(
    store: Path, sources: Path, monkeypatch: pytest.MonkeyPatch
):
    """Where the run's folder cannot be written, the error is that of the build, and the history has it."""

    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("thinkmix.flows.runs.failure.write_json", full)
    gone = [{**source, "files": ["none/*.jsonl"]} for source in statement()["sources"]]
    with pytest.raises(ThinkmixError) as raised:
        quick_build(recipe(sources=gone), store, sources)
    assert raised.type is SourceNotFound
    assert Store(store).log.runs("small")[-1]["error"] == "source_not_found"
