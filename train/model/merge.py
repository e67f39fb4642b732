"""From adapter to model: an adapter merged into its 16 bit base, one weight after another.

No model is built: each shard is read, its weights are raised by what the adapter learnt, and it is
written again, so that the memory of one shard is enough for a model of any size.
"""

import json
import math
import shutil
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers.utils import SAFE_WEIGHTS_INDEX_NAME

from thinkmix.schemas.errors import TrainError
from thinkmix.train.model.adapters import ADAPTER_CONFIG, ADAPTER_WEIGHTS, WRAPPING
from thinkmix.train.model.artefact import complete_model_folder
from thinkmix.train.model.compatible import Shapes, full_names, linear_shapes
from thinkmix.train.model.loading import config_digest, load_config, stored_files
from thinkmix.train.model.quantise import round_weight
from thinkmix.train.output.result import MANIFEST, TrainResult
from thinkmix.train.output.trained_folder import digests_of, read_trained

_DOWN, _UP, _LENGTHS = ".lora_A.weight", ".lora_B.weight", ".lora_magnitude_vector"


@dataclass(frozen=True)
class _Adapter:
    """What a run learnt beside the weights, and how it was trained."""

    result: TrainResult
    weights: Mapping[str, Tensor]
    scaling: float

    @property
    def dtype(self) -> torch.dtype:
        """Precision in which the base was quantised."""
        return {"float32": torch.float32, "bfloat16": torch.bfloat16}[self.result.model.dtype]

    def names(self) -> Set[str]:
        """Return the names of the weights that the adapter changes."""
        stems = (name.removesuffix(_DOWN) for name in self.weights if name.endswith(_DOWN))
        return {f"{stem.removeprefix(WRAPPING)}.weight" for stem in stems}

    def merged(self, name: str, weight: Tensor) -> Tensor:
        """Return the weight called `name` (out, in) as the adapter changed it, in float32."""
        stem = f"{WRAPPING}{name.removesuffix('.weight')}"
        down, up = self.weights[f"{stem}{_DOWN}"], self.weights[f"{stem}{_UP}"]
        merged = weight.float() + self.scaling * (up.float() @ down.float())
        magnitude = self.weights.get(f"{stem}{_LENGTHS}")
        if magnitude is not None:  # DoRA: the direction of each row is learnt apart from its length
            merged *= (magnitude.float() / merged.norm(dim=1)).unsqueeze(1)
        return merged


def merge(adapter: Path, *, base: str, output: Path) -> None:
    """Write the base model with the adapter merged into it, as safetensors that any reader of Qwen3 takes.

    Each weight keeps the precision that it is stored in; what is added is rounded once. An adapter that
    makes up for 4 bit weights (loftq) is merged into the weights as 4 bit reads them, for it is for those.

    Args:
        adapter: folder of a training run with an adapter.
        base: the model that it was trained on, in 16 bit: `tiny-random`, a local folder, or a hub id.
        output: an empty folder.

    Raises:
        TrainError: when there is nothing to merge, the adapter is damaged, or the base is not the one that
            was trained on.
    """
    learnt = _read_adapter(adapter)
    config = load_config(base)
    if (found := config_digest(config)) != (wanted := learnt.result.model.config_sha256):
        trained_on = learnt.result.model.name
        msg = f"the adapter in {adapter} was trained on {trained_on} (config {wanted[:12]}), not on {base}"
        raise TrainError(f"{msg} (config {found[:12]}): name that model with --model")
    rough = _rough(learnt.result, linear_shapes(config))
    with stored_files(base, revision=learnt.result.model.revision) as stored:
        if missing := sorted(learnt.names() - set(stored)):
            msg = f"model {base} stores no {missing[0]}, which the adapter in {adapter} changes"
            raise TrainError(msg)
        shards = sorted(set(stored.values()))
        for shard in shards:
            _merge_shard(shard, output / shard.name, learnt, rough)
        for name in ("config.json", SAFE_WEIGHTS_INDEX_NAME):
            if (file := shards[0].with_name(name)).is_file():
                shutil.copyfile(file, output / name)
    complete_model_folder(output, base=base, revision=learnt.result.model.revision)
    told = learnt.result.model_copy(update={"files": digests_of(output)})
    (output / MANIFEST).write_text(told.model_dump_json(indent=2) + "\n", encoding="utf-8")


def _merge_shard(source: Path, target: Path, learnt: _Adapter, rough: Set[str]) -> None:
    weights = load_file(source)
    for name in sorted(learnt.names() & set(weights)):
        stored = weights[name]
        begun = round_weight(stored.to(learnt.dtype), learnt.result.plan) if name in rough else stored
        weights[name] = learnt.merged(name, begun).to(stored.dtype).contiguous()
    save_file(weights, target, metadata={"format": "pt"})


def _rough(result: TrainResult, shapes: Shapes) -> Set[str]:
    """Return the weights that the adapter takes as 4 bit reads them."""
    if result.plan.init != "loftq":
        return set()
    return {f"{name}.weight" for name in set(shapes) - set(full_names(result.plan.keep_16bit, shapes))}


def _read_adapter(folder: Path) -> _Adapter:
    result = read_trained(folder)
    if ADAPTER_CONFIG not in result.files:
        msg = f"{folder} holds a whole model (method {result.plan.method}): there is nothing to merge"
        raise TrainError(msg)
    try:
        settings = json.loads((folder / ADAPTER_CONFIG).read_bytes())
        root = math.sqrt(settings["r"]) if settings["use_rslora"] else settings["r"]
        return _Adapter(result, load_file(folder / ADAPTER_WEIGHTS), settings["lora_alpha"] / root)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        msg = f"the adapter in {folder} cannot be read: {str(error).splitlines()[0]}"
        raise TrainError(msg) from error
