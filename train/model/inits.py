"""First values of an adapter that are not random: from the weights, from what quantising loses, or from rows.

Each way is a formula for the pair A (r, in) and B (out, r) of one layer. They are worked out here and not
by peft, whose LoftQ wants a CUDA device, whose EVA goes on until its directions settle, be that never, and
whose CorDA holds one (in, in) matrix for every layer at once: 21 GB for the down projections of Qwen3-8B.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from bitsandbytes.nn.modules import Params4bit
from peft import PeftModel
from torch import Tensor
from torch.utils.hooks import RemovableHandle
from transformers import Qwen3ForCausalLM

from thinkmix.schemas.errors import TrainError
from thinkmix.schemas.training import TrainPlan
from thinkmix.train.model.adapters import FIRST, AdaptedLayer, adapted_layers
from thinkmix.train.model.loading import read_weight
from thinkmix.train.model.quantise import round_weight

Calibration = Sequence[Sequence[int]]
"""Token ids of a few rows, which show a model what will be asked of it."""

_EXACT = 1024
"""Up to this many rows or columns a matrix is decomposed exactly, beyond it by random projection: 4096 x 4096
would take half a minute on two cores, for each of some 250 layers."""


def begin(tuned: PeftModel, plan: TrainPlan, *, stored: Mapping[str, Path], calibration: Calibration) -> None:
    """Set the first values of a fresh adapter as `plan.init` says.

    Where the adapter begins as a part of the weights (pissa, corda), that part is taken off again by a
    second, frozen adapter, `FIRST`. The papers take it out of the weights, whose every number is rounded
    anew by that: in bfloat16 the model is another one before it has learnt anything, and what it learns
    fits no weights but those. This way the weights stay as they are, and so does what the model computes.

    Args:
        tuned: a model with a fresh adapter.
        plan: says which way.
        stored: where each weight lies in 16 bit, for loftq alone.
        calibration: rows for eva and corda alone.

    Raises:
        TrainError: when the rows are missing or have fewer tokens than the adapter's rank.
    """
    layers = list(adapted_layers(tuned))
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(plan.seed)  # random projections
        if plan.init in ("pissa", "corda"):
            _add_counterweight(tuned)
        if plan.init == "pissa":
            for layer in layers:
                _begin_as_part(layer, *pissa(layer.weight, plan.rank, layer.scaling))
        elif plan.init == "loftq":
            for layer in layers:
                if isinstance(layer.weight, Params4bit):  # layers kept in 16 bit have lost nothing
                    _make_up(layer, read_weight(stored, f"{layer.name}.weight"), plan)
        elif plan.init in ("eva", "corda"):
            _begin_from_rows(tuned, layers, plan, calibration)


def pissa(weight: Tensor, rank: int, scaling: float) -> tuple[Tensor, Tensor]:
    """Return the (A, B) of the weight's principal part: scaling B A is its best approximation of that rank.

    Meng et al. 2024, PiSSA, arXiv 2404.02948, equations 2 to 4.
    """
    return _best(weight.float() / scaling, rank)


def loftq(weight: Tensor, quantised: Tensor, rank: int, scaling: float) -> tuple[Tensor, Tensor]:
    """Return the (A, B) that make up for most of what quantising the weight lost.

    Li et al. 2023, LoftQ, arXiv 2310.08659, algorithm 1 with one alternation: a second one would quantise
    other weights, and the adapter would fit no model but its own.
    """
    return _best((weight.float() - quantised.float()) / scaling, rank)


def eva(inputs: Tensor, rank: int) -> Tensor:
    """Return A: the directions along which the layer's inputs (N, in) vary most; B begins as zero.

    Paischer et al. 2024, EVA, arXiv 2410.07170, without its redistribution of ranks (rho = 1), so that
    the plan's rank is that of every layer.
    """
    states = inputs.float()
    _, _, right = _decompose(states - states.mean(0), rank)
    return right


def corda(weight: Tensor, rows: Sequence[Tensor], rank: int, scaling: float) -> tuple[Tensor, Tensor]:
    """Return the (A, B) of the part of the weight that the rows' inputs, (T, in) each, call on most.

    Yang et al. 2024, CorDA, arXiv 2406.05223, instruction-previewed: the singular vectors of W C, times
    the inverse of C, the mean covariance of the inputs. As in peft, each row is scaled by its largest
    input, and C is damped until it can be inverted.
    """
    covariance = torch.stack([_covariance(states.float()) for states in rows]).mean(0)
    one = torch.eye(len(covariance), device=covariance.device)
    for damp in (0.01 * 2**tries for tries in range(20)):
        damped = covariance + damp * covariance.diagonal().mean() * one
        inverse = torch.linalg.inv(damped)
        if torch.dist(damped @ inverse, one) < 0.05:
            break
    down, up = _best(weight.float() @ damped / scaling, rank)
    return down @ inverse, up


def _covariance(states: Tensor) -> Tensor:
    states = states / states.max().abs()
    return states.T @ states


def _begin_from_rows(
    tuned: PeftModel, layers: Sequence[AdaptedLayer], plan: TrainPlan, calibration: Calibration
) -> None:
    lengths = [len(row) for row in calibration]
    if sum(lengths) < plan.rank:
        msg = f"init {plan.init} reads rows of the mixture: it was given {sum(lengths)} tokens"
        raise TrainError(f"{msg}, fewer than the rank of {plan.rank}")
    ids = torch.zeros(len(lengths), max(lengths), dtype=torch.int64, device=layers[0].weight.device)
    for number, row in enumerate(calibration):
        ids[number, : len(row)] = torch.tensor(row)

    def learn(layer: AdaptedLayer, states: Tensor) -> None:
        rows = [state[:length] for state, length in zip(states, lengths, strict=True)]
        if plan.init == "eva":
            layer.down.copy_(eva(torch.cat(rows), plan.rank))  # and B stays zero
        else:
            _begin_as_part(layer, *corda(layer.weight, rows, plan.rank, layer.scaling))

    base = tuned.get_base_model()
    assert isinstance(base, Qwen3ForCausalLM)
    with _watched(layers, learn):  # one pass for all rows: no layer's inputs are kept beyond its turn
        base.model(input_ids=ids, use_cache=False)


@contextmanager
def _watched(layers: Sequence[AdaptedLayer], learn: Callable[[AdaptedLayer, Tensor], None]) -> Iterator[None]:
    """Call `learn` with each layer and its inputs (B, T, in) once the layer has run."""

    def watch(layer: AdaptedLayer) -> RemovableHandle:
        return layer.module.register_forward_hook(lambda module, inputs, output: learn(layer, inputs[0]))

    hooks = [watch(layer) for layer in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _make_up(layer: AdaptedLayer, weight: Tensor, plan: TrainPlan) -> None:
    assert isinstance(layer.weight, Params4bit)
    weight = weight.to(device=layer.weight.device, dtype=layer.weight.quant_state.dtype)
    down, up = loftq(weight, round_weight(weight, plan), plan.rank, layer.scaling)
    layer.down.copy_(down)
    layer.up.copy_(up)


def _add_counterweight(tuned: PeftModel) -> None:
    """Add a second adapter that takes part in every pass and learns nothing."""
    config: Any = replace(tuned.peft_config["default"])
    config.lora_dropout = 0.0
    tuned.add_adapter(FIRST, config)
    tuner: Any = tuned.base_model  # typed as a tensor or a module
    tuner.set_adapter(["default", FIRST])
    for name, weight in tuned.named_parameters():
        if f".{FIRST}." in name:
            weight.requires_grad_(False)


def _begin_as_part(layer: AdaptedLayer, down: Tensor, up: Tensor) -> None:
    layer.down.copy_(down)
    layer.up.copy_(up)
    first_down, first_up = layer.pair(FIRST)
    first_down.copy_(down)
    first_up.copy_(-up)


def _best(matrix: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Return (A, B) such that B A is the matrix's best approximation of that rank."""
    left, values, right = _decompose(matrix, rank)
    root = values.sqrt()
    return root.unsqueeze(1) * right, left * root


def _decompose(matrix: Tensor, rank: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the largest singular values (r,) with their left (M, r) and right (r, N) vectors."""
    if min(matrix.shape) <= max(_EXACT, rank + _SPARE):
        left, values, right = torch.linalg.svd(matrix, full_matrices=False)
        return left[:, :rank], values[:rank], right[:rank]
    left, values, right = torch.svd_lowrank(matrix, q=rank + _SPARE, niter=16)
    return left[:, :rank], values[:rank], right.T[:rank]


_SPARE = 16
"""More directions than asked for, so that a random projection finds those that were."""
