"""`thinkmix train` and `thinkmix merge` as they are typed: plans, flags, presets, and a model at the end."""

import errno
import json
import re
import shutil
from pathlib import Path

import pytest

from thinkmix.flows.pages.training.timing import Timing
from thinkmix.flows.recipe.plans import load_plan
from thinkmix.flows.training import pace
from thinkmix.flows.training.run import _encoded
from thinkmix.schemas.errors import RecipeError, TrainError
from thinkmix.schemas.training import TrainPlan
from thinkmix.train.output.result import Progress as Step

pytestmark = pytest.mark.usefixtures("tiny")

TRAIN = ("--max-steps", 1, "--batch", 2048, "--max-tokens", 2048, "--eval-rows", 0, "--rank", 2)


@pytest.fixture
def plan_file(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text("method: freeze\ntrain_layers: 1\nlearning_rate: 0.001\n")
    return path


def test_flags_go_before_the_file_and_the_file_before_the_preset(plan_file):
    """Each says what the one before it leaves open; the method that counts is the one that is trained."""
    assert load_plan(None, flags={}) == TrainPlan()
    assert load_plan(plan_file, flags={"train_layers": 2}) == TrainPlan(
        method="freeze", train_layers=2, learning_rate=0.001
    )
    both = load_plan(plan_file, preset="8B", flags={"batch": 32768})
    assert (both.method, both.train_layers, both.learning_rate) == ("freeze", 1, 0.001)
    assert (both.batch, both.checkpointing, both.accumulate) == (32768, True, 2)
    turned = load_plan(None, preset="8B", flags={"method": "qlora4"})
    assert (turned.clip_norm, turned.learning_rate) == (0.3, 2e-4)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"preset": "7B", "flags": {}}, "no preset for 7B: there are 0.6B, 1.7B, 4B, 8B, 14B, 32B"),
        ({"preset": "32B", "flags": {"method": "full"}}, "no preset for 32B by full, which is more than one"),
        ({"flags": {"method": "full", "dora": True}}, "plan: method full trains no adapter that dora could"),
        ({"flags": {"method": "half"}}, "method: there is no 'half'; there are lora"),
        ({"flags": {"protected": {"chat": "much"}}}, "protected.chat: state a number, not 'much'"),
    ],
)
def test_impossible_plans_are_refused_in_a_sentence(settings, sentence):
    """It names the field, and nothing is loaded."""
    with pytest.raises(RecipeError) as refused:
        load_plan(None, **settings)
    assert str(refused.value).startswith(sentence)


def test_presets_are_listed(run):
    """Without a version or an output: a line for each size and method."""
    code, out, _ = run("train", "--list-presets")
    assert code == 0
    assert len(out.splitlines()) == 30
    assert "8B  qlora4  batch=16384" in out


def test_a_plan_that_the_model_cannot_follow_ends_with_its_own_exit_code(run, version: Path, tmp_path):
    """The config tells it; no folder is left."""
    pytest.importorskip("peft", reason="needs thinkmix[train]")
    code, _, err = run("train", version, "--output", tmp_path / "out", *TRAIN[:-2], "--rank", 40)
    assert code == 10
    assert "model tiny-random: rank 40 is more than" in err
    assert "loading tiny-random" in err
    assert not (tmp_path / "out").exists()


def test_train_then_merge(run, version: Path, tmp_path):
    """Quantised training by flags alone, and a model in 16 bit from it; a folder is never written over."""
    pytest.importorskip("bitsandbytes", reason="needs thinkmix[train]")
    adapter, model = tmp_path / "adapter", tmp_path / "model"
    words = (
        "--method",
        "qlora4",
        "--init",
        "loftq",
        "--targets",
        "q_proj,v_proj",
        "--keep-16bit",
        "down_proj",
    )
    code, out, err = run("train", version, "--output", adapter, *TRAIN, *words, "--json")
    assert code == 0, err
    told = json.loads(out)
    plan = told["plan"]
    assert (plan["method"], plan["targets"]) == ("qlora4", ["q_proj", "v_proj"])
    assert (plan["keep_16bit"], plan["init"], plan["rank"]) == (["down_proj"], "loftq", 2)
    assert len(told["losses"]) == 1
    code, out, err = run(
        "merge", adapter, "--model", "tiny-random", "--output", model, "--measure-on", version
    )
    assert code == 0, err
    assert out.splitlines()[0] == f"model  {model}"
    moved = r"  held-out loss 1\d\.\d+ → 1\d\.\d+ \([+-]0\.0\d+\), quantised .* over \d+ rows of small \w{12}"
    assert re.fullmatch(moved, out.splitlines()[1])
    assert {"config.json", "model.safetensors", "tokenizer.json", "training.json"} <= {
        path.name for path in model.iterdir()
    }
    code, _, err = run("merge", adapter, "--model", "tiny-random", "--output", model)
    assert code == 10
    assert "model exists already" in err
    code, _, err = run("merge", tmp_path, "--model", "tiny-random", "--output", tmp_path / "new")
    assert code == 10
    assert "is not a training run" in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["adapter", "model"]


