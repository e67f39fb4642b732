"""Return to an earlier good version: on record, told everywhere, and not undone by the next run."""

import json
import shutil
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from tests.harness.builders import flip_bit, math_row, quick_build, recipe, write_rows
from thinkmix.flows.build.pipeline import Built
from thinkmix.flows.cli.show.show import show_version, version_facts
from thinkmix.flows.runs.approve import approve
from thinkmix.flows.runs.history import judge_version, newest_run
from thinkmix.flows.runs.retention import retain
from thinkmix.flows.runs.rollback import rollback
from thinkmix.flows.runs.standing import standing
from thinkmix.flows.runs.summary import summary
from thinkmix.flows.store.store import Store
from thinkmix.schemas.errors import Blocked, NotApproved, NotFound, NotRolledBack, StoreBusy, StoreCorrupt

WHY = "loss went up on Friday"


@pytest.fixture(scope="module")
def more(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small sources, with one row more."""
    base = shutil.copytree(sources, tmp_path_factory.mktemp("more") / "base")
    write_rows(base / "math" / "2.jsonl", [math_row("new")])
    return base


@pytest.fixture(scope="module")
def two(built: Built, more: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, Path]:
    """Two good versions, and their store; read only."""
    store = shutil.copytree(built.version.parents[2], tmp_path_factory.mktemp("two") / "store")
    second = quick_build(recipe(), store, more)
    assert second.status == "published"
    return built.digest, second.digest, store


@pytest.fixture
def first(two: tuple[str, str, Path]) -> str:
    return two[0]


@pytest.fixture
def second(two: tuple[str, str, Path]) -> str:
    return two[1]


@pytest.fixture
def mixture(two: tuple[str, str, Path], tmp_path: Path) -> Path:
    """The mixture's folder in a copy of the store."""
    return shutil.copytree(two[2], tmp_path / "store") / "small"


def front(mixture: Path) -> str:
    return (mixture / "report.html").read_text(encoding="utf-8")


def test_earlier_version_becomes_current_on_record(mixture: Path, first: str, second: str):
    """Who, when, why and from which version stand in the mixture's folder."""
    store = Store(mixture.parent)
    assert store.versions.current("small").name == second
    record = rollback(mixture, first[:8], why=f"  {WHY}\n", by="ada")
    assert store.versions.current("small").name == first
    assert (record.by, record.why, record.version, record.rejected) == ("ada", WHY, first, second)
    assert [line["at"] for line in store.log.rollbacks("small")] == [record.at]


def test_next_identical_run_is_held_and_says_by_whom_and_why(
    mixture: Path, first: str, second: str, more: Path
):
    """Night after run, and through the whole pipeline as well as without a stage."""
    rollback(mixture, first, why=WHY, by="ada")
    store = Store(mixture.parent)
    for _ in range(2):
        built = quick_build(recipe(), store.root, more)
        assert (built.digest, built.status, built.made) == (second, "blocked", 0)
        assert store.versions.current("small").name == first
        with pytest.raises(Blocked, match=rf"ada rolled back from it to {first[:12]} .*: {WHY}"):
            built.check()
        assert f"ada rolled back from it to {first[:12]}" in summary(built.run)
    (mixture / "runs.jsonl").unlink()
    assert quick_build(recipe(), store.root, more).status == "blocked"
    assert store.versions.current("small").name == first


def test_version_of_the_same_rows_is_held_with_it(
    mixture: Path, first: str, second: str, more: Path, monkeypatch: pytest.MonkeyPatch
):
    """Another release makes another digest of the rows that were rejected."""
    rollback(mixture, first, why=WHY, by="ada")
    stated = recipe(title="Other words on the card")
    built = quick_build(stated, mixture.parent, more)
    assert (built.digest != second, built.status) == (True, "blocked")
    other = recipe(seed=7)
    assert quick_build(other, mixture.parent, more).status == "published"


def test_inputs_of_the_version_that_is_current_again_are_unchanged(mixture: Path, first: str, sources: Path):
    """Whoever puts the upstream files back finds everything as it was."""
    rollback(mixture, first, why=WHY)
    built = quick_build(recipe(), mixture.parent, sources)
    assert (built.digest, built.status, built.made) == (first, "unchanged", 0)


def test_page_terminal_and_machines_tell_the_truth(mixture: Path, first: str, second: str, run: Callable):
    """The version that was green is red, and the one before it is the one to train on."""
    assert "do not train on this" not in front(mixture)
    rollback(mixture, first, why=WHY, by="[bold]eve")
    page = front(mixture)
    assert "do not train on this" in page
    assert "[bold]eve rolled back from it" in page
    assert f"Version {first[:12]}" in page
    found = standing(Store(mixture.parent), "small")
    assert (found.current.version, found.good) == (first, True)
    assert WHY in found.verdict.sentence
    code, out, _ = run("report", mixture)
    assert code == 0
    assert f"current version  {first[:12]}" in out
    rejected = mixture / "versions" / second
    assert run("report", rejected)[0] == 3
    facts = version_facts(rejected)
    assert (facts["good"], facts["status"], facts["rolled_back"]["why"]) == (False, "blocked", WHY)
    assert judge_version(rejected)[0] is False
    shown = StringIO()
    show_version(rejected, Console(file=shown, width=300))
    assert "do not train on it (rolled back)" in shown.getvalue()
    assert judge_version(mixture / "versions" / first) == (True, "every check passed")


def test_page_of_a_rejected_version_says_so(
    mixture: Path, first: str, second: str, tmp_path: Path, run: Callable
):
    """Its own page, sampled once more."""
    rollback(mixture, first, why=WHY, by="ada")
    run("report", mixture / "versions" / second, "--html", tmp_path / "page.html")
    assert "ada rolled back from it" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_person_may_accept_it_after_all(mixture: Path, first: str, second: str, more: Path):
    """At once, or after a run that was blocked; from then on it is current and good."""
    store = Store(mixture.parent)
    for daily_run in (False, True):
        rollback(mixture, first, why=WHY)
        if daily_run:
            assert quick_build(recipe(), store.root, more).status == "blocked"
        record = approve(mixture / second[:12], why="it was the other machine", by="bob")
        assert record.rolled_back == store.log.rollbacks("small")[-1]["at"]
        assert store.versions.current("small").name == second
        assert judge_version(mixture / "versions" / second) == (
            True,
            "bob approved it: it was the other machine",
        )
        assert "do not train on this" not in front(mixture)
        built = quick_build(recipe(), store.root, more)
        assert (built.digest, built.status) == (second, "unchanged")
        assert "do not train on this" not in front(mixture)


def test_what_is_no_good_version_is_refused(mixture: Path, first: str, second: str):
    """The current one, one that was rolled back from, one that is not there, and without a reason."""
    with pytest.raises(NotRolledBack, match="is the current version of small already"):
        rollback(mixture, second, why=WHY)
    with pytest.raises(NotRolledBack, match="--why needs at least 3 letters"):
        rollback(mixture, first, why=" x ")
    with pytest.raises(NotFound, match="no version of small has a digest that starts with 'zz'"):
        rollback(mixture, "zz", why=WHY)
    with pytest.raises(NotFound, match="is not the folder of a mixture"):
        rollback(mixture.parent / "other", first, why=WHY)
    rollback(mixture, first, why=WHY)
    with pytest.raises(
        NotRolledBack, match=r"is no good version, it was rolled back from: .*thinkmix approve"
    ):
        rollback(mixture, second, why=WHY)
    with pytest.raises(NotApproved, match="is the current version of small already"):
        approve(mixture / first[:12], why=WHY)


def test_damaged_version_does_not_become_current(mixture: Path, first: str, second: str):
    """A rollback never trades a bad version for a broken one."""
    flip_bit(next((mixture / "versions" / first).glob("train-*.parquet")))
    with pytest.raises(StoreCorrupt, match="is damaged and cannot become current"):
        rollback(mixture, first, why=WHY)
    assert Store(mixture.parent).versions.current("small").name == second


def test_rollback_waits_for_no_build(mixture: Path, first: str):
    """A build that runs would make its own version current over it."""
    with Store(mixture.parent).lock("small"), pytest.raises(StoreBusy):
        rollback(mixture, first, why=WHY)


def test_collection_keeps_both_versions_of_a_rollback(mixture: Path, first: str, second: str, sources: Path):
    """The one that is current, and the one that a person may still accept, whatever is built later."""
    rollback(mixture, first, why=WHY)
    newer = quick_build(recipe(seed=3), mixture.parent, sources)
    told = retain(Store(mixture.parent), keep=1, days=0)
    kept = {one.version: one.why for one in told.kept}
    assert kept == {newer.digest: "current", first: "rolled back to", second: "rolled back from"}


def test_command_takes_a_mixture_by_name_or_folder(mixture: Path, first: str, second: str, run: Callable):
    """And machines get the record."""
    store = mixture.parent
    code, out, _ = run("rollback", "small", first[:8], "--store", store, "--why", WHY, "--json")
    assert (code, json.loads(out)["version"]) == (0, first)
    approve(mixture / second[:12], why=WHY)
    code, out, _ = run("rollback", mixture, first[:8], "--why", WHY)
    assert (code, out) == (
        0,
        f"{first} is current again; {second[:12]} is blocked until a person approves it\n",
    )
    code, _, err = run("rollback", mixture, first[:8], "--why", WHY)
    assert (code, "already" in err) == (2, True)


def test_held_page_prints_the_commands_word_for_word(mixture: Path, first: str, second: str, run: Callable):
    """They approve, compare, and show the page of the current version; each of them runs as it stands."""
    rollback(mixture, first, why=WHY)
    page = front(mixture)
    assert f"thinkmix approve {mixture}/{second[:12]} --why &#34;…&#34;" in page
    assert f"thinkmix diff {mixture}/{first[:12]} {mixture}/{second[:12]}" in page
    assert f"thinkmix report {mixture}/versions/{first} --html current.html" in page
    assert run("diff", mixture / first[:12], mixture / second[:12])[0] == 0
    approve(mixture / second[:12], why="it was the other machine")
    assert "thinkmix approve" not in front(mixture)


def test_newest_run_on_disk_is_not_rewritten(mixture: Path, first: str, second: str):
    """What a run came to stays what it was; a rollback is told beside it."""
    before = newest_run(mixture / "versions" / second)
    rollback(mixture, first, why=WHY)
    assert newest_run(mixture / "versions" / second) == before
