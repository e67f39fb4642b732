"""What a person reads in the terminal about two versions: how much of what moved, and why."""

from collections.abc import Iterator

from rich.console import Console

from thinkmix.curation.gates.results import count_of
from thinkmix.flows.cli.show.printing import Piece, say, table
from thinkmix.flows.pages.report.sections import CAUSES
from thinkmix.schemas.changes import Changes, Delta, SourceChange

_MOVES = 40
_SMALL, _LARGE = 0.1, 0.2
_FIGURES = (">before", ">after", ">change")


def show_changes(changes: Changes, console: Console, *, rows: int = 0) -> None:
    """Print what differs between two versions.

    Args:
        changes: what differs.
        console: where to print.
        rows: how many ids of each move are listed.
    """
    say(console, "\n", ("bold", f"{changes.before[:12]} → {changes.after[:12]}"))
    if changes.before == changes.after:
        say(console, "the same version: nothing differs")
        return
    edited = f" ({changes.changed:,} of them edited)" if changes.changed else ""
    added, removed = ("green", f"{changes.added:,} added"), ("red", f"{changes.removed:,} removed")
    say(console, f"{count_of(changes.kept, 'row')} of the mixture kept{edited}, ", added, ", ", removed)
    sizes = (row for source in changes.sources for row in _sizes(source))
    table(console, ("source", "", *_FIGURES), sizes)
    reasons = (
        (source.source, reason, *_figures(delta))
        for source in changes.sources
        for reason, delta in source.reasons.items()
        if delta.before != delta.after
    )
    table(console, ("source", "reason", *_FIGURES), reasons)
    table(console, ("source", ">rows", "from", "to", "because"), _moves(changes, rows))
    if len(changes.moves) > _MOVES:
        say(console, f"and {len(changes.moves) - _MOVES} moves more; --json has them all")
    stability = (
        (each.source, each.measure, f"{each.psi:.4f}", _size(each.psi)) for each in changes.stability
    )
    table(console, ("source", "distribution", ">PSI", "shift"), stability)
    for sentence in changes.settings:
        say(console, f"  {sentence}")
    if not changes.settings:
        say(console, "sources, recipe, code, template and libraries are the same")


def _sizes(source: SourceChange) -> Iterator[tuple[str, ...]]:
    yield source.source, "read", *_figures(source.read)
    yield "", "mixture", *_figures(source.mixture_rows)
    yield "", "examples", *_figures(source.examples)
    yield "", "tokens", *_figures(source.tokens)


def _moves(changes: Changes, rows: int) -> Iterator[tuple[Piece, ...]]:
    for move in changes.moves[:_MOVES]:
        yield move.source, f"{move.rows:,}", move.before, move.after, CAUSES[move.cause]
        for row in move.examples[:rows]:
            yield "", "", "", "", ("dim", row)


def _size(psi: float) -> str:
    return "small" if psi < _SMALL else "large" if psi >= _LARGE else "medium"


def _figures(delta: Delta) -> tuple[str, str, str]:
    """Return both sides and the difference, in percent where there is something to refer it to."""
    difference = delta.after - delta.before
    percent = f" ({difference / delta.before:+.2%})" if delta.before and difference else ""
    return f"{delta.before:,}", f"{delta.after:,}", f"{difference:+,}{percent}" if difference else "="
