"""What a person reads in the terminal about the memory and the time that a run will need."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table

from flows.planning import Choice, MethodOutlook, Outlook
from flows.show import plain
from train.folklore import COLUMNS, NOTES, TOKENS, cells
from train.forecast import Forecast
from train.gpus import HEADROOM

_MARKS = {"fits": "[green]✓[/]", "tight": "[yellow]~[/]", "no": "[red]✗[/]"}
_MOMENT_PARTS = {
    "loss": ("activations", "logits"),
    "backward": ("activations", "layer", "dequantised"),
    "step": ("step",),
}
_HELD = ("weights", "adapter", "gradients", "optimiser", "context")
_PARTS = (*_HELD, "activations", "logits", "layer", "dequantised", "step")
_TITLES = {"qlora8": "INT8", "qlora4": "INT4", "lora": "LoRA", "freeze": "Freeze"}


def show_outlook(outlook: Outlook, console: Console) -> None:
    """Print what the run reads, what each method needs and of what, where it fits, and what is proposed."""
    active = f", {outlook.active_parameters / 1e9:.2f} B of them active" if outlook.experts else ""
    console.print(f"\n[bold]{plain(outlook.model)}[/]: {outlook.parameters / 1e9:.2f} B weights{active}")
    if outlook.lengths:
        for line in _reading(outlook.lengths):
            console.print(f"  {line}")
    again = "with" if outlook.checkpointing else "without"
    console.print(f"  at once {outlook.tokens:,} tokens, {again} checkpointing\n")
    console.print(_parts(outlook.methods))
    console.print("[dim]GB of 10^9 bytes; parts in brackets are not there at the peak[/]\n")
    console.print(_cards(outlook.methods))
    console.print(
        f"[dim]✓ fits and leaves {HEADROOM:.0%} free   ~ fits without that   ✗ does not fit[/]\n",
        soft_wrap=True,
    )
    for each in outlook.methods:
        if each.to_fit:
            console.print(f"  {each.method} fits with {', '.join(each.to_fit)}")
        elif each.to_fit is None and len(each.cards) == 1:
            console.print(f"  {each.method} does not fit, whatever is changed")
    console.print(_proposal(outlook.choice), soft_wrap=True)
    if outlook.experts:
        console.print(
            "[dim]experts stay in 16 bit under qlora4 and qlora8, and have no adapter; "
            "thinkmix train takes dense models only[/]",
            soft_wrap=True,
        )


def _reading(lengths: Forecast) -> Iterator[str]:
    yield (
        f"{lengths.rows:,} rows of {lengths.p50:,} tokens in the middle, 95 % up to {lengths.p95:,}, "
        f"the longest {lengths.longest:,}"
    )
    if lengths.too_long:
        yield f"[yellow]{lengths.too_long:,} rows are longer than max_tokens and are left out[/]"
    padding = lengths.padding_tokens / (lengths.tokens + lengths.padding_tokens)
    yield (
        f"{lengths.steps:,} steps read {lengths.tokens:,} tokens, {lengths.trained_tokens:,} with loss, "
        f"and {padding:.1%} padding"
    )
    if lengths.hours is not None:
        yield f"{_duration(lengths.hours)} at this speed, without evaluation"


def _duration(hours: float) -> str:
    return f"{hours:.1f} hours" if hours >= 1 else f"{hours * 60:.0f} minutes"


def _parts(methods: Sequence[MethodOutlook]) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("part")
    for each in methods:
        table.add_column(each.method, justify="right")
    for part in _PARTS:
        table.add_row(part, *(_part(each, part) for each in methods))
    table.add_row("[bold]total[/]", *(f"[bold]{gigabytes(each.total)}[/]" for each in methods))
    table.add_row("peak", *(each.peak for each in methods), style="dim")
    return table


def _part(each: MethodOutlook, part: str) -> str:
    size = each.parts[part]
    if not size:
        return "[dim]-[/]"
    counted = part in _HELD or part in _MOMENT_PARTS[each.peak]
    return gigabytes(size) if counted else f"[dim]({gigabytes(size)})[/]"


def _cards(methods: Sequence[MethodOutlook]) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("card")
    for each in methods:
        table.add_column(each.method, justify="center")
    for card in methods[0].cards:
        table.add_row(plain(card), *(_MARKS[each.cards[card]] for each in methods))
    return table


def _proposal(choice: Choice | None) -> str:
    if choice is None:
        return "[bold]proposed[/]  nothing fits, whatever is changed: take a larger card or a smaller model"
    changes = f", with {', '.join(choice.changes)}" if choice.changes else ""
    line = (
        f"[bold]proposed[/]  {choice.method} on {plain(choice.card)}{changes}: {gigabytes(choice.total)} GB"
    )
    return f"{line}; {choice.left_out:,} rows are longer and left out" if choice.left_out else line


def gigabytes(size: int) -> str:
    """Return bytes in GB of 10^9, to two digits below one and one digit above."""
    return f"{size / 1e9:.1f}" if size >= 10**9 else f"{size / 1e9:.2f}"


def show_folklore(console: Console) -> None:
    """Print the table that circulates beside our estimate, its faults marked, and what is wrong with each."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("size")
    for method in COLUMNS:
        table.add_column(f"{_TITLES[method]}: stated", justify="right")
        table.add_column("ours", justify="right")
    rows: dict[str, list[str]] = {}
    for cell in cells():
        stated = f"[red]{cell.stated} ({cell.note})[/]" if cell.note else cell.stated
        rows.setdefault(cell.size, []).extend((stated, f"[dim]{gigabytes(cell.ours.total)}[/]"))
    for size, figures in rows.items():
        table.add_row(size, *figures)
    console.print(table)
    console.print(
        f"[dim]GB; ours for {TOKENS:,} tokens at once, checkpointing, rank 16, freeze of two layers[/]\n"
    )
    for mark, note in NOTES.items():
        console.print(f"({mark}) {plain(note)}")
