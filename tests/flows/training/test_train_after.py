"""Trainings that follow builds: when there is one, what it leaves, and what one that fails does not touch."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import get_args

import pytest

from tests.harness.builders import Inline, quick_build, recipe, statement, write_recipe
from tests.harness.receiver import Receiver, receiver
from thinkmix.flows.build import pipeline as pipeline_room
from thinkmix.flows.build.pipeline import Built
from thinkmix.flows.cli.building import _build_directly
from thinkmix.flows.executor.engine import LOCAL
from thinkmix.flows.pages.training.timing import TIMING
from thinkmix.flows.recipe.plans import plan_of
from thinkmix.flows.recipe.recipes import load
from thinkmix.flows.recipe.training import RecipeFile, Size, TrainingSettings
from thinkmix.flows.runs import webhook
from thinkmix.flows.store.store import Store
from thinkmix.flows.store.versions import problems
from thinkmix.flows.system.progress import Event
from thinkmix.schemas.errors import RecipeError
from thinkmix.train.estimate.presets import LAYERS
from thinkmix.train.output.result import TrainResult

pytestmark = pytest.mark.usefixtures("tiny")

PLAN = {"rank": 2, "max_steps": 2, "batch": 2048, "max_tokens": 2048, "eval_rows": 4}
TUNING = {"model": "tiny-random", "plan": PLAN}


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A chat that the environment names."""
    with receiver() as kept:
        monkeypatch.setenv(webhook.URL, kept.url)
        yield kept


@pytest.fixture
def daily_run(sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Build the small mixture as `thinkmix build --direct` does, and train as is said; return the events."""
    monkeypatch.setattr(pipeline_room, "workers", lambda *_: Inline())

    def build(train: Mapping[str, object] | None, **changes: object) -> list[Event]:
        told: list[Event] = []
        stated = TrainingSettings.model_validate(train) if train else None
        store = tmp_path / "store"
        _build_directly(recipe(**changes), store, sources, 1, LOCAL, notify=told.append, train=stated)
        return [event for event in told if event.stage == "train"]

    return build


def history(store: Path) -> list[tuple[object, object]]:
    """Return how each training ended."""
    return [(line["status"], line["error"]) for line in Store(store).log.trainings("small")]


def test_what_follows_decides_nothing_of_the_mixture(sources: Path, tmp_path: Path, built: Built):
    """Two recipes that differ in `train` alone make one version; the second run finds nothing to do."""
    plain = load(str(write_recipe(tmp_path / "plain.yaml")))
    tuned = load(str(write_recipe(tmp_path / "tuned.yaml", train=TUNING)))
    assert (plain.train, tuned.train.plan.rank, tuned.recipe) == (None, 2, plain.recipe)
    daily_runs = [quick_build(found.recipe, tmp_path / "store", sources) for found in (plain, tuned)]
    assert [found.digest for found in daily_runs] == [built.digest] * 2
    assert [found.status for found in daily_runs] == ["published", "unchanged"]
    assert "train" not in json.loads((daily_runs[0].version / "manifest.json").read_bytes())["recipe"]


def test_a_new_version_is_trained_on_once(daily_run, tmp_path: Path, chat: Receiver, capsys):
    """Weights, manifest and times lie under the version's name; a run without changes trains nothing."""
    pytest.importorskip("peft", reason="needs thinkmix[train]")
    told = daily_run(TUNING)
    store = Store(tmp_path / "store")
    (output,) = store.log.trained("small").iterdir()
    result = TrainResult.model_validate_json((output / "training.json").read_bytes())
    assert result.mixture_digest == store.versions.current("small").name
    assert output.name.startswith(f"{result.mixture_digest[:12]}-")
    assert (result.plan.rank, result.counts.steps, (output / TIMING).is_file()) == (2, 2, True)
    assert (told[0].done, told[-1].done, told[-1].unit) == (0, result.counts.tokens, "tokens")
    assert f"trained 2 steps on {result.mixture_digest[:12]}: held-out loss " in capsys.readouterr().err
    assert chat.texts()[-1].startswith(f"*small* {result.mixture_digest[:12]}: trained 2 steps on ")
    assert daily_run(TUNING) == []
    assert daily_run(TUNING | {"when": "missing"}) == []
    assert daily_run({**TUNING, "when": "missing", "plan": PLAN | {"rank": 4}}) != []
    assert len(list(store.log.trained("small").iterdir())) == 2
    assert history(store.root) == [("trained", None)] * 2


def test_a_failed_training_leaves_the_version_published(daily_run, tmp_path: Path, chat: Receiver, capsys):
    """It is told to people, and made up for by the next run that looks for what is missing."""
    pytest.importorskip("peft", reason="needs thinkmix[train]")
    daily_run({**TUNING, "plan": PLAN | {"rank": 40}})
    store = Store(tmp_path / "store")
    version = store.versions.current("small")
    assert problems(version) == []
    assert [line["status"] for line in store.log.runs("small")] == ["published"]
    words = f"the training on {version.name[:12]} failed, the version stays published: model tiny-random: "
    assert words in capsys.readouterr().err
    assert chat.texts()[-1].endswith("failed; the version stays published\n\ntrain_error")
    daily_run({**TUNING, "model": "nowhere", "when": "missing"})
    assert history(store.root) == [("failed", "train_error")] * 2
    assert "no such folder" in store.log.trainings("small")[-1]["sentence"]
    daily_run(TUNING | {"when": "missing"})
    (output,) = store.log.trained("small").iterdir()
    (output / "adapter_config.json").write_text("{}")
    daily_run(TUNING | {"when": "missing"})
    assert history(store.root)[2:] == [("trained", None), ("failed", "train_error")]
    said = capsys.readouterr().err
    assert "has no complete training, remove it to train again: " in said
    assert f"{output / 'adapter_config.json'} is damaged: its sha256" in said


def test_a_preset_says_what_a_recipe_leaves_open(tmp_path: Path):
    """Also after the recipe has gone through a form; the two together are checked when it is read."""
    stated = {"model": "Qwen/Qwen3-8B", "preset": "8B", "plan": {"accumulate": 8}}
    training = RecipeFile.model_validate(statement(train=stated)).train
    again = TrainingSettings.model_validate_json(training.model_dump_json())
    assert plan_of(again) == plan_of(training)
    assert (plan_of(again).accumulate, plan_of(again).checkpointing) == (8, True)
    assert get_args(Size) == tuple(LAYERS)
    file = write_recipe(
        tmp_path / "large.yaml", train={**stated, "preset": "32B", "plan": {"method": "full"}}
    )
    with pytest.raises(RecipeError, match="no preset for 32B by full"):
        load(str(file))
