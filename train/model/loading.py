"""Qwen3 models from where they lie: a tiny random one for any machine, a local folder, or a hub id.

Only safetensors are read, and no code that a model brings along is run.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from huggingface_hub.errors import HFValidationError
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from transformers import AutoConfig, BitsAndBytesConfig, PreTrainedConfig, Qwen3Config, Qwen3ForCausalLM
from transformers.utils import SAFE_WEIGHTS_INDEX_NAME, SAFE_WEIGHTS_NAME
from transformers.utils.hub import cached_file

from thinkmix.schemas.errors import TrainError
from thinkmix.train.model.compatible import check_model
from thinkmix.train.model.names import TINY_RANDOM, check_name, local_folder
from thinkmix.train.output.trained_folder import check_own_model

_PICKLED = (".bin", ".pt", ".pth", ".pkl", ".ckpt")


def load_config(model: str) -> Qwen3Config:
    """Return what a model says of itself, before any of its weights is fetched or read.

    Raises:
        TrainError: when there is no such model, its folder holds no safetensors, or it is of another kind.
    """
    if model == TINY_RANDOM:
        return _tiny_config()
    folder = local_folder(model)
    if folder:
        _check_folder(folder)
    check_name(model)
    try:
        config = AutoConfig.from_pretrained(
            place(model), trust_remote_code=False, local_files_only=bool(folder)
        )
    except (OSError, ValueError) as error:
        raise _unreadable(model, error) from error
    return check_model(config, name=model)


def load_model(
    model: str, *, dtype: torch.dtype, quantisation: BitsAndBytesConfig | None = None, device: str = "cpu"
) -> Qwen3ForCausalLM:
    """Return a frozen Qwen3 model in the precision `dtype`, or quantised while it is read.

    Raises:
        TrainError: when it cannot be found, has no complete safetensors weights, or is ours and
            a file of it has changed.
    """
    if model == TINY_RANDOM:
        loaded = _tiny_random(dtype)
        if quantisation:
            with TemporaryDirectory() as folder:  # quantised on the way in, like every other model
                loaded.save_pretrained(folder)
                loaded = _load(folder, dtype=dtype, quantisation=quantisation, device=device)
        loaded.config._name_or_path = TINY_RANDOM
    else:
        load_config(model)
        if own := local_folder(model):
            check_own_model(own)
        loaded = _load(model, dtype=dtype, quantisation=quantisation, device=device)
    loaded.config.use_cache = False
    loaded.requires_grad_(False)
    if quantisation:
        return loaded  # put on its device while it was read
    nn.Module.to(loaded, device)
    return loaded


def place(model: str) -> str:
    """Return what libraries find a model by: the path of a local folder, or a hub id as it is."""
    return str(local_folder(model) or model)


def find_file(model: str, name: str, *, revision: str | None = None) -> Path | None:
    """Return where a file of a local or hub model lies on this machine, or None when it has none.

    Raises:
        TrainError: when the hub does not answer.
    """
    try:
        found = cached_file(
            place(model),
            name,
            revision=revision,
            local_files_only=bool(local_folder(model)),
            _raise_exceptions_for_missing_entries=False,
        )
    except (OSError, HFValidationError) as error:
        raise _unreadable(model, error) from error
    return Path(found) if found else None


@contextmanager
def stored_files(model: str, *, revision: str | None = None) -> Iterator[Mapping[str, Path]]:
    """Give the safetensors file in which each weight of a model is stored, by the weight's name.

    Raises:
        TrainError: when the model cannot be found or its files cannot be read.
    """
    with TemporaryDirectory() as scratch:
        if model == TINY_RANDOM:
            _tiny_random(torch.float32).save_pretrained(scratch)
            model = scratch
        yield _weight_files(model, revision)


def _weight_files(model: str, revision: str | None) -> dict[str, Path]:
    index = find_file(model, SAFE_WEIGHTS_INDEX_NAME, revision=revision)
    try:
        shards = json.loads(index.read_bytes())["weight_map"].values() if index else [SAFE_WEIGHTS_NAME]
        files: dict[str, Path] = {}
        for shard in sorted(set(shards)):
            if not (path := find_file(model, shard, revision=revision)):
                msg = f"model {model} lacks {shard}"
                raise TrainError(msg)
            with safe_open(path, framework="pt") as weights:
                files |= dict.fromkeys(weights.keys(), path)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise _unreadable(model, error) from error
    return files


def read_weight(files: Mapping[str, Path], name: str) -> Tensor:
    """Return one stored weight, in the precision it is stored in."""
    with safe_open(files[name], framework="pt") as weights:
        weight: Tensor = weights.get_tensor(name)
    return weight


def config_digest(config: PreTrainedConfig) -> str:
    """Return the sha256 of a model's architecture: no path, no precision, no version of a library."""
    shape = {name: getattr(config, name, None) for name in _ARCHITECTURE}
    return sha256(json.dumps(shape, sort_keys=True, default=str).encode()).hexdigest()


_ARCHITECTURE = (
    "model_type",
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "hidden_act",
    "attention_bias",
    "rms_norm_eps",
    "rope_parameters",
    "sliding_window",
    "max_position_embeddings",
    "tie_word_embeddings",
    "eos_token_id",
)


def _tiny_config() -> Qwen3Config:
    return Qwen3Config(
        vocab_size=151_936,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        tie_word_embeddings=True,
        initializer_range=0.1,  # at Qwen3's 0.02 so narrow a frozen head can hardly prefer a token
        rope_parameters={"rope_type": "default", "rope_theta": 1_000_000.0},
        max_position_embeddings=40_960,
        eos_token_id=151_645,
    )


def _tiny_random(dtype: torch.dtype) -> Qwen3ForCausalLM:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Qwen3ForCausalLM(_tiny_config())
    for weight in model.parameters():  # and no buffer: the angles of the rotary embedding stay float32
        weight.data = weight.data.to(dtype)
    return model


def _load(
    model: str, *, dtype: torch.dtype, quantisation: BitsAndBytesConfig | None, device: str
) -> Qwen3ForCausalLM:
    form: dict[str, Any] = {"quantization_config": quantisation, "device_map": {"": device}}
    try:
        answer: Any = Qwen3ForCausalLM.from_pretrained(
            place(model),
            trust_remote_code=False,
            local_files_only=bool(local_folder(model)),
            dtype=dtype,
            attn_implementation="sdpa",
            use_safetensors=True,
            output_loading_info=True,
            **(form if quantisation else {}),
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise _unreadable(model, error) from error
    loaded, report = answer
    if missing := sorted(report["missing_keys"]):
        msg = f"model {model}: {len(missing)} weights are missing, the first is {missing[0]}"
        raise TrainError(msg)
    assert isinstance(loaded, Qwen3ForCausalLM)
    return loaded


def _unreadable(model: str, error: Exception) -> TrainError:
    return TrainError(f"model {model} cannot be loaded: {str(error).strip().splitlines()[0]}")


def _check_folder(folder: Path) -> None:
    if (folder / "adapter_config.json").exists():
        msg = f"model {folder} is an adapter: name the model that it was trained on, or train it further"
        msg = f"{msg} with `thinkmix train --adapter {folder}`"
        raise TrainError(msg)
    if any(folder.glob("*.safetensors")):
        return
    pickled = sorted(file.name for file in folder.iterdir() if file.suffix in _PICKLED)
    found = (
        f"only {', '.join(pickled)}, and pickled weights can run code: convert them"
        if pickled
        else "no weights"
    )
    msg = f"model {folder} has no *.safetensors file: {found}"
    raise TrainError(msg)
