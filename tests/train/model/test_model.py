"""Only complete Qwen3 models in safetensors are trained, and nothing they bring along is run."""

import json
import os
import pickle
import subprocess
import sys
from inspect import unwrap
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs thinkmix[train]")
pytest.importorskip("transformers", reason="needs thinkmix[train]")
pytest.importorskip("peft", reason="needs thinkmix[train]")

from safetensors.torch import load_file, save_file  # noqa: E402 - needs torch

from thinkmix.schemas.errors import TrainError  # noqa: E402
from thinkmix.schemas.training import TrainPlan  # noqa: E402
from thinkmix.train.model import loading  # noqa: E402
from thinkmix.train.model.model import add_adapter, load_model, quiet  # noqa: E402


class Payload:
    """Creates a file when it is unpickled."""

    def __init__(self, canary: Path):
        self.canary = canary

    def __reduce__(self):
        return Path.touch, (self.canary,)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Save the tiny model as a user's folder."""
    folder = tmp_path_factory.mktemp("models") / "own-qwen3"
    with quiet():
        load_model("tiny-random", dtype=torch.float32).save_pretrained(folder)
    return folder


@pytest.fixture
def copy(saved, tmp_path):
    """Give a folder with links to the saved model's files, to be broken by a test."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_bytes((saved / "config.json").read_bytes())
    (folder / "model.safetensors").symlink_to(saved / "model.safetensors")
    return folder


def load(folder):
    with quiet():
        return load_model(str(folder), dtype=torch.float32)


def test_the_tiny_model_is_the_same_every_time(monkeypatch):
    """It has no weights on disk, so it must be sampled alike wherever an adapter is loaded again."""
    monkeypatch.setattr(loading, "_tiny_random", unwrap(loading._tiny_random))
    torch.manual_seed(5)
    first = load_model("tiny-random", dtype=torch.float32)
    torch.manual_seed(6)
    second = load_model("tiny-random", dtype=torch.float32)
    for name, weight in first.state_dict().items():
        assert torch.equal(weight, second.state_dict()[name]), name


def test_a_local_folder_is_loaded_as_it_was_saved(saved):
    """The weights are those of the file, frozen, in the precision that was asked for."""
    model, want = load(saved), load_model("tiny-random", dtype=torch.float32)
    assert torch.equal(model.lm_head.weight, want.lm_head.weight)
    assert not any(weight.requires_grad for weight in model.parameters())
    assert model.config.use_cache is False
    with quiet():
        assert load_model(str(saved), dtype=torch.bfloat16).lm_head.weight.dtype == torch.bfloat16


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.pkl"])
def test_pickled_weights_are_refused_unopened(copy, tmp_path, name):
    """A pickle can run code when it is read, so it is not read."""
    (copy / "model.safetensors").unlink()
    (copy / name).write_bytes(pickle.dumps(Payload(tmp_path / "canary")))
    with pytest.raises(
        TrainError, match=f"no .*safetensors file: only {name}, and pickled weights can run code"
    ):
        load(copy)
    assert not (tmp_path / "canary").exists()


def test_a_pickle_beside_safetensors_is_left_alone(copy, tmp_path):
    """Trainers leave pickled settings behind; the model is loaded without them."""
    (copy / "pytorch_model.bin").write_bytes(pickle.dumps(Payload(tmp_path / "canary")))
    load(copy)
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"model_type": "llama"}, "is a llama: only dense Qwen3 models"),
        ({"vocab_size": 1000}, "has 1000 token embeddings, fewer than Qwen3's 151669 tokens"),
    ],
)
def test_a_model_that_reads_other_tokens_is_refused(copy, config, sentence):
    """Token ids mean nothing to a model of another vocabulary."""
    path = copy / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | config))
    with pytest.raises(TrainError, match=sentence):
        load(copy)


def test_missing_weights_are_not_made_up(copy, saved):
    """A checkpoint that lacks a layer would otherwise be filled with random numbers."""
    weights = load_file(saved / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    (copy / "model.safetensors").unlink()
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(
        TrainError, match=r"1 weights are missing, the first is model.layers.1.mlp.up_proj.weight"
    ):
        load(copy)


def test_damaged_weights_are_refused(copy):
    """A cut file is named, not half loaded."""
    (copy / "model.safetensors").unlink()
    (copy / "model.safetensors").write_bytes(b"\0" * 100)
    with pytest.raises(TrainError, match="cannot be loaded"):
        load(copy)


def test_an_adapter_is_not_a_model(copy):
    """A folder of an adapter points to another model, which nobody named."""
    (copy / "adapter_config.json").write_text("{}")
    with pytest.raises(TrainError, match="is an adapter: name the model that it was trained on"):
        load(copy)


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere/at-all", "nowhere", "a/b/c"])
def test_a_folder_that_is_not_there_is_not_looked_for_elsewhere(name):
    """A mistyped path is not taken for a hub id."""
    with pytest.raises(TrainError, match="no such folder, and no hub id"):
        load_model(name, dtype=torch.float32)


def test_targets_that_the_model_lacks_are_refused():
    """A misspelt layer trains nothing."""
    model = load_model("tiny-random", dtype=torch.float32)
    with pytest.raises(TrainError, match="no adapter can be added"):
        add_adapter(model, TrainPlan(targets=("query",)), name="tiny-random")


def test_named_targets_get_an_adapter_and_others_none():
    """Two layers of one projection: two pairs of adapter weights."""
    model = load_model("tiny-random", dtype=torch.float32)
    with quiet():
        tuned = add_adapter(model, TrainPlan(targets=("q_proj",), rank=4), name="tiny-random")
    trainable = [name for name, weight in tuned.named_parameters() if weight.requires_grad]
    assert len(trainable) == 4
    assert all("q_proj.lora_" in name for name in trainable)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("Qwen/Qwen3-4B", ("Qwen/Qwen3-4B", "3d" * 20)), ("tiny-random", (None, None))],
)
def test_an_adapter_names_a_base_that_anybody_finds_or_none(name, wanted):
    """A hub id with the commit that was trained on."""
    model = load_model("tiny-random", dtype=torch.float32)
    model.config._commit_hash = "3d" * 20
    with quiet():
        settings = add_adapter(model, TrainPlan(rank=4), name=name).peft_config["default"]
    assert (settings.base_model_name_or_path, settings.revision) == wanted


def test_no_kernel_is_fetched_where_the_package_for_it_is_installed(tmp_path):
    """Bitsandbytes asks `kernels` for code from the hub; in our process it finds no such package."""
    (tmp_path / "kernels.py").write_text("def get_kernel(*args, **settings): raise SystemExit(3)\n")

    def ended(code):
        env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
        call = [sys.executable, "-c", code]
        return subprocess.run(call, env=env, capture_output=True, text=True, check=False, timeout=120)

    ask = "from kernels import get_kernel; get_kernel('kernels-community/quantization-bitsandbytes')"
    assert ended(ask).returncode == 3
    assert "ModuleNotFoundError" in ended(f"import thinkmix.train; {ask}").stderr
    assert (
        ended(
            "import thinkmix.train; from importlib.util import find_spec; print(find_spec('kernels'))"
        ).stdout
        == "None\n"
    )
