"""`build --plan` foretells what a build makes, and why; `build --frozen` takes nothing new."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness.builders import math_row, quick_build, recipe, write_recipe, write_rows
from tests.harness.loopback_hub import LoopbackHub, serve
from thinkmix.flows.build.dry_run import BuildPlan, plan_build, sentences
from thinkmix.flows.build.pipeline import Built
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.flows.store.store import Store
from thinkmix.schemas.errors import SourceMoved


@pytest.fixture
def base(sources: Path, tmp_path: Path) -> Path:
    """The small sources, to be changed."""
    return shutil.copytree(sources, tmp_path / "base")


@pytest.fixture
def store(built: Built, base: Path, tmp_path: Path) -> Store:
    """A store with a good version of these sources, cache and all."""
    return Store(shutil.copytree(built.version.parents[2], tmp_path / "store"))


def state(folder: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of all that lies in a folder."""
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
    }


def foretold(stated: Recipe, store: Store, base: Path) -> BuildPlan:
    """Plan, and check that nothing was written."""
    before = state(store.root), state(base)
    found = plan_build(stated, store, base)
    assert (state(store.root), state(base)) == before
    return found


def made(plan: BuildPlan) -> dict[str, int]:
    return {f"{one.stage} {one.source}".strip(): one.made for one in plan.stages if one.made}


def test_unchanged_inputs_make_nothing(store: Store, base: Path, built: Built):
    """And the plan names the version that has these inputs."""
    found = foretold(recipe(), store, base)
    assert (found.unchanged, found.why, found.stages, found.fetch) == (built.digest, (), (), ())
    assert list(sentences(found)) == [
        f"small: nothing changed since version {built.digest[:12]}; no stage would run"
    ]


@pytest.mark.parametrize(
    ("changes", "first", "why"),
    [
        ({"dedup": {"threshold": 0.9}}, "dedup", "recipe: dedup.threshold 0.8 → 0.9"),
        ({"dedup": {"shingle": 6}}, "minhash", "recipe: dedup.shingle 5 → 6"),
        ({"seed": 7}, "mix", "recipe: seed 20250428 → 7"),
        ({"max_row_bytes": 5000}, "validate math", "recipe: max_row_bytes 1000000 → 5000"),
    ],
)
def test_changed_setting_is_named_with_the_first_stage_that_it_reaches(
    store: Store, base: Path, changes: dict[str, object], first: str, why: str
):
    """What comes before that stage is reused, as the build then does."""
    found = foretold(recipe(**changes), store, base)
    assert found.why == (why,)
    assert next(iter(made(found))) == first
    again = quick_build(recipe(**changes), store.root, base)
    assert again.reused >= sum(one.reused for one in found.stages)
    assert again.made >= sum(one.made for one in found.stages)


def test_changed_file_is_named_and_costs_its_shard_alone(store: Store, base: Path):
    """The other shards of its source are reused."""
    with (base / "math" / "1.jsonl").open("a", encoding="utf-8") as rows:
        rows.write(json.dumps(math_row("new")) + "\n")
    found = foretold(recipe(), store, base)
    (validate,) = [one for one in found.stages if (one.stage, one.source) == ("validate", "math")]
    assert (validate.made, validate.reused, validate.labels) == (1, 1, ("math/1.jsonl",))
    assert "source math: 1 file changed (math/1.jsonl)" in found.why
    assert found.unknown[0] == "minhash"
    text = "\n".join(sentences(found))
    assert "make    validate math: 1 of 2 to make (math/1.jsonl)" in text
    assert "reuse   validate chat: all 2" in text


def test_first_build_makes_everything(base: Path, tmp_path: Path):
    """A store that is not there is not made by asking."""
    found = plan_build(recipe(), Store(tmp_path / "none"), base)
    assert (found.current, found.why) == (None, ("no version is current: everything is new",))
    assert made(found) == {"validate math": 2, "validate chat": 2}
    assert not (tmp_path / "none").exists()


def test_outputs_that_were_collected_are_told_from_changes(store: Store, base: Path):
    """A stage that no change reaches has work all the same: the sentence says why."""
    shutil.rmtree(store.root / ".cache" / "validate")
    found = foretold(recipe(dedup={"threshold": 0.9}), store, base)
    assert made(found) == {"validate math": 2, "validate chat": 2}
    assert [one.because for one in found.stages] == [(), ()]
    assert "the cache holds it no more" in "\n".join(sentences(found))
    stated = recipe().model_dump(mode="json")
    stated["sources"][0]["supervise"] = "last"
    found = foretold(Recipe.model_validate(stated), store, base)
    assert [one.because for one in found.stages] == [('argument origin.source.supervise "all" → "last"',), ()]


