"""What quantising a model costs on the rows it will be tuned on, and which plan follows from that."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from thinkmix.schemas.record import Record
from thinkmix.schemas.training import TrainPlan
from thinkmix.train.output.result import Loss, ModelFacts

QuantFormat = Literal["nf4_double", "nf4", "fp4", "int8"]
"""How weights are stored: NormalFloat4 with and without double quantisation, Float4, or LLM.int8()."""

QUANT_FORMATS: tuple[QuantFormat, ...] = ("nf4_double", "nf4", "fp4", "int8")

Fragment = Mapping[str, str | bool | tuple[str, ...]]
"""Some fields of a training plan."""

_FOUR_BIT: Mapping[QuantFormat, Mapping[str, str | bool]] = {
    "nf4_double": {"quant": "nf4", "double_quant": True},
    "nf4": {"quant": "nf4", "double_quant": False},
    "fp4": {"quant": "fp4", "double_quant": False},
}
_BITS: Mapping[QuantFormat, float] = {
    "nf4_double": 4 + 8 / 64 + 32 / (64 * 256),  # a scale for 64 weights is itself in 8 bit, by the 256
    "nf4": 4 + 32 / 64,
    "fp4": 4 + 32 / 64,
    "int8": 8,  # and 32 for each row of a weight
}


class Rule(Record):
    """How a plan follows from what was measured."""

    tolerance: float = Field(default=0.02, ge=0, le=10)
    """Most nats a token that quantising may cost; beyond it the next larger form is proposed."""
    extra_bits: float = Field(default=0.25, ge=0, le=12)
    """Most bits a weight, over all linear layers, that layers kept in 16 bit may add."""
    prominence: float = Field(default=1.5, ge=1, le=100)
    """A layer may be kept when its share of the squared errors is above so many times the mean share."""


class Delta(Record):
    """The loss of a quantised model on some rows, beside that of the model as it is."""

    loss: float
    """Nats per trained token, quantised."""
    delta: float
    """By how much that is above the loss of the model as it is."""
    error: float
    """Standard error of `delta`, from how it differs between rows."""
    rows: int
    trained_tokens: int


class FormatCost(Record):
    """What one form costs, in all and per thinking mode."""

    format: QuantFormat
    keep_16bit: tuple[str, ...]
    """Layers that were not quantised, beside the head."""
    bits_per_weight: float
    """Over all linear layers but the head; scales and kept layers are counted."""
    total: Delta
    by_mode: Mapping[str, Delta]


class ModuleError(Record):
    """How much of one layer's output is lost in each form."""

    module: str
    shape: tuple[int, int]
    """(out, in) of its weight."""
    errors: Mapping[QuantFormat, float]
    """||(W - Wq) D|| / ||W D||, Frobenius norms; D holds the root mean square of each input channel."""

    @property
    def parameters(self) -> int:
        """How many weights it has."""
        return self.shape[0] * self.shape[1]


class QuantPlan(Record):
    """The plan that follows, and why."""

    plan: Fragment
    """Fields of a training plan: method, and for qlora4 quant, double_quant and keep_16bit."""
    why: tuple[str, ...]
    """Sentences, in the order of the rule."""


class QuantError(Record):
    """Everything that was measured of one model on the calibration rows."""

    model: ModelFacts
    loss: Loss
    """Of the model as it is, in the precision that `model` states."""
    loss_by_mode: Mapping[str, Loss]
    formats: tuple[FormatCost, ...]
    kept: tuple[FormatCost, ...]
    """The chosen form with layers kept in 16 bit, in the order in which that was tried."""
    modules: tuple[ModuleError, ...]
    rule: Rule
    quant_plan: QuantPlan
    versions: Mapping[str, str]
    """Versions of torch, transformers and bitsandbytes."""


