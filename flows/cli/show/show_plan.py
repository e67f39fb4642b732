"""What a person reads in the terminal about the memory and the time that a run will need."""

from collections.abc import Iterator, Sequence

from rich.console import Console

from thinkmix.flows.cli.show.printing import Piece, say, table
from thinkmix.flows.training.planning import MethodOutlook, Outlook
from thinkmix.train.estimate.folklore import COLUMNS, NOTES, TOKENS, cells
from thinkmix.train.estimate.forecast import Forecast
from thinkmix.train.estimate.gpus import HEADROOM

_MARKS = {"fits": ("green", "✓"), "tight": ("yellow", "~"), "no": ("red", "✗")}
_CHANGED = ("green", "+")
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
    methods = outlook.methods
    active = f", {outlook.active_parameters / 1e9:.2f} B of them active" if outlook.experts else ""
    say(console, "\n", ("bold", outlook.model), f": {outlook.parameters / 1e9:.2f} B weights{active}")
    if outlook.lengths:
        _show_reading(outlook.lengths, console)
    again = "with" if outlook.checkpointing else "without"
    say(console, f"  at once {outlook.tokens:,} tokens, {again} checkpointing\n")
    table(console, ("part", *(f">{each.method}" for each in methods)), _parts(methods))
    say(console, "GB of 10^9 bytes; parts in brackets are not there at the peak\n", style="dim")
    legend = f"✓ fits and leaves {HEADROOM:.0%} free   ~ fits without that   ✗ does not fit"
    if len(cards := methods[0].cards) > 1:
        columns = ("card", *(f"^{each.method}" for each in methods))
        table(console, columns, ((card, *(_mark(each, card) for each in methods)) for card in cards))
        say(console, ("dim", f"{legend}   "), _CHANGED, ("dim", " fits with changes that --gpu names\n"))
    else:
        columns = (*cards, "^as planned", "^adjusted", ">GB", "what is changed")
        table(console, columns, (_change(each) for each in methods))
        say(console, f"{legend}\n", style="dim")
    say(console, ("bold", "proposed"), f"  {_proposal(outlook)}")
    if outlook.choice and outlook.choice.command:
        say(console, f"  {outlook.choice.command}")
    if outlook.experts:
        experts = "experts stay in 16 bit under qlora4 and qlora8, and have no adapter"
        say(console, f"{experts}; thinkmix train takes dense models only", style="dim")


def _show_reading(lengths: Forecast, console: Console) -> None:
    padding = lengths.padding_tokens / (lengths.tokens + lengths.padding_tokens)
    middle = f"{lengths.p50:,} tokens in the middle, 95 % up to {lengths.p95:,}"
    say(console, f"  {lengths.rows:,} rows of {middle}, the longest {lengths.longest:,}")
    if lengths.too_long:
        say(
            console,
            f"  {lengths.too_long:,} rows are longer than max_tokens and are left out",
            style="yellow",
        )
    read = f"{lengths.steps:,} steps read {lengths.tokens:,} tokens"
    say(console, f"  {read}, {lengths.trained_tokens:,} with loss, and {padding:.1%} padding")
    if lengths.hours is not None:
        say(console, f"  {_duration(lengths.hours)} at this speed, without evaluation")


def _duration(hours: float) -> str:
    return f"{hours:.1f} hours" if hours >= 1 else f"{hours * 60:.0f} minutes"


def _parts(methods: Sequence[MethodOutlook]) -> Iterator[tuple[Piece, ...]]:
    for part in _PARTS:
        yield part, *(_part(each, part) for each in methods)
    yield ("bold", "total"), *(("bold", gigabytes(each.total)) for each in methods)
    yield ("dim", "peak"), *(("dim", each.peak) for each in methods)


def _part(each: MethodOutlook, part: str) -> Piece:
    size = gigabytes(each.parts[part])
    if not each.parts[part]:
        return "dim", "-"
    return size if part in _HELD or part in _MOMENT_PARTS[each.peak] else ("dim", f"({size})")


def _mark(each: MethodOutlook, card: str) -> Piece:
    return _CHANGED if each.adjusted[card] == "fits" != each.cards[card] else _MARKS[each.cards[card]]


def _change(each: MethodOutlook) -> tuple[Piece, ...]:
    """Return whether a method fits the one card, as it is planned and with the least change."""
    (card,) = each.cards
    changed = "nothing gives it room" if each.to_fit is None else ", ".join(each.to_fit) or "nothing"
    total = gigabytes(each.total if each.adjusted_total is None else each.adjusted_total)
    return each.method, _MARKS[each.cards[card]], _MARKS[each.adjusted[card]], total, changed


def _proposal(outlook: Outlook) -> str:
    choice = outlook.choice
    if choice is None:
        return _instead(outlook.methods)
    changes = f", with {', '.join(choice.changes)}" if choice.changes else ""
    line = f"{choice.method} on {choice.card}{changes}: {gigabytes(choice.total)} GB"
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
    """Print a widely copied table beside our estimate, its errors marked, and what is wrong with each."""
    columns = [name for method in COLUMNS for name in (f">{_TITLES[method]}: stated", ">ours")]
    rows: dict[str, list[Piece]] = {}
    for cell in cells():
        stated = ("red", f"{cell.stated} ({cell.note})") if cell.note else cell.stated
        rows.setdefault(cell.size, [cell.size]).extend((stated, ("dim", gigabytes(cell.ours.total))))
    table(console, ("size", *columns), rows.values())
    terms = f"{TOKENS:,} tokens at once, checkpointing, rank 16, freeze of two layers"
    say(console, f"GB; ours for {terms}\n", style="dim")
    for mark, note in NOTES.items():
        say(console, f"({mark}) {note}", wrap=True)
