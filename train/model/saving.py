"""What a run leaves behind as safetensors: an adapter, or a whole model that any reader of Qwen3 takes."""

import copy
import json
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel, get_peft_model_state_dict
from safetensors.torch import save_file
from torch import Tensor
from transformers import Qwen3ForCausalLM

from thinkmix.train.model.adapters import ADAPTER_CONFIG, ADAPTER_WEIGHTS, FIRST, adapted_layers, stored_name
from thinkmix.train.model.artefact import complete_model_folder

_SHARD = "5GB"


def save_adapter(tuned: PeftModel, folder: Path) -> None:
    """Write adapter_model.safetensors and adapter_config.json, the same bytes for the same adapter.

    An adapter that began as a part of the weights is written as what it has learnt since: both adapters as
    one of twice the rank, which other programs load on the model without knowing how it began. The scaling
    is written as alpha / rank, whatever the plan calls it: SGLang 0.5.23 passes over `use_rslora`.
    """
    weights: dict[str, Tensor] = get_peft_model_state_dict(tuned, save_embedding_layers=False)
    config: Any = copy.deepcopy(tuned.peft_config["default"])
    layers = list(adapted_layers(tuned))
    begun = layers if FIRST in tuned.peft_config else []
    for layer in begun:
        first_down, first_up = layer.pair(FIRST)
        weights[stored_name(layer, "A")] = torch.cat([layer.down, first_down], dim=0)
        weights[stored_name(layer, "B")] = torch.cat([layer.up, first_up], dim=1)
    if begun:
        config.r *= 2
    if begun or config.use_rslora:
        config.lora_alpha, config.use_rslora = config.r * layers[0].scaling, False
    config.inference_mode = True
    config.save_pretrained(str(folder))
    _sort_settings(folder / ADAPTER_CONFIG)
    ordered = {name: weights[name].detach().cpu().contiguous() for name in sorted(weights)}
    save_file(ordered, folder / ADAPTER_WEIGHTS, metadata={"format": "pt"})


def save_model(model: Qwen3ForCausalLM, folder: Path) -> None:
    """Write all weights, the config in both spellings, and the tokenizer of the model that was trained."""
    model.save_pretrained(str(folder), max_shard_size=_SHARD)
    complete_model_folder(
        folder, base=model.config._name_or_path, revision=getattr(model.config, "_commit_hash", None)
    )


def _sort_settings(path: Path) -> None:
    config = json.loads(path.read_bytes())
    if isinstance(config["target_modules"], list):
        config["target_modules"].sort()  # a set until here, in the order of PYTHONHASHSEED
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
