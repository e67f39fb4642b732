"""Questions of evaluations come from a hub; one that cannot be had ends a build only if it is required."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl
import pytest

from tests.harness.builders import ROOT, quick_build, recipe
from tests.harness.loopback_hub import LoopbackHub, serve
from thinkmix.flows.build.dry_run import plan_build
from thinkmix.flows.recipe.benchmark_pack import shipped_benchmarks
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.flows.recipe.recipes import load
from thinkmix.flows.store.store import Store
from thinkmix.schemas.errors import RecipeError, SourceDenied, SourceNotFound

SHARED = (ROOT / "../shared").resolve()


@pytest.fixture
def hub(monkeypatch) -> Iterator[LoopbackHub]:
    """A hub that is asked instead of the real one, without a token."""
    with serve() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield running


def lines(*rows: Mapping[str, object]) -> bytes:
    """Return rows as lines of JSON."""
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()


def asking(*allow: str, **changes: object) -> Recipe:
    """Return a recipe that checks rows against a dataset of the hub."""
    benchmark = {"name": "exam", "dataset": "org/exam", "files": ["test.jsonl"], **changes}
    return recipe(decontaminate={"benchmarks": [benchmark], "allow": allow})


def first_question(sources: Path) -> str:
    """Return the question of a chat row that has duplicates of no kind."""
    line = (sources / "chat" / "0.jsonl").read_text(encoding="utf-8").splitlines()[7]
    return json.loads(line)["conversations"][0]["value"]


def test_questions_of_a_hub_keep_rows_out(hub, sources, tmp_path) -> None:
    """The manifest states the commit that the branch meant; the same commit does not build again."""
    commit = hub.add("org/exam", {"test.jsonl": lines({"question": first_question(sources)})})
    built = quick_build(asking(), tmp_path / "store", sources)
    assert built.manifest.ledger.of("dedup")["chat"].dropped["eval_overlap"].rows == 1
    assert (built.manifest.benchmarks, built.manifest.not_scanned) == ({"exam": commit}, {})
    assert quick_build(asking(), tmp_path / "store", sources).status == "unchanged"


@pytest.mark.parametrize(
    ("files", "token", "why", "error"),
    [
        ({"test.jsonl": lines({"question": "What?"})}, "secret", "gated", SourceDenied),
        ({"other.jsonl": lines({"question": "What?"})}, None, "not found", SourceNotFound),
        ({"test.jsonl": lines({"text": "What?"})}, None, "test.jsonl has no text in its field", RecipeError),
    ],
)
def test_a_dataset_that_cannot_be_read_is_named(hub, files, token, why, error, sources, tmp_path) -> None:
    """It is a warning and a line of the manifest; where it is required, it ends the build.

    Questions of it may be allowed: what is not there today is scanned for tomorrow.
    """
    hub.add("org/exam", files, token=token)
    built = quick_build(asking("exam/7"), tmp_path / "store", sources)
    assert built.manifest.not_scanned == {"exam": why}
    warned = {gate.sentence for gate in built.run.gates if gate.level == "warn"}
    assert f"not scanned: exam ({why})" in warned
    assert built.status == "published"
    with pytest.raises(error):
        quick_build(asking(require=True), tmp_path / "store", sources)


def test_a_plan_downloads_no_questions(hub, sources, tmp_path) -> None:
    """Before the first build they are not there; after it the plan sees the same inputs."""
    hub.add("org/exam", {"test.jsonl": lines({"question": "What is asked here, and by whom?"})})
    store = Store(tmp_path / "store")
    plan_build(asking(), store, sources)
    assert hub.bodies("*test.jsonl") == []
    built = quick_build(asking(), store.root, sources)
    assert plan_build(asking(), store, sources).unchanged == built.digest


@pytest.mark.parametrize(
    ("row", "changes"),
    [
        ({"turns": ["What?", "{}"]}, {"field": "turns"}),
        ({"prompt": "{}"}, {"field": ["turns", "prompt"]}),
        ({"question": [[{"role": "system", "content": "Be kind."}, {"role": "user", "content": "{}"}]]}, {}),
        ({"Body": "A", "Question": "B"}, {"passage": "Body", "field": "Question"}),
    ],
)
def test_a_question_may_be_a_list_or_messages_or_have_a_passage(hub, row, changes, sources, tmp_path) -> None:
    """Texts of a list are questions, so is what the user says, and a passage stands before its question."""
    asked = first_question(sources)
    start, _, end = asked.partition(" ")
    text = json.dumps(row).replace("{}", asked)
    if "passage" in changes:
        text = json.dumps({"Body": start, "Question": end})
    hub.add("org/exam", {"test.jsonl": text.encode() + b"\n"})
    built = quick_build(asking(**changes), tmp_path / "store", sources)
    assert built.manifest.ledger.of("dedup")["chat"].dropped["eval_overlap"].rows == 1


def test_a_benchmark_of_the_recipe_replaces_that_of_the_pack(tmp_path) -> None:
    """Questions on this machine need no hub; reading the manifest's recipe again changes nothing."""
    mine = {"name": "gsm8k", "files": ["mine.jsonl"]}
    plan = recipe(decontaminate={"pack": True, "benchmarks": [mine]})
    names = [benchmark.name for benchmark in plan.decontaminate.benchmarks]
    assert sorted(names) == sorted(benchmark.name for benchmark in shipped_benchmarks())
    assert plan.decontaminate.benchmarks[0].dataset is None
    assert Recipe.model_validate(plan.model_dump(mode="json")) == plan


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared real data is not beside the checkout")
def test_no_question_of_gsm8k_or_math_500_is_published(hub, tmp_path) -> None:
    """The shipped mixture, built of real rows, many of them such questions, holds none word for word."""
    located = load("math-7-3")
    for source in located.recipe.sources:
        hub.add(source.dataset, SHARED / "hub" / source.dataset, commit=source.revision)
    asked = {}
    for name, file in (("gsm8k", "gsm8k"), ("math-500", "math500")):
        benchmark = next(one for one in shipped_benchmarks() if one.name == name)
        asked[name] = pl.read_ndjson(SHARED / "benchmarks" / f"{file}.jsonl")["question"]
        frame, path = pl.DataFrame({benchmark.field: asked[name]}), tmp_path / "questions"
        frame.write_parquet(path) if benchmark.files[0].endswith("parquet") else frame.write_ndjson(path)
        hub.add(benchmark.dataset, {benchmark.files[0]: path.read_bytes()}, commit=benchmark.revision)
    built = quick_build(located.recipe, tmp_path / "store", located.base)
    assert set(built.manifest.benchmarks) == set(asked)
    assert built.manifest.not_scanned["gpqa-diamond"] == "not found"
    shards = [*built.version.glob("train-*.parquet"), *built.version.glob("eval-*.parquet")]
    said = pl.concat([pl.read_parquet(shard, columns=["prompt", "source"]) for shard in shards])
    published = said.filter(source="math")["prompt"].str.normalize("NFC")
    for questions in asked.values():
        known = set(questions.str.normalize("NFC").str.strip_chars())
        turns = published.str.extract(r"(?s)<\|im_start\|>user\n(.*?)<\|im_end\|>").str.strip_chars()
        assert len(turns.drop_nulls()) > 1000
        assert not known & set(turns)