@pytest.fixture
def hub(base: Path, monkeypatch: pytest.MonkeyPatch):
    """A hub that serves the chats as a dataset."""
    with serve() as running:
        upload(running, base, "a" * 40)
        monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield running


def upload(hub: LoopbackHub, base: Path, commit: str) -> None:
    files = {f"data/{path.name}": path.read_bytes() for path in sorted((base / "chat").glob("*.jsonl"))}
    hub.add("org/chat", files, commit=commit)


def on_hub() -> Recipe:
    stated = recipe().model_dump(mode="json")
    stated["sources"][1] |= {"kind": "hub", "dataset": "org/chat", "revision": "main", "files": ["data/*"]}
    return Recipe.model_validate(stated)


def test_files_that_are_not_here_are_counted_and_not_fetched(hub: LoopbackHub, base: Path, tmp_path: Path):
    """Their number and bytes; after a build there is nothing to fetch."""
    store = Store(tmp_path / "store")
    found = plan_build(on_hub(), store, base)
    size = sum(path.stat().st_size for path in (base / "chat").glob("*.jsonl"))
    assert [(one.source, one.files, one.bytes) for one in found.fetch] == [("chat", 2, size)]
    assert not store.root.exists()
    quick_build(on_hub(), store.root, base)
    assert foretold(on_hub(), store, base).fetch == ()
    changed = on_hub().model_copy(update={"seed": 3})
    assert next(iter(made(foretold(changed, store, base)))) == "mix"


def test_frozen_build_refuses_a_branch_that_moved(hub: LoopbackHub, base: Path, tmp_path: Path):
    """Naming the source and both commits; what the version was made from is built."""
    store = Store(tmp_path / "store")
    with pytest.raises(SourceMoved, match="no version of small is current"):
        quick_build(on_hub(), store.root, base, frozen=True)
    first = quick_build(on_hub(), store.root, base)
    assert quick_build(on_hub(), store.root, base, frozen=True).digest == first.digest
    with (base / "chat" / "1.jsonl").open("a", encoding="utf-8") as rows:
        rows.write("\n")
    upload(hub, base, "b" * 40)
    says = r"--frozen: source chat: main went from aaaaaaaaaaaa to bbbbbbbbbbbb since version"
    with pytest.raises(SourceMoved, match=says):
        quick_build(on_hub(), store.root, base, frozen=True)
    with pytest.raises(SourceMoved, match=says):
        plan_build(on_hub(), store, base, frozen=True)
    assert store.versions.current("small").name == first.digest


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda base: write_rows(base / "math" / "9.jsonl", [math_row("new")]), "math/9.jsonl is new"),
        (lambda base: (base / "math" / "1.jsonl").unlink(), "math/1.jsonl is gone"),
        (lambda base: write_rows(base / "math" / "1.jsonl", [math_row("new")]), "math/1.jsonl changed"),
    ],
)
def test_frozen_build_refuses_files_that_moved(
    store: Store, base: Path, built: Built, change: Callable[[Path], None], says: str
):
    """A rule may change all the same: only sources are frozen."""
    assert quick_build(recipe(seed=3), store.root, base, frozen=True).status == "published"
    shutil.rmtree(store.root / "small" / "runs", ignore_errors=True)
    change(base)
    with pytest.raises(SourceMoved, match=rf"--frozen: source math: {says} since version"):
        quick_build(recipe(), store.root, base, frozen=True)


def test_command_plans_and_refuses(store: Store, base: Path, run: Callable):
    """In words, for machines, and by exit code; both flags together ask whether a frozen build would go."""
    stated = write_recipe(base / "stated.yaml", dedup={"threshold": 0.9})
    code, out, _ = run("build", stated, "--store", store.root, "--plan")
    assert code == 0
    assert "why     recipe: dedup.threshold 0.8 → 0.9" in out
    found = json.loads(run("build", stated, "--store", store.root, "--plan", "--json")[1])
    assert found["why"] == ["recipe: dedup.threshold 0.8 → 0.9"]
    (base / "math" / "1.jsonl").unlink()
    code, out, err = run("build", stated, "--store", store.root, "--plan", "--frozen", "--json")
    assert (code, json.loads(out)["code"]) == (4, "source_moved")
    assert err.startswith("thinkmix: --frozen: source math: math/1.jsonl is gone")
    assert run("build", stated, "--store", store.root, "--frozen", "--direct")[0] == 4
