"""What a person reads in the terminal about the selections of a recipe."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console

from thinkmix.curation.gates.results import count_of
from thinkmix.flows.cli.show.printing import say, table
from thinkmix.schemas.plain import plain

if TYPE_CHECKING:
    from thinkmix.flows.inspect.selecting import Selected, Selections

_HEAD = ("criterion", ">left out", ">fail it", ">fail nothing else")


def show_selections(found: "Selections", console: Console) -> None:
    """Print what stays of each source, and what each criterion leaves out."""
    for source in found.sources:
        seen = source.selection
        whole = "" if source.whole else f" of {'' if source.exact else 'about '}{source.rows:,}"
        say(console, "\n", ("bold cyan", seen.source), f"  {count_of(seen.read, 'row')} read{whole}")
        say(console, f"  {_sum(source)}")
        if not seen.kept:
            say(console, ("red", "!"), " no row stays: a build would end with that")
        table(console, _HEAD, _lines(source))
        for one in seen.criteria:
            for row in one.examples:
                say(
                    console, ("dim", f"  {one.name}: {row.file} row {row.row}, {plain(row.why)}: {row.first}")
                )


def _sum(source: "Selected") -> str:
    seen = source.selection
    parts = [f"{seen.kept:,} kept", f"{seen.left_out:,} left out by `select`"]
    parts += [f"{seen.dropped:,} dropped by rules"] if seen.dropped else []
    parts += [f"{seen.invalid:,} not valid"] if seen.invalid else []
    return ", ".join(parts)


def _lines(source: "Selected") -> Iterator[tuple[str, ...]]:
    for one in source.selection.criteria:
        yield one.name, f"{one.rows:,}", f"{one.fails:,}", f"{one.alone:,}"
