"""What a person reads in the terminal about the memory and the time that a run will need."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table

from thinkmix.flows.cli.show.show import plain
from thinkmix.flows.training.planning import MethodOutlook, Outlook
from thinkmix.train.estimate.folklore import COLUMNS, NOTES, TOKENS, cells
from thinkmix.train.estimate.forecast import Forecast
from thinkmix.train.estimate.gpus import HEADROOM

_MARKS = {"fits": "[green]✓[/]", "tight": "[yellow]~[/]", "no": "[red]✗[/]"}
_CHANGED = "[green]+[/]"
"""Mark of what does not fit as it is planned, and does with the least change."""
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
    several = len(outlook.methods[0].cards) > 1
    console.print(_cards(outlook.methods) if several else _changes(outlook.methods))
    changed = f"   {_CHANGED} fits with changes that --gpu names" if several else ""
    console.print(
        f"[dim]✓ fits and leaves {HEADROOM:.0%} free   ~ fits without that   ✗ does not fit{changed}[/]\n",
        soft_wrap=True,
    )
    console.print(_proposal(outlook), soft_wrap=True)
    if outlook.choice and outlook.choice.command:
        console.print(f"  {plain(outlook.choice.command)}", soft_wrap=True)
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
    """Return whether each method fits each of several cards."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("card")
    for each in methods:
        table.add_column(each.method, justify="center")
    for card in methods[0].cards:
        table.add_row(plain(card), *(_mark(each, card) for each in methods))
    return table


def _mark(each: MethodOutlook, card: str) -> str:
    changed = each.adjusted[card] == "fits" != each.cards[card]
    return _CHANGED if changed else _MARKS[each.cards[card]]


def _changes(methods: Sequence[MethodOutlook]) -> Table:
    """Return whether each method fits the one card, as it is planned and with the least change."""
    (card,) = methods[0].cards
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column(plain(card))
    table.add_column("as planned", justify="center")
    table.add_column("adjusted", justify="center")
    table.add_column("GB", justify="right")
    table.add_column("what is changed", overflow="fold")
    for each in methods:
        changed = "nothing gives it room" if each.to_fit is None else ", ".join(each.to_fit) or "nothing"
        total = gigabytes(each.total if each.adjusted_total is None else each.adjusted_total)
        marks = (_MARKS[each.cards[card]], _MARKS[each.adjusted[card]])
        table.add_row(each.method, *marks, total, changed)
    return table


def _proposal(outlook: Outlook) -> str:
    choice = outlook.choice
    if choice is None:
        return f"[bold]proposed[/]  {_instead(outlook.methods)}"
    changes = f", with {', '.join(choice.changes)}" if choice.changes else ""
    line = (
        f"[bold]proposed[/]  {choice.method} on {plain(choice.card)}{changes}: {gigabytes(choice.total)} GB"
    )
    return f"{line}; {choice.left_out:,} rows are longer and left out" if choice.left_out else line


def _instead(methods: Sequence[MethodOutlook]) -> str:
    """Return what may be done where nothing that was asked for fits with room to spare."""
    if others := [each.method for each in methods if "fits" in each.adjusted.values()]:
        return f"nothing that was asked for fits: take another card, or --method {' or '.join(others)}"
    if tight := [each.method for each in methods if "tight" in each.adjusted.values()]:
        return f"nothing, as {' and '.join(tight)} would fill the card: take a larger card or a smaller model"
    return "nothing fits, whatever is changed: take a larger card or a smaller model"


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
