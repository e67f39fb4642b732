"""What a person reads in the terminal about two versions: how much of what moved, and why."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from thinkmix.curation.gates.findings import counted
from thinkmix.flows.cli.show.show import plain
from thinkmix.flows.pages.report.sections import CAUSES
from thinkmix.schemas.changes import Changes, Delta, Move, Shift, SourceChange

_MOVES = 40
_SMALL, _LARGE = 0.1, 0.2


def show_changes(changes: Changes, console: Console, *, rows: int = 0) -> None:
    """Print what differs between two versions.

    Args:
        changes: what differs.
        console: where to print.
        rows: how many ids of each move are listed.
    """

    def say(what: str | Table) -> None:
        console.print(what, emoji=False, highlight=False)

    say(f"\n[bold]{changes.before[:12]} → {changes.after[:12]}[/]")
    if changes.before == changes.after:
        say("the same version: nothing differs")
        return
    edited = f" ({changes.changed:,} of them edited)" if changes.changed else ""
    say(
        f"{counted(changes.kept, 'row')} of the mixture kept{edited}, "
        f"[green]{changes.added:,} added[/], [red]{changes.removed:,} removed[/]"
    )
    say(_sources(changes.sources))
    if reasons := _reasons(changes.sources):
        say(reasons)
    if changes.moves:
        say(_moves(changes.moves[:_MOVES], rows))
        if len(changes.moves) > _MOVES:
            say(f"and {len(changes.moves) - _MOVES} moves more; --json has them all")
    if changes.shifts:
        say(_shifts(changes.shifts))
    for sentence in changes.settings:
        say(f"  {plain(sentence)}")
    if not changes.settings:
        say("sources, recipe, code, template and libraries are the same")


def _sources(sources: Iterable[SourceChange]) -> Table:
    table = _table("source", "", "before", "after", "change")
    for source in sources:
        figures = {
            "read": source.read,
            "mixture": source.mixture_rows,
            "examples": source.examples,
            "tokens": source.tokens,
        }
        for place, (name, delta) in enumerate(figures.items()):
            table.add_row("" if place else plain(source.source), name, *_figures(delta))
    return table


def _reasons(sources: Iterable[SourceChange]) -> Table | None:
    """Return the reasons that dropped another number of rows than before, if there are any."""
    table = _table("source", "reason", "before", "after", "change")
    for source in sources:
        for reason, delta in source.reasons.items():
            if delta.before != delta.after:
                table.add_row(plain(source.source), plain(reason), *_figures(delta))
    return table if table.row_count else None


def _moves(moves: Iterable[Move], rows: int) -> Table:
    table = _table("source", "rows", "from", "to", "because")
    for move in moves:
        table.add_row(
            plain(move.source), f"{move.rows:,}", plain(move.before), plain(move.after), CAUSES[move.cause]
        )
        for row in move.examples[:rows]:
            table.add_row("", "", "", "", f"[dim]{plain(row)}[/]")
    return table


def _shifts(shifts: Sequence[Shift]) -> Table:
    table = _table("source", "distribution", "PSI", "shift")
    for shift in shifts:
        size = "small" if shift.psi < _SMALL else "large" if shift.psi >= _LARGE else "medium"
        table.add_row(plain(shift.source), plain(shift.measure), f"{shift.psi:.4f}", size)
    return table


def _figures(delta: Delta) -> tuple[str, str, str]:
    """Return both sides and the difference, in percent where there is something to refer it to."""
    difference = delta.after - delta.before
    percent = f" ({difference / delta.before:+.2%})" if delta.before and difference else ""
    return f"{delta.before:,}", f"{delta.after:,}", f"{difference:+,}{percent}" if difference else "="


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    numbers = ("before", "after", "change", "rows", "PSI")
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    return table
