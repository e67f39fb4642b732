"""The LoRA adapter beside a frozen model: made afresh by a plan and a seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model, set_peft_model_state_dict
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import Qwen3ForCausalLM

from thinkmix.schemas.errors import TrainError
from thinkmix.schemas.training import TrainPlan
from thinkmix.train.model.names import hub_id

ADAPTER_CONFIG = "adapter_config.json"

ADAPTER_WEIGHTS = "adapter_model.safetensors"

FIRST = "first"
"""Name of the frozen adapter that takes off what the adapter began as, if that is a part of the weights."""

WRAPPING = "base_model.model."
"""What peft puts before the names of a model's weights."""


@dataclass(frozen=True)
class AdaptedLayer:
    """A linear layer and its adapter: y = W x + scaling B A x."""

    name: str
    """Name of the layer in the model, without the adapter's wrapping."""
    module: nn.Module
    """The layer with its adapter."""
    weight: Tensor
    """W (out, in), or what bitsandbytes stores of it."""
    down: Tensor
    """A (rank, in)."""
    up: Tensor
    """B (out, rank)."""
    scaling: float

    def pair(self, adapter: str) -> tuple[Tensor, Tensor]:
        """Return A and B of another adapter of this layer."""
        layer: Any = self.module
        return layer.lora_A[adapter].weight, layer.lora_B[adapter].weight


def adapted_layers(tuned: PeftModel) -> Iterator[AdaptedLayer]:
    """Yield every layer that has an adapter, in the model's order."""
    for name, module in tuned.named_modules():
        if isinstance(module, LoraLayer):
            assert isinstance(module, nn.Module)
            layer: Any = module  # peft's containers are typed as tensors or modules, whichever
            yield AdaptedLayer(
                name=name.removeprefix(WRAPPING),
                module=module,
                weight=layer.get_base_layer().weight,
                down=layer.lora_A["default"].weight,
                up=layer.lora_B["default"].weight,
                scaling=float(layer.scaling["default"]),
            )


def stored_name(layer: AdaptedLayer, which: str) -> str:
    """Return under which name peft stores a layer's A or B."""
    return f"{WRAPPING}{layer.name}.lora_{which}.weight"


def add_adapter(model: Qwen3ForCausalLM, plan: TrainPlan, *, name: str) -> PeftModel:
    """Return `model` with a fresh LoRA adapter in float32, the same for the same seed.

    Its settings name a base that anybody finds, by hub id and commit, or none.

    Raises:
        TrainError: when the model has no layer of the names in `plan.targets`.
    """
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=plan.rank,
        lora_alpha=plan.alpha,
        lora_dropout=plan.dropout,
        use_rslora=plan.rslora,
        use_dora=plan.dora,
        target_modules=plan.targets if isinstance(plan.targets, str) else list(plan.targets),
    )
    try:
        with torch.random.fork_rng():
            torch.manual_seed(plan.seed)
            tuned = get_peft_model(model, config)
    except ValueError as error:
        msg = f"model {name}: no adapter can be added: {error}"
        raise TrainError(msg) from error
    assert isinstance(tuned, PeftModel)
    settings = tuned.peft_config["default"]
    settings.base_model_name_or_path = hub_id(name)
    settings.revision = getattr(model.config, "_commit_hash", None) if hub_id(name) else None
    return tuned


def set_values(tuned: PeftModel, folder: Path) -> None:
    """Give an adapter the values that lie in another one's folder, in the precision that it trains in.

    Raises:
        TrainError: when the folder's adapter is of other layers or shapes.
    """
    msg = f"the adapter in {folder} does not fit"
    try:
        report: Any = set_peft_model_state_dict(tuned, load_file(folder / ADAPTER_WEIGHTS))
    except RuntimeError as error:
        raise TrainError(f"{msg}: {str(error).splitlines()[-1].strip()}") from error
    left = [*report.unexpected_keys, *(name for name in report.missing_keys if "lora_" in name)]
    if left:
        raise TrainError(f"{msg}: {left[0]} is in one of the two only")
