"""What a person reads in the terminal about a calibration set and the noise that was measured on it."""

from collections import Counter
from pathlib import Path

from rich.console import Console

from thinkmix.flows.cli.show.printing import say, table
from thinkmix.flows.training.calibrate import plan_yaml
from thinkmix.train.quantize.calibration import PLAN, Calibration
from thinkmix.train.quantize.proposal import Noise

_LAYERS = 8


def show_calibration(told: Calibration, console: Console, *, output: Path) -> None:
    """Print what was drawn, what each form costs, and the plan that follows."""
    digest = ("dim", told.mixture_digest[:12])
    say(console, f"\ndrew {told.rows:,} rows, {told.tokens:,} tokens, of {told.mixture} ", digest)
    drawn: Counter[tuple[str, str]] = Counter()
    available: Counter[tuple[str, str]] = Counter()
    for stratum in told.strata:
        drawn[stratum.source, stratum.mode] += stratum.drawn
        available[stratum.source, stratum.mode] += stratum.available
    rows = ((*kind, f"{number:,}", f"{available[kind]:,}") for kind, number in drawn.items())
    table(console, ("source", "mode", ">drawn", ">of"), rows)
    if told.noise:
        _show_noise(told.noise, console)
    say(console, f"calibration  {output}")
    if told.noise:
        say(console, f"plan  thinkmix train VERSION --plan {output / PLAN}\n")
        say(console, plan_yaml(told.noise.proposal.plan).rstrip("\n"))


def _show_noise(noise: Noise, console: Console) -> None:
    model = noise.model
    say(console, f"\n{model.name} in {model.dtype} has a loss of {noise.loss.loss:.4f} on them")
    rows = []
    for form in (*noise.forms, *noise.kept):
        name = f"{form.form}, {len(form.keep_16bit)} layers kept" if form.keep_16bit else form.form
        costs = (f"{form.total.delta:+.4f}", f"{form.total.error:.4f}")
        modes = (f"{delta.delta:+.4f}" for delta in form.by_mode.values())
        rows.append((name, f"{form.bits_per_weight:.2f}", *costs, *modes))
    modes = (f">{mode}" for mode in noise.loss_by_mode)
    table(console, ("stored as", ">bits a weight", ">costs", ">±", *modes), rows)
    forms = [form.form for form in noise.forms]
    worst = sorted(noise.modules, key=lambda module: -module.errors[forms[0]])[:_LAYERS]
    losses = ((module.module, *(f"{module.errors[form]:.2%}" for form in forms)) for module in worst)
    table(console, ("layers that lose most", *(f">{form}" for form in forms)), losses)
    for sentence in noise.proposal.why:
        say(console, f"  {sentence}")
