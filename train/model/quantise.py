"""Weights in 4 and 8 bit, by bitsandbytes: which layers, in which format, and what a CPU must not do."""

from typing import Any

import torch
from bitsandbytes import functional
from bitsandbytes.nn.modules import Linear4bit, Linear8bitLt
from torch import Tensor
from transformers import BitsAndBytesConfig, Qwen3ForCausalLM

from thinkmix.schemas.training import TrainPlan
from thinkmix.train.model.compatible import Shapes, full_names


def quantisation(plan: TrainPlan, shapes: Shapes, *, dtype: torch.dtype) -> BitsAndBytesConfig | None:
    """Return how the plan's weights are quantised while they are read, or None when they are not."""
    if plan.method not in ("qlora4", "qlora8"):
        return None
    kept = ["lm_head", *full_names(plan.keep_16bit, shapes)]
    if plan.method == "qlora8":
        return _settings(load_in_8bit=True, llm_int8_skip_modules=kept)
    return _settings(
        load_in_4bit=True,
        bnb_4bit_quant_type=plan.quant,
        bnb_4bit_use_double_quant=plan.double_quant,
        bnb_4bit_compute_dtype=dtype,
        llm_int8_skip_modules=kept,
    )


def _settings(**settings: object) -> BitsAndBytesConfig:
    return BitsAndBytesConfig(**settings)  # type: ignore[no-untyped-call]  # transformers leaves it untyped


def settle(model: Qwen3ForCausalLM) -> None:
    """Keep quantised layers in the form they were read in, whatever is done with the model.

    On a CPU with AVX512-BF16, bitsandbytes 0.50 repacks a 4 bit layer the first time it runs without
    gradients, and never undoes it: from then on the layer passes no gradient to its input, computes in
    bfloat16 whatever was asked for, and has rounded its scales. A run that is measured before its first
    step would train on cut gradients. An 8 bit layer takes its scales off its weight when it first runs;
    on a CPU, peft 0.21 makes a new weight whenever DoRA reads it, and the scales must still be there.
    """
    for module in model.modules():
        if isinstance(module, Linear4bit):
            module.support_avx512bf16_for_cpu = False
        elif isinstance(module, Linear8bitLt):
            module.register_forward_hook(_put_scales_back)


def _put_scales_back(layer: Linear8bitLt, inputs: object, output: object) -> None:
    weight: Any = layer.weight  # typed as a plain tensor
    weight.SCB = layer.state.SCB


def round_weight(weight: Tensor, plan: TrainPlan) -> Tensor:
    """Return a weight as it reads after 4 bit quantisation, in its own precision and on its own device."""
    stored, state = functional.quantize_4bit(
        weight.contiguous(), quant_type=plan.quant, compress_statistics=plan.double_quant
    )
    restored: Tensor = functional.dequantize_4bit(stored, state)
    return restored