def test_whole_weights_are_trained_from_the_command_line(run, version: Path, tmp_path):
    """The output of freeze is a model with its tokenizer, which the next command takes as one."""
    pytest.importorskip("peft", reason="needs thinkmix[train]")
    code, out, err = run("train", version, "--output", tmp_path / "frozen", *TRAIN, "--method", "freeze")
    assert code == 0, err
    counts = json.loads((tmp_path / "frozen" / "training.json").read_text())["counts"]
    filled = f"{counts['tokens'] / 2048:.1%} of batches of 2,048 filled, no padding"
    assert f"{counts['tokens']:,} tokens read, {filled}" in out + err
    assert out.splitlines()[-1] == f"model  {tmp_path / 'frozen'}"
    assert "adapter" not in out
    assert (tmp_path / "frozen" / "tokenizer.json").is_file()
    code, out, err = run(
        "train", version, "-m", tmp_path / "frozen", "--output", tmp_path / "eva", *TRAIN, "--init", "eva"
    )
    assert code == 0, err
    assert out.splitlines()[-1] == f"adapter  {tmp_path / 'eva'}"
    code, _, err = run("merge", tmp_path / "frozen", "--model", "tiny-random", "--output", tmp_path / "new")
    assert code == 10
    assert "holds a whole model (method freeze): there is nothing to merge" in err


def test_a_killed_run_goes_on_unless_it_is_told_to_begin_anew(run, version: Path, tmp_path, monkeypatch):
    """It says after which step, and the times are those of the steps that it made itself."""
    pytest.importorskip("peft", reason="needs thinkmix[train]")
    output = tmp_path / "adapter"
    words = ("train", version, "--output", output, "--max-steps", 2, *TRAIN[2:], "--save-every", 1)

    def die(_: object, told: Step, __: float) -> None:
        if told.step == 2:
            raise TrainError("killed")

    with monkeypatch.context() as doomed:
        doomed.setattr(pace._Bar, "step", die)
        assert run(*words)[0] == 10
        code, _, err = run(*words, "--restart")
    assert (code, "going on" in err) == (10, False)
    code, out, err = run(*words, "--json")
    assert code == 0, err
    assert "going on after step 1, from " in err
    timing = Timing.model_validate_json((output / "timing.json").read_bytes())
    assert (timing.resumed_at, [step.step for step in timing.steps]) == (1, [2])
    assert 0 < timing.steps[0].trained_tokens < timing.steps[0].tokens < json.loads(out)["counts"]["tokens"]
    assert "tokens/s" in err


def test_a_second_run_on_a_version_encodes_nothing(run, store_copy, tmp_path, monkeypatch):
    """Its rows lie in the store; of several processes that train, only the first one speaks."""
    pytest.importorskip("peft", reason="needs thinkmix[train]")
    store = store_copy()
    words = ("train", store / "small", *TRAIN[:-4], "--eval-rows", 2)
    code, _, err = run(*words, "--output", tmp_path / "first")
    assert code == 0, err
    assert "step 1: held-out loss " in err
    (folder,) = (store / ".cache" / "tokens").iterdir()
    assert len([*folder.glob("*.tokens")]) == 2
    with monkeypatch.context() as second:
        second.setenv("RANK", "1")
        second.setattr("thinkmix.train.data.cache.encode_published", pytest.fail)
        assert run(*words, "--output", tmp_path / "second") == (0, "", "")
    manifests = [(tmp_path / name / "training.json").read_bytes() for name in ("first", "second")]
    assert manifests[0] == manifests[1]
    assert not (tmp_path / "second" / "timing.json").exists()
    code, _, err = run(*words, "--output", tmp_path / "third", "--token-cache", tmp_path / "tokens")
    assert code == 0, err
    assert [path.read_bytes() for path in sorted((tmp_path / "tokens").glob("*.tokens"))] == [
        path.read_bytes() for path in sorted(folder.glob("*.tokens"))
    ]


def test_encoded_rows_are_kept_only_where_there_is_a_store_to_keep_them(
    version, tmp_path, monkeypatch, capsys
):
    """A copy of a version has none; one that cannot be written is named, and the run goes on without."""
    copy = shutil.copytree(version, tmp_path / "small" / "versions" / version.name)
    view = pace.Events(lambda _: None, "small")
    with _encoded(copy, None, view) as folder:
        assert folder is None
    assert not (tmp_path / ".cache").exists()

    def refuse(folder: Path) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(folder))

    monkeypatch.setattr("thinkmix.flows.store.cache.make_folder", refuse)
    with _encoded(version, None, view) as folder:
        assert folder is None
    said = capsys.readouterr().err
    assert said.startswith("small: encoded rows are not kept for the next run: ")
    assert "Read-only file system" in said


def test_a_finished_run_has_a_page_and_a_card_beside_its_times(run, version: Path, tmp_path):
    """They are no part of what equal runs share, so training.json does not name them."""
    pytest.importorskip("peft", reason="needs thinkmix[train]")
    (tmp_path / "out.failed.html").write_text("an earlier try")
    code, _, err = run("train", version, "--output", tmp_path / "out", *TRAIN)
    assert code == 0, err
    told = json.loads((tmp_path / "out" / "training.json").read_bytes())
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written - set(told["files"]) == {"training.json", "timing.json", "train_report.html", "README.md"}
    assert told["mixture_digest"] in (tmp_path / "out" / "train_report.html").read_text()
    assert not (tmp_path / "out.failed.html").exists()


def test_a_run_that_fails_after_its_first_step_leaves_a_page_beside_its_output(run, version: Path, tmp_path):
    """One that cannot start leaves nothing."""
    pytest.importorskip("peft", reason="needs thinkmix[train]")
    doomed = ("--mode-prompts", 1, "--mode-least", 1, "--mode-tokens", 4)
    code, _, err = run("train", version, "--output", tmp_path / "out", *TRAIN, *doomed)
    page = tmp_path / "out.failed.html"
    assert code, err
    assert f"how far it got: {page}" in err
    assert "mode_least is 1" in page.read_text()
    assert not (tmp_path / "out").exists()
    code, _, _ = run("train", version, "--output", tmp_path / "never", *TRAIN[:-2], "--rank", 40)
    assert code
    assert not (tmp_path / "never.failed.html").exists()
