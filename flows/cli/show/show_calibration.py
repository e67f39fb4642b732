"""What a person reads in the terminal about a calibration set and the noise that was measured on it."""

from collections import Counter
from pathlib import Path

from rich.console import Console

from thinkmix.flows.cli.show.printing import say, table
from thinkmix.flows.training.calibrate import plan_yaml
from thinkmix.train.quantize.calibration import PLAN, Calibration
from thinkmix.train.quantize.quant_plan import QuantError

_LAYERS = 8


def show_calibration(told: Calibration, console: Console, *, output: Path) -> None:
    """Print what was sampled, what each form costs, and the plan that follows."""
    digest = ("dim", told.mixture_digest[:12])
    say(console, f"\ndrew {told.rows:,} rows, {told.tokens:,} tokens, of {told.mixture} ", digest)
    sampled: Counter[tuple[str, str]] = Counter()
    available: Counter[tuple[str, str]] = Counter()
    for stratum in told.strata:
        sampled[stratum.source, stratum.mode] += stratum.sampled
        available[stratum.source, stratum.mode] += stratum.available
    rows = ((*kind, f"{number:,}", f"{available[kind]:,}") for kind, number in sampled.items())
    table(console, ("source", "mode", ">sampled", ">of"), rows)
    if told.quant_error:
        _show_quant_error(told.quant_error, console)
    say(console, f"calibration  {output}")
    if told.quant_error:
        say(console, f"plan  thinkmix train VERSION --plan {output / PLAN}\n")
        say(console, plan_yaml(told.quant_error.quant_plan.plan).rstrip("\n"))


def _show_quant_error(quant_error: QuantError, console: Console) -> None:
    model = quant_error.model
    say(console, f"\n{model.name} in {model.dtype} has a loss of {quant_error.loss.loss:.4f} on them")
    rows = []
    for format in (*quant_error.formats, *quant_error.kept):
        name = (
            f"{format.format}, {len(format.keep_16bit)} layers kept" if format.keep_16bit else format.format
        )
        costs = (f"{format.total.delta:+.4f}", f"{format.total.error:.4f}")
        modes = (f"{delta.delta:+.4f}" for delta in format.by_mode.values())
        rows.append((name, f"{format.bits_per_weight:.2f}", *costs, *modes))
    modes = (f">{mode}" for mode in quant_error.loss_by_mode)
    table(console, ("stored as", ">bits a weight", ">costs", ">±", *modes), rows)
    formats = [format.format for format in quant_error.formats]
    worst = sorted(quant_error.modules, key=lambda module: -module.errors[formats[0]])[:_LAYERS]
    losses = ((module.module, *(f"{module.errors[format]:.2%}" for format in formats)) for module in worst)
    table(console, ("layers that lose most", *(f">{format}" for format in formats)), losses)
    for sentence in quant_error.quant_plan.why:
        say(console, f"  {sentence}")