@dataclass(frozen=True)
class RowLosses:
    """The summed loss of each row and how many tokens it is of, (rows,) each."""

    sums: NDArray[np.float64]
    counts: NDArray[np.int64]

    def __getitem__(self, rows: NDArray[np.bool_]) -> "RowLosses":
        """Return the losses of some of the rows."""
        return RowLosses(self.sums[rows], self.counts[rows])

    def mean(self) -> Loss:
        """Return the mean loss of a token."""
        trained = int(self.counts.sum())
        return Loss(loss=float(self.sums.sum()) / trained, rows=len(self.sums), trained_tokens=trained)

    def against(self, base: "RowLosses") -> Delta:
        """Return by how much the mean loss of a token is above that of `base` on the same rows.

        Rows were sampled, not tokens: the standard error is that of a ratio of sums over rows, by
        linearisation (Cochran, Sampling Techniques, 3rd edition, section 6.4). A single row tells none: 0.
        """
        differences, rows = self.sums - base.sums, len(self.sums)
        mean = self.mean()
        delta = float(differences.sum()) / mean.trained_tokens
        scatter = float(np.square(differences - delta * self.counts).sum()) * rows / max(1, rows - 1)
        return Delta(**mean.model_dump(), delta=delta, error=float(np.sqrt(scatter)) / mean.trained_tokens)


Measure = Callable[[QuantFormat, tuple[str, ...]], RowLosses]
"""Measures a form with some layers kept in 16 bit."""


@dataclass(frozen=True)
class Measured:
    """The losses that were measured, and the error of each layer."""

    base: RowLosses
    """Of the model as it is."""
    by_format: Mapping[QuantFormat, RowLosses]
    modules: tuple[ModuleError, ...]
    format: QuantFormat
    """The 4 bit form that was chosen."""
    tried: Mapping[tuple[str, ...], RowLosses]
    """Of that form, by the layers that were kept."""
    quant_plan: QuantPlan


