"""Blocked candidates: what a failed gate leaves as it was, what it still writes, and how a person goes on."""

import json
import shutil
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from tests.harness.builders import Inline, flip_bit, math_rows, quick_build, recipe, write_recipe, write_rows
from thinkmix.flows.build import pipeline as pipeline_room
from thinkmix.flows.build.pipeline import Built
from thinkmix.flows.cli.show.show import show_version, version_facts
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.flows.runs.approve import approve
from thinkmix.flows.runs.history import newest_run
from thinkmix.flows.store.store import Store
from thinkmix.flows.store.versions import problems
from thinkmix.schemas.errors import Blocked, StoreBusy
from thinkmix.schemas.run import RunReport

WHY = "upstream took back the second file"


@pytest.fixture(scope="module")
def fewer(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small sources, but math has lost a third of its rows."""
    base = tmp_path_factory.mktemp("fewer") / "base"
    shutil.copytree(sources, base)
    write_rows(base / "math" / "0.jsonl", math_rows()[:8])
    return base


@pytest.fixture(scope="module")
def blocked_once(built: Built, fewer: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A build that a gate blocked, in a store that holds a good one; read only."""
    store = shutil.copytree(built.version.parents[2], tmp_path_factory.mktemp("blocked") / "store")
    return quick_build(recipe(), store, fewer)


@pytest.fixture
def blocked(blocked_once: Built, tmp_path: Path) -> Path:
    """The blocked candidate in a copy of its store."""
    store = shutil.copytree(blocked_once.version.parents[2], tmp_path / "store")
    return store / blocked_once.version.relative_to(blocked_once.version.parents[2])


def test_failed_gate_holds_a_whole_version_and_leaves_the_good_one(blocked_once: Built, built: Built):
    """CURRENT stays; candidate, report, page and summary are all there, and say what was found."""
    store = Store(blocked_once.version.parents[2])
    assert blocked_once.status == "blocked"
    assert store.versions.current("small") == store.root / "small" / "versions" / built.digest
    assert problems(blocked_once.version) == []
    assert {path.name for path in blocked_once.folder.iterdir()} == {
        "report.html",
        "report.json",
        "summary.md",
    }
    told = RunReport.model_validate_json((blocked_once.folder / "report.json").read_bytes())
    assert told == blocked_once.run
    sentence = "math read 32.8 % fewer rows than the last good build (67 → 45); the limit is 10 %"
    assert sentence in told.failures
    assert sentence in (blocked_once.folder / "summary.md").read_text(encoding="utf-8")
    assert "do not train on this" in (store.root / "small" / "report.html").read_text(encoding="utf-8")
    with pytest.raises(Blocked, match=r"math read 32\.8 % fewer rows"):
        blocked_once.check()


def test_command_that_builds_a_held_version_ends_with_3(
    run, built: Built, fewer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A scheduler learns from the exit code, and from one word, that a person must look."""
    store = shutil.copytree(built.version.parents[2], tmp_path / "store")
    stated = write_recipe(fewer / "held.yaml")
    monkeypatch.setattr(pipeline_room, "workers", lambda *_: Inline())
    code, out, err = run("build", stated, "--store", store, "--direct", "--json")
    assert (code, json.loads(out)["code"]) == (3, "blocked")
    assert "math read 32.8 % fewer rows" in err
    assert Store(store).versions.current("small") == store / "small" / "versions" / built.digest


def test_unchanged_inputs_are_held_again_until_a_person_accepts(blocked: Path, fewer: Path):
    """Nothing slips through on the second run; what was approved is the last good build from then on."""
    store = Store(blocked.parents[2])
    again = quick_build(recipe(), store.root, fewer)
    assert (again.version, again.status, again.made) == (blocked, "blocked", 0)
    record = approve(blocked, why=WHY, by="ada")
    assert store.versions.current("small") == blocked
    assert (record.by, record.why, record.version) == ("ada", WHY, blocked.name)
    assert "rows math" in record.gates
    assert [line["why"] for line in store.log.approvals("small")] == [WHY]
    third = quick_build(recipe(), store.root, fewer)
    assert (third.version, third.status, third.run.good, third.run.failures) == (
        blocked,
        "unchanged",
        True,
        (),
    )
    assert third.run.approval == record


def test_accepted_version_is_what_the_next_one_is_compared_with(blocked: Path, fewer: Path, tmp_path: Path):
    """After a promotion the gates look at what was promoted, not at the version before it."""
    approve(blocked, why=WHY)
    base = shutil.copytree(fewer, tmp_path / "base")
    write_rows(base / "math" / "0.jsonl", math_rows()[:9])
    after = quick_build(recipe(), blocked.parents[2], base)
    assert (after.status, after.run.baseline) == ("published", blocked.name)


def test_accepted_version_is_shown_as_one_that_may_be_trained_on(blocked: Path):
    """The front page and the terminal stop saying that it must not be used."""
    page = blocked.parents[1] / "report.html"
    assert "do not train on this" in page.read_text(encoding="utf-8")
    assert version_facts(blocked)["good"] is False
    approve(blocked, why=WHY, by="[bold]eve")
    assert "do not train on this" not in page.read_text(encoding="utf-8")
    facts = version_facts(blocked)
    assert (facts["good"], facts["status"], facts["approved"]["by"]) == (True, "blocked", "[bold]eve")
    out = StringIO()
    show_version(blocked, Console(file=out, width=300))
    assert "approved by [bold]eve" in out.getvalue()
    assert "✗ rows: math read 32.8 % fewer rows" in out.getvalue()


def test_accept_takes_the_first_digits_of_a_version(blocked: Path, run):
    """A person may write the mixture's folder and a few digits; machines get the record."""
    code, out, _ = run("approve", blocked.parents[1] / blocked.name[:8], "--why", WHY, "--json")
    assert code == 0
    assert json.loads(out)["version"] == blocked.name
    assert Store(blocked.parents[2]).versions.current("small") == blocked


def _damage(blocked: Path) -> Path:
    flip_bit(blocked / "README.md")
    return blocked


def _forget(blocked: Path) -> Path:
    (blocked.parents[1] / "runs.jsonl").unlink()
    return blocked


def _copy(blocked: Path) -> Path:
    return shutil.copytree(blocked, blocked.parents[2] / "copies" / blocked.name)


REFUSALS: list[tuple[Callable[[Path], Path], str, int, str]] = [
    (_damage, WHY, 5, "is damaged and cannot be approved: README.md: sha256 differs"),
    (
        lambda blocked: Store(blocked.parents[2]).versions.current("small"),
        WHY,
        2,
        "is the current version of small already",
    ),
    (_forget, WHY, 2, "is no blocked candidate of small, no run of the history built it"),
    (_copy, WHY, 2, "lies in no store"),
    (lambda blocked: blocked, " a  ", 2, "--why needs at least 3 letters"),
    (lambda blocked: blocked.parents[1], WHY, 2, "was blocked last"),
    (lambda blocked: blocked.parents[1] / "ffffffff", WHY, 2, "no version of small has a digest"),
    (lambda blocked: blocked.parents[1] / "..", WHY, 2, "is neither a version"),
]


@pytest.mark.parametrize(("change", "why", "exit_code", "words"), REFUSALS)
def test_what_cannot_be_accepted_is_refused(change, why, exit_code, words, blocked: Path, run):
    """Nothing becomes current that is damaged, was never blocked, or that nobody can say why of."""
    store = Store(blocked.parents[2])
    before = store.versions.current("small")
    code, _, err = run("approve", change(blocked), "--why", why)
    assert code == exit_code
    assert words in err
    assert (store.versions.current("small"), store.log.approvals("small")) == (before, [])


def test_accept_explains_itself(run):
    """The command has a help text with an example."""
    code, out, _ = run("approve", "--help")
    assert code == 0
    assert "Example: thinkmix approve" in " ".join(out.split())


def test_nobody_accepts_while_a_build_runs(blocked: Path):
    """A promotion waits for its turn like any builder."""
    with Store(blocked.parents[2]).lock("small"), pytest.raises(StoreBusy):
        approve(blocked, why=WHY)


@pytest.mark.parametrize("content", [b"{}", b"{", None], ids=["other layout", "cut off", "gone"])
def test_damaged_last_good_build_is_mentioned_and_does_not_stop_the_next(
    content: bytes | None, blocked: Path, fewer: Path
):
    """Without facts to compare with nothing can be blocked, and the report says that nothing was compared."""
    report = Store(blocked.parents[2]).versions.current("small") / "report.json"
    report.unlink()
    if content is not None:
        report.write_bytes(content)
    again = quick_build(recipe(seed=9), blocked.parents[2], fewer)
    assert again.status == "published"
    assert "nothing could be compared with the last good build" in again.run.warnings[0]


def test_lost_pointer_is_mentioned(blocked: Path, fewer: Path):
    """A CURRENT that names nothing is no first build: the report says that nothing was compared."""
    (blocked.parents[1] / "CURRENT").write_text("gone\n")
    again = quick_build(recipe(), blocked.parents[2], fewer)
    assert again.status == "published"
    assert again.run.warnings[0].endswith("CURRENT does not name a version")


def test_first_build_passes_and_notes_its_columns(built: Built, sources: Path):
    """With nothing to compare with no gate fails, and the columns for the next run are in the report."""
    assert (built.status, built.run.failures) == ("published", ())
    assert newest_run(built.version) == built.run
    columns = {found.source: found for found in built.run.report.columns}
    assert columns["math"].types == {"generated_solution": "String", "problem": "String"}
    assert columns["chat"].types == {"conversations": "List"}
    assert columns["chat"].missing == {"conversations": 0}


def test_gates_of_a_recipe_keep_what_is_not_said():
    """A recipe that states one setting of a gate leaves its action as it is; a plain `off` of YAML is off."""
    stated = Recipe.model_validate({**recipe().model_dump(), "gates": {"rows": {"fewer": 0.5}}})
    assert (stated.gates.rows.action, stated.gates.rows.fewer, stated.gates.rows.more) == ("fail", 0.5, 1.0)
    assert recipe(gates={"shares": {"action": False}}).gates.shares.action == "off"
