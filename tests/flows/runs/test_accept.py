"""Held candidates: what a failed gate leaves as it was, what it still writes, and how a person goes on."""

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
from thinkmix.flows.runs.accept import accept
from thinkmix.flows.runs.nights import newest_run
from thinkmix.flows.store.store import Store
from thinkmix.flows.store.versions import problems
from thinkmix.schemas.errors import Held, StoreBusy
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
def held_once(built: Built, fewer: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A build that a gate held, in a store that holds a good one; read only."""
    store = shutil.copytree(built.version.parents[2], tmp_path_factory.mktemp("held") / "store")
    return quick_build(recipe(), store, fewer)


@pytest.fixture
def held(held_once: Built, tmp_path: Path) -> Path:
    """The held candidate in a copy of its store."""
    store = shutil.copytree(held_once.version.parents[2], tmp_path / "store")
    return store / held_once.version.relative_to(held_once.version.parents[2])


def test_failed_gate_holds_a_whole_version_and_leaves_the_good_one(held_once: Built, built: Built):
    """CURRENT stays; candidate, report, page and summary are all there, and say what was found."""
    store = Store(held_once.version.parents[2])
    assert held_once.status == "held"
    assert store.versions.current("small") == store.root / "small" / "versions" / built.digest
    assert problems(held_once.version) == []
    assert {path.name for path in held_once.folder.iterdir()} == {"report.html", "report.json", "summary.md"}
    told = RunReport.model_validate_json((held_once.folder / "report.json").read_bytes())
    assert told == held_once.run
    sentence = "math read 32.8 % fewer rows than the last good build (67 → 45); the limit is 10 %"
    assert sentence in told.failures
    assert sentence in (held_once.folder / "summary.md").read_text(encoding="utf-8")
    assert "do not train on this" in (store.root / "small" / "report.html").read_text(encoding="utf-8")
    with pytest.raises(Held, match=r"math read 32\.8 % fewer rows"):
        held_once.check()


def test_command_that_builds_a_held_version_ends_with_3(
    run, built: Built, fewer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A scheduler learns from the exit code, and from one word, that a person must look."""
    store = shutil.copytree(built.version.parents[2], tmp_path / "store")
    stated = write_recipe(fewer / "held.yaml")
    monkeypatch.setattr(pipeline_room, "workers", lambda *_: Inline())
    code, out, err = run("build", stated, "--store", store, "--direct", "--json")
    assert (code, json.loads(out)["code"]) == (3, "held")
    assert "math read 32.8 % fewer rows" in err
    assert Store(store).versions.current("small") == store / "small" / "versions" / built.digest


def test_unchanged_inputs_are_held_again_until_a_person_accepts(held: Path, fewer: Path):
    """Nothing slips through on the second night; what was accepted is the last good build from then on."""
    store = Store(held.parents[2])
    again = quick_build(recipe(), store.root, fewer)
    assert (again.version, again.status, again.made) == (held, "held", 0)
    record = accept(held, why=WHY, by="ada")
    assert store.versions.current("small") == held
    assert (record.by, record.why, record.version) == ("ada", WHY, held.name)
    assert "rows math" in record.gates
    assert [line["why"] for line in store.log.acceptances("small")] == [WHY]
    third = quick_build(recipe(), store.root, fewer)
    assert (third.version, third.status, third.run.good, third.run.failures) == (held, "unchanged", True, ())
    assert third.run.acceptance == record


def test_accepted_version_is_what_the_next_one_is_compared_with(held: Path, fewer: Path, tmp_path: Path):
    """After a promotion the gates look at what was promoted, not at the version before it."""
    accept(held, why=WHY)
    base = shutil.copytree(fewer, tmp_path / "base")
    write_rows(base / "math" / "0.jsonl", math_rows()[:9])
    after = quick_build(recipe(), held.parents[2], base)
    assert (after.status, after.run.baseline) == ("published", held.name)


def test_accepted_version_is_shown_as_one_that_may_be_trained_on(held: Path):
    """The front page and the terminal stop saying that it must not be used."""
    page = held.parents[1] / "report.html"
    assert "do not train on this" in page.read_text(encoding="utf-8")
    assert version_facts(held)["good"] is False
    accept(held, why=WHY, by="[bold]eve")
    assert "do not train on this" not in page.read_text(encoding="utf-8")
    facts = version_facts(held)
    assert (facts["good"], facts["status"], facts["accepted"]["by"]) == (True, "held", "[bold]eve")
    out = StringIO()
    show_version(held, Console(file=out, width=300))
    assert "accepted by [bold]eve" in out.getvalue()
    assert "✗ rows: math read 32.8 % fewer rows" in out.getvalue()


def test_accept_takes_the_first_digits_of_a_version(held: Path, run):
    """A person may write the mixture's folder and a few digits; machines get the record."""
    code, out, _ = run("accept", held.parents[1] / held.name[:8], "--why", WHY, "--json")
    assert code == 0
    assert json.loads(out)["version"] == held.name
    assert Store(held.parents[2]).versions.current("small") == held


def _damage(held: Path) -> Path:
    flip_bit(held / "README.md")
    return held


def _forget(held: Path) -> Path:
    (held.parents[1] / "runs.jsonl").unlink()
    return held


def _copy(held: Path) -> Path:
    return shutil.copytree(held, held.parents[2] / "copies" / held.name)


REFUSALS: list[tuple[Callable[[Path], Path], str, int, str]] = [
    (_damage, WHY, 5, "is damaged and cannot be accepted: README.md: sha256 differs"),
    (
        lambda held: Store(held.parents[2]).versions.current("small"),
        WHY,
        2,
        "is the current version of small already",
    ),
    (_forget, WHY, 2, "is not a held candidate of small, no run of the history built it"),
    (_copy, WHY, 2, "is not in a store"),
    (lambda held: held, " a  ", 2, "--why needs at least 3 letters"),
    (lambda held: held.parents[1], WHY, 2, "was held last"),
    (lambda held: held.parents[1] / "ffffffff", WHY, 2, "no version of small has a digest"),
    (lambda held: held.parents[1] / "..", WHY, 2, "is neither a version"),
]


@pytest.mark.parametrize(("change", "why", "exit_code", "words"), REFUSALS)
def test_what_cannot_be_accepted_is_refused(change, why, exit_code, words, held: Path, run):
    """Nothing becomes current that is damaged, was never held, or that nobody can say why of."""
    store = Store(held.parents[2])
    before = store.versions.current("small")
    code, _, err = run("accept", change(held), "--why", why)
    assert code == exit_code
    assert words in err
    assert (store.versions.current("small"), store.log.acceptances("small")) == (before, [])


def test_accept_explains_itself(run):
    """The command has a help text with an example."""
    code, out, _ = run("accept", "--help")
    assert code == 0
    assert "Example: thinkmix accept" in " ".join(out.split())


def test_nobody_accepts_while_a_build_runs(held: Path):
    """A promotion waits for its turn like any builder."""
    with Store(held.parents[2]).lock("small"), pytest.raises(StoreBusy):
        accept(held, why=WHY)


@pytest.mark.parametrize("content", [b"{}", b"{", None], ids=["other layout", "cut off", "gone"])
def test_damaged_last_good_build_is_mentioned_and_does_not_stop_the_next(
    content: bytes | None, held: Path, fewer: Path
):
    """Without facts to compare with nothing can be held, and the report says that nothing was compared."""
    report = Store(held.parents[2]).versions.current("small") / "report.json"
    report.unlink()
    if content is not None:
        report.write_bytes(content)
    again = quick_build(recipe(seed=9), held.parents[2], fewer)
    assert again.status == "published"
    assert "nothing could be compared with the last good build" in again.run.warnings[0]


def test_lost_pointer_is_mentioned(held: Path, fewer: Path):
    """A CURRENT that names nothing is not a first build: the report says that nothing was compared."""
    (held.parents[1] / "CURRENT").write_text("gone\n")
    again = quick_build(recipe(), held.parents[2], fewer)
    assert again.status == "published"
    assert again.run.warnings[0].endswith("CURRENT does not name a version")


def test_first_build_passes_and_notes_its_columns(built: Built, sources: Path):
    """With nothing to compare with no gate fails, and the columns for the next night are in the report."""
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
