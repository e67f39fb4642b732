"""What a person reads in the terminal about a calibration set and the noise that was measured on it."""

from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from thinkmix.flows.cli.show.show import plain
from thinkmix.flows.training.calibrate import plan_yaml
from thinkmix.train.quantize.calibration import PLAN, Calibration
from thinkmix.train.quantize.proposal import Noise

_LAYERS = 8


def show_calibration(told: Calibration, output: Path, console: Console) -> None:
    """Print what was drawn, what each form costs, and the plan that follows."""
    console.print(
        f"\ndrew {told.rows:,} rows, {told.tokens:,} tokens, of {plain(told.mixture)} "
        f"[dim]{told.mixture_digest[:12]}[/]"
    )
    drawn: Counter[tuple[str, str]] = Counter()
    available: Counter[tuple[str, str]] = Counter()
    for stratum in told.strata:
        drawn[stratum.source, stratum.mode] += stratum.drawn
        available[stratum.source, stratum.mode] += stratum.available
    table = _table("source", "mode", "drawn", "of")
    for (source, mode), number in drawn.items():
        table.add_row(plain(source), mode, f"{number:,}", f"{available[source, mode]:,}")
    console.print(table)
    if told.noise:
        _show_noise(told.noise, console)
    console.print(f"calibration  {plain(str(output))}", soft_wrap=True)
    if told.noise:
        console.print(f"plan  thinkmix train VERSION --plan {plain(str(output / PLAN))}\n", soft_wrap=True)
        console.print(plain(plan_yaml(told.noise.proposal.plan)), soft_wrap=True, end="")


def _show_noise(noise: Noise, console: Console) -> None:
    model = noise.model
    console.print(f"\n{plain(model.name)} in {model.dtype} has a loss of {noise.loss.loss:.4f} on them")
    table = _table("stored as", "bits a weight", "costs", "±", *noise.loss_by_mode)
    for form in (*noise.forms, *noise.kept):
        name = f"{form.form}, {len(form.keep_16bit)} layers kept" if form.keep_16bit else form.form
        modes = (f"{delta.delta:+.4f}" for delta in form.by_mode.values())
        total = form.total
        table.add_row(
            name, f"{form.bits_per_weight:.2f}", f"{total.delta:+.4f}", f"{total.error:.4f}", *modes
        )
    console.print(table)
    forms = [form.form for form in noise.forms]
    table = _table("layers that lose most", *forms)
    for module in sorted(noise.modules, key=lambda module: -module.errors[forms[0]])[:_LAYERS]:
        table.add_row(plain(module.module), *(f"{module.errors[form]:.2%}" for form in forms))
    console.print(table)
    for sentence in noise.proposal.why:
        console.print(f"  {plain(sentence)}", soft_wrap=True)


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for number, column in enumerate(columns):
        words = number == 0 or column == "mode"
        table.add_column(column, justify="left" if words else "right", overflow="fold")
    return table