def decide(
    base: RowLosses,
    by_format: Mapping[QuantFormat, RowLosses],
    modules: Sequence[ModuleError],
    *,
    rule: Rule,
    measure: Measure,
) -> Measured:
    """Choose a 4 bit form and the layers to leave out of it, measure that, and propose a plan.

    Args:
        base: losses of the model as it is.
        by_format: losses with every layer in one form.
        modules: the errors of the layers.
        rule: what the proposal may cost.
        measure: asked for the losses with layers kept.
    """
    format = cheapest_format(modules)
    quantised, tried = by_format[format], dict[tuple[str, ...], RowLosses]()
    kept, why = prominent(modules, format, rule), "no layer's error stands out"
    if kept and not _above(quantised.against(base), errors=2):
        kept, why = (), "the loss is not measurably above that of the model as it is: no layer is kept"
    while kept:
        tried[kept] = measure(format, kept)
        saved = quantised.against(tried[kept])
        if _above(saved, errors=1):
            why = f"{len(kept)} layers kept in 16 bit lower the loss by {saved.delta:.4f} ± {saved.error:.4f}"
            break
        kept = kept[: len(kept) // 2]
        why = "layers whose error stands out were kept in 16 bit, and the loss was no lower"
    plan, reason = cheapest_plan(
        format,
        kept,
        four_bit=(tried[kept] if kept else quantised).against(base),
        eight_bit=by_format["int8"].against(base),
        tolerance=rule.tolerance,
    )
    quant_plan = QuantPlan(
        plan=plan, why=(f"{format} is the smallest of the 4 bit forms that lose about the least", why, reason)
    )
    return Measured(base, by_format, tuple(modules), format, tried, quant_plan)


def cheapest_format(modules: Sequence[ModuleError]) -> QuantFormat:
    """Return the 4 bit form with the fewest bits among those that lose about the least of the outputs.

    About: squared errors, summed over the layers, at most a twentieth above the least. Layers' errors
    decide and not the loss, which a form may lower by chance where a model knows little of these rows.
    """
    lost = {format: sum(module.errors[format] ** 2 for module in modules) for format in _FOUR_BIT}
    alike = [format for format in _FOUR_BIT if lost[format] <= 1.05 * min(lost.values())]
    return min(alike, key=lambda format: (_BITS[format], lost[format]))


def prominent(modules: Sequence[ModuleError], format: QuantFormat, rule: Rule) -> tuple[str, ...]:
    """Return the layers that the rule may keep in 16 bit, the one with the greatest error first.

    A layer counts by its share of the squared relative errors of all. Those above the rule's
    prominence are taken from the greatest on, each that still fits the extra bits.
    """
    squares = {module.module: module.errors[format] ** 2 for module in modules}
    least = rule.prominence * sum(squares.values()) / max(1, len(squares))
    room = rule.extra_bits * sum(module.parameters for module in modules)
    found = []
    for module in sorted(modules, key=lambda module: (-squares[module.module], module.module)):
        cost = module.parameters * (16 - _BITS[format])
        if squares[module.module] > least and cost <= room:
            found.append(module.module)
            room -= cost
    return tuple(found)


def cheapest_plan(
    format: QuantFormat, kept: Sequence[str], *, four_bit: Delta, eight_bit: Delta, tolerance: float
) -> tuple[Fragment, str]:
    """Return the plan with the fewest bits a weight that costs no more than `tolerance`, and why.

    Args:
        format: the 4 bit form that was chosen.
        kept: layers that stay in 16 bit with it.
        four_bit: what this costs, as measured with just these layers kept.
        eight_bit: what int8 costs.
        tolerance: nats a token.
    """
    cost = f"{format} costs {four_bit.delta:+.4f} ± {four_bit.error:.4f} nats a token"
    eight = f"int8 {eight_bit.delta:+.4f} ± {eight_bit.error:.4f}"
    plan: Fragment
    if four_bit.delta <= tolerance:
        plan, why = {"method": "qlora4", **_FOUR_BIT[format], "keep_16bit": tuple(kept)}, "within"
    elif eight_bit.delta <= tolerance:
        plan, why = {"method": "qlora8"}, f"and {eight}, which alone is within"
    else:
        plan, why = {"method": "lora"}, f"and {eight}, both beyond"
    TrainPlan.model_validate(plan)
    return plan, f"{cost}, {why} the tolerance of {tolerance:g}"


def quant_error_of(
    measured: Measured,
    modes: Mapping[str, NDArray[np.bool_]],
    *,
    model: ModelFacts,
    rule: Rule,
    versions: Mapping[str, str],
) -> QuantError:
    """Return what was measured as it is reported: means, in all and for the rows of each mode."""

    def told(format: QuantFormat, kept: tuple[str, ...], losses: RowLosses) -> FormatCost:
        return FormatCost(
            format=format,
            keep_16bit=kept,
            bits_per_weight=bits_per_weight(measured.modules, format, kept),
            total=losses.against(measured.base),
            by_mode={name: losses[mine].against(measured.base[mine]) for name, mine in modes.items()},
        )

    return QuantError(
        model=model,
        loss=measured.base.mean(),
        loss_by_mode={name: measured.base[mine].mean() for name, mine in modes.items()},
        formats=tuple(told(format, (), losses) for format, losses in measured.by_format.items()),
        kept=tuple(told(measured.format, kept, losses) for kept, losses in measured.tried.items()),
        modules=measured.modules,
        rule=rule,
        quant_plan=measured.quant_plan,
        versions=versions,
    )


def bits_per_weight(modules: Sequence[ModuleError], format: QuantFormat, kept: Sequence[str] = ()) -> float:
    """Return how many bits a weight takes on average, with the layers `kept` in 16 bit."""
    bits = 0.0
    for module in modules:
        scales = 32 * module.shape[0] if format == "int8" else 0
        bits += (
            16 * module.parameters if module.module in kept else _BITS[format] * module.parameters + scales
        )
    return bits / sum(module.parameters for module in modules)


def _above(delta: Delta, *, errors: float) -> bool:
    return delta.delta > errors * delta.error
