"""Measuring what quantisation costs: the loss with weights in each form, and what each layer loses."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version as installed
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from thinkmix.schemas.errors import TrainError
from thinkmix.schemas.training import TrainPlan
from thinkmix.train.data.encode import Tokens, encode_rows
from thinkmix.train.data.rows import RowNumbers, Rows, batches_of_each
from thinkmix.train.model import model as models
from thinkmix.train.model.forward import hidden_states, row_losses
from thinkmix.train.model.model import Learner
from thinkmix.train.quantize.quant_formats import round_weight, store_as
from thinkmix.train.quantize.quant_plan import (
    QUANT_FORMATS,
    ModuleError,
    QuantError,
    QuantFormat,
    RowLosses,
    Rule,
    decide,
    quant_error_of,
)

Layers = Mapping[str, nn.Linear]
"""Linear layers by name."""

Told = Callable[[str, int, int], None]
"""Hears what is measured, and how many of how many passes through the model are done."""


def measure_quant_error(
    model: str, plan: TrainPlan, rows: Rows, *, rule: Rule, scratch: Path, told: Told | None = None
) -> QuantError:
    """Measure every form on `rows`, choose one and the layers to leave out of it, and measure that choice.

    Memory is the model's, a few times one layer's weight, and the activations of one batch.

    Args:
        model: `tiny-random`, a local folder, or a hub id of a dense Qwen3.
        plan: says the precision, and how many tokens the model reads at once.
        rows: the sampled rows.
        rule: what the proposal may cost.
        scratch: file for the encoded rows, unlinked at once.
        told: hears how it gets on.

    Raises:
        TrainError: when the model cannot be loaded, or its loss is not a number.
    """
    with models.quiet(), models.threads_for(model), torch.no_grad():
        learner = load_as_it_is(model, plan)
        tokens = encode_rows(rows, np.arange(rows.frame.height), scratch=scratch)
        batches = batches_of_each(rows, plan.model_copy(update={"packing": False}))
        bench = Bench(learner, tokens, batches, told or (lambda what, done, total: None))
        measured = decide(
            bench.losses(),
            {format: bench.losses(format) for format in QUANT_FORMATS},
            layer_errors(bench.layers, bench.second_moments()),
            rule=rule,
            measure=bench.losses,
        )
    thinking = rows.frame["thinking"].to_numpy()
    modes = {"thinking": thinking, "non_thinking": ~thinking}
    return quant_error_of(
        measured,
        {name: mine for name, mine in modes.items() if mine.any()},
        model=models.describe(learner, name=model),
        rule=rule,
        versions={name: installed(name) for name in ("torch", "transformers", "bitsandbytes")},
    )


def load_as_it_is(model: str, plan: TrainPlan) -> Learner:
    """Return the frozen model on this machine's device, in the plan's precision, nothing quantised."""
    loaded = models.prepare(model, TrainPlan(method="full", dtype=plan.dtype))
    loaded.requires_grad_(False)
    nn.Module.eval(loaded)
    return loaded


@dataclass(frozen=True)
class Bench:
    """A model and the rows it is measured on, in the same batches every time: what they round cancels."""

    model: Learner
    tokens: Tokens
    batches: Sequence[RowNumbers]
    told: Told

    @property
    def layers(self) -> Layers:
        """What a quantised model holds in 4 or 8 bit: every linear layer but the head."""
        modules = models.base_model(self.model).named_modules()
        return {name: layer for name, layer in modules if type(layer) is nn.Linear and name != "lm_head"}

    @property
    def rows(self) -> RowNumbers:
        """The numbers of all rows, ascending from 0."""
        return np.sort(np.concatenate(self.batches))

    def losses(self, format: QuantFormat | None = None, kept: Collection[str] = ()) -> RowLosses:
        """Return each row's loss with the layers in `format`, but for those that are kept as they are.

        Raises:
            TrainError: when a loss is not a number.
        """
        counts = self.tokens.lengths(self.rows) - self.tokens.prompts[self.rows]
        sums = np.zeros(len(counts))
        what = f"{format or 'as it is'}{f', {len(kept)} layers kept' if kept else ''}"
        changed = [layer for name, layer in self.layers.items() if name not in kept]
        with store_as(format, changed) if format else nullcontext():
            for done, batch in enumerate(self.batches):
                found = row_losses(self.model, self.tokens, batch).double().cpu()
                sums[batch] = [float(row.sum()) for row in torch.split(found, counts[batch].tolist())]
                self.told(what, done + 1, len(self.batches))
        if broken := int((~np.isfinite(sums)).sum()):
            msg = f"the loss of {broken} calibration rows is not a number ({what})"
            raise TrainError(msg)
        return RowLosses(sums, counts)

    def second_moments(self) -> Mapping[str, Tensor]:
        """Return the mean square of each layer's input channels over all tokens, (in,) each.

        Rows pass one by one, so that no padding counts.
        """
        device = models.head_weight(self.model).device
        with sum_squares(self.layers) as sums:
            for done, row in enumerate(self.rows.tolist()):
                ids = torch.from_numpy(self.tokens.example(row).input_ids.astype(np.int64)).to(device)
                hidden_states(self.model, ids.unsqueeze(0))
                self.told("inputs of the layers", done + 1, len(self.rows))
        return {name: total / int(self.tokens.lengths(self.rows).sum()) for name, total in sums.items()}


@contextmanager
def sum_squares(layers: Layers) -> Iterator[Mapping[str, Tensor]]:
    """Add up the square of every input of each layer, per channel, as float64, while the context lasts."""
    sums = {
        name: layer.weight.new_zeros(layer.in_features, dtype=torch.float64) for name, layer in layers.items()
    }

    def add(total: Tensor, layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        total += inputs[0].float().square().flatten(end_dim=-2).sum(0, dtype=torch.float64)

    hooks = [layer.register_forward_pre_hook(partial(add, sums[name])) for name, layer in layers.items()]
    try:
        yield sums
    finally:
        for hook in hooks:
            hook.remove()


def layer_errors(layers: Layers, second_moments: Mapping[str, Tensor]) -> tuple[ModuleError, ...]:
    """Return what each form loses of each layer's output, as a share, from the spread of its inputs.

    The layer-wise error of Frantar et al. 2022, GPTQ, arXiv 2210.17323, equation 1, with the diagonal of
    its Hessian: exact where input channels are uncorrelated. In int8 the weight alone counts, not that
    inputs are rounded, too.
    """
    return tuple(
        ModuleError(
            module=name,
            shape=(layer.out_features, layer.in_features),
            errors={format: _error(layer.weight, format, second_moments[name]) for format in QUANT_FORMATS},
        )
        for name, layer in layers.items()
    )


def _error(weight: Tensor, format: QuantFormat, second_moments: Tensor) -> float:
    weight = weight.detach()
    scale = second_moments.sqrt().float()
    lost = ((weight.float() - round_weight(weight, format).float()) * scale).norm()
    return float(lost / (weight.float() * scale).norm().clamp(min=torch.finfo(torch.float32).tiny))
