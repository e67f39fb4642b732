"""Weights as each quantised form gives them back: to compute with in place of the weights themselves."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bitsandbytes import functional
from torch import Tensor, nn
from torch.nn.utils import parametrize

from thinkmix.train.quantize.quant_plan import QuantFormat

OUTLIER = 6.0
"""Inputs of at least this size keep their channel out of int8: what transformers asks of bitsandbytes."""


@contextmanager
def store_as(format: QuantFormat, layers: Sequence[nn.Linear]) -> Iterator[None]:
    """Have layers compute with their weights as they are after being stored in `format`, and undo it.

    A weight is rounded whenever it is read and forgotten again, so one at a time is in memory twice.
    """
    hooks = []
    for layer in layers:
        parametrize.register_parametrization(
            layer, "weight", _Rounded(format), unsafe=True
        )  # it is not checked
        if format == "int8":
            hooks.append(layer.register_forward_pre_hook(_round_inputs))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for layer in layers:
            parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)


def round_weight(weight: Tensor, format: QuantFormat) -> Tensor:
    """Return a weight as it is after it was stored in `format`: what bitsandbytes computes with."""
    restored: Tensor
    if format == "int8":
        codes, scales, _ = functional.int8_vectorwise_quant(weight.half())
        restored = functional.int8_vectorwise_dequant(codes, scales)
    else:
        codes, state = functional.quantize_4bit(
            weight.contiguous(),
            quant_type=format.removesuffix("_double"),
            compress_statistics=format == "nf4_double",
        )
        restored = functional.dequantize_4bit(codes, state)
    return restored.to(weight.dtype)


def round_inputs(inputs: Tensor) -> Tensor:
    """Return inputs (…, in) as LLM.int8() reads them: rows in 8 bit, channels with an outlier as they are.

    Dettmers et al. 2022, LLM.int8(), arXiv 2208.07339, section 3. On a GPU a quantised layer always reads
    them so; on a CPU bitsandbytes 0.50 does only when nothing is trained.
    """
    rows = inputs.flatten(end_dim=-2)
    codes, scales, outliers = functional.int8_vectorwise_quant(rows.half(), threshold=OUTLIER)
    read = functional.int8_vectorwise_dequant(codes, scales).to(inputs.dtype)
    if outliers is not None:
        read[:, outliers] = rows[:, outliers]
    restored: Tensor = read.view_as(inputs)
    return restored


class _Rounded(nn.Module):
    """The weight of a layer, as it is after being stored in a form."""

    def __init__(self, format: QuantFormat) -> None:
        super().__init__()
        self.format: QuantFormat = format

    def forward(self, weight: Tensor) -> Tensor:
        return round_weight(weight, self.format)


def _round_inputs(layer: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (round_inputs(inputs[0]), *inputs[1:])
