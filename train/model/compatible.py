"""Which plan goes with which model: what cannot be is told by the model's config, before a weight is read."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import nn
from transformers import PreTrainedConfig, Qwen3Config, Qwen3ForCausalLM

from thinkmix.schemas.errors import TrainError
from thinkmix.schemas.training import TrainPlan

VOCABULARY = 151_669
"""Tokens of Qwen3's tokenizer; a model's embedding has at least as many rows (Qwen3: 151,936)."""

Shapes = Mapping[str, tuple[int, int]]
"""Rows and columns (out, in) of each linear layer, by its full name; the head is not among them."""


def check_model(config: PreTrainedConfig, *, name: str) -> Qwen3Config:
    """Return the config of a model that reads this project's tokens in 16 bit or more.

    Raises:
        TrainError: when it is not a dense Qwen3, is quantised already, or lacks tokens.
    """
    if config.model_type == "qwen3_moe":
        msg = f"model {name} is a mixture of experts, whose experts neither adapters nor bitsandbytes reach"
        raise TrainError(f"{msg}: only dense Qwen3 models are trained")
    if not isinstance(config, Qwen3Config):
        msg = f"model {name} is a {config.model_type}: only dense Qwen3 models read this mixture's tokens"
        raise TrainError(msg)
    if stored := getattr(config, "quantization_config", None):
        kind = stored.get("quant_method", "unknown") if isinstance(stored, dict) else type(stored).__name__
        msg = f"model {name} is stored quantised ({kind}): name the 16 bit model that it was made from"
        raise TrainError(msg)
    if config.vocab_size < VOCABULARY:
        msg = f"model {name} has {config.vocab_size} token embeddings, fewer than Qwen3's {VOCABULARY} tokens"
        raise TrainError(msg)
    return config


def check_plan(plan: TrainPlan, config: Qwen3Config, *, name: str, fresh: bool = True) -> None:
    """Refuse a plan that this model cannot follow.

    Args:
        plan: how to train.
        config: of the model.
        name: of the model.
        fresh: whether the plan chooses the adapter; one that is there may have twice a sensible rank
            (after pissa and corda).

    Raises:
        TrainError: says in one sentence what does not fit.
    """
    for why in _misfits(plan, config, linear_shapes(config), fresh=fresh):
        msg = f"model {name}: {why}"
        raise TrainError(msg)


def linear_shapes(config: Qwen3Config) -> Shapes:
    """Return the shape of every linear layer but the head; no weight is made for it."""
    with torch.device("meta"):
        model = Qwen3ForCausalLM(config)
    return {
        name: (module.out_features, module.in_features)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and module is not model.lm_head
    }


def full_names(layers: Sequence[str], shapes: Shapes) -> list[str]:
    """Return the full names that `layers` stand for: whole names or their last parts, as in peft."""
    return [name for name in shapes if any(f".{name}".endswith(f".{part}") for part in layers)]


def _misfits(plan: TrainPlan, config: Qwen3Config, shapes: Shapes, *, fresh: bool) -> Iterator[str]:
    if plan.method == "freeze" and plan.train_layers > config.num_hidden_layers:
        yield f"train_layers is {plan.train_layers}, and it has {config.num_hidden_layers} layers"
    if plan.has_adapter and fresh:
        yield from _target_misfits(plan, shapes)
    for layer in plan.keep_16bit:
        if not full_names([layer], shapes):
            yield f"keep_16bit names {layer}, and it has no such linear layer ({_known(shapes)})"
    if plan.keep_16bit and len(full_names(plan.keep_16bit, shapes)) == len(shapes):
        yield "keep_16bit names every linear layer, so nothing would be quantised: use lora"


def _target_misfits(plan: TrainPlan, shapes: Shapes) -> Iterator[str]:
    wanted = list(shapes) if plan.targets == "all-linear" else full_names(plan.targets, shapes)
    for target in () if plan.targets == "all-linear" else plan.targets:
        if "lm_head".endswith(target) or target.endswith("lm_head"):
            yield "targets names lm_head, and the loss reads the head without an adapter: leave it out"
        if not full_names([target], shapes):
            yield f"targets names {target}, and it has no such linear layer ({_known(shapes)})"
    narrow = min(wanted, key=lambda name: min(shapes[name]), default=None)
    if narrow and plan.rank > min(shapes[narrow]):
        rows, columns = shapes[narrow]
        least = min(rows, columns)
        yield f"rank {plan.rank} is more than {narrow} has ({rows} x {columns}): lower it to {least}"


def _known(shapes: Shapes) -> str:
    return ", ".join(sorted({name.rsplit(".", 1)[-1] for name in shapes}))
