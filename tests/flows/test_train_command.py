"""`thinkmix train` and `thinkmix merge` as they are typed: plans, flags, presets, and a model at the end."""

import json
from pathlib import Path

import pytest

from flows.finetune import load_plan
from schemas.errors import RecipeError
from schemas.training import TrainPlan

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
        ({"flags": {"method": "half"}}, "method: Input should be 'lora'"),
        ({"flags": {"protected": {"chat": "much"}}}, "protected.chat: Input should be a valid number"),
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
    code, out, err = run("merge", adapter, "--model", "tiny-random", "--output", model)
    assert (code, out) == (0, f"model  {model}\n"), err
    assert {"config.json", "model.safetensors", "tokenizer.json", "training.json"} <= {
        path.name for path in model.iterdir()
    }
    code, _, err = run("merge", adapter, "--model", "tiny-random", "--output", model)
    assert code == 10
    assert "model exists already" in err
    code, _, err = run("merge", tmp_path, "--model", "tiny-random", "--output", tmp_path / "new")
    assert code == 10
    assert "is no training run" in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["adapter", "model"]


def test_whole_weights_are_trained_from_the_command_line(run, version: Path, tmp_path):
    """The output of freeze is a model with its tokenizer, which the next command takes as one."""
    pytest.importorskip("peft", reason="needs thinkmix[train]")
    code, out, err = run("train", version, "--output", tmp_path / "frozen", *TRAIN, "--method", "freeze")
    assert code == 0, err
    counts = json.loads((tmp_path / "frozen" / "training.json").read_text())["counts"]
    filled = f"{counts['tokens'] / 2048:.1%} of batches of 2,048 filled, no padding"
    assert f"{counts['tokens']:,} tokens read, {filled}" in out + err
    assert (tmp_path / "frozen" / "tokenizer.json").is_file()
    code, _, err = run(
        "train", version, "-m", tmp_path / "frozen", "--output", tmp_path / "eva", *TRAIN, "--init", "eva"
    )
    assert code == 0, err
    code, _, err = run("merge", tmp_path / "frozen", "--model", "tiny-random", "--output", tmp_path / "new")
    assert code == 10
    assert "holds a whole model (method freeze): there is nothing to merge" in err
