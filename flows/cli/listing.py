"""`thinkmix versions` and `thinkmix runs`: what there is in a store."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from thinkmix.flows.cli.terminal import JsonOption, app, say, say_json

PlaceArgument = Annotated[
    Path,
    typer.Argument(help="A store, or a mixture's folder in it.", metavar="STORE", envvar="THINKMIX_STORE"),
]
_SHORT = 12
_NUMBERS = ("examples", "tokens", "rows read", "took")


@app.command(epilog="Example: thinkmix versions build/store/sample-7-3")
def versions(place: PlaceArgument = Path("build/store"), as_json: JsonOption = False) -> None:
    """List the versions of a store or one mixture: which is current, which may be trained on, and why not."""
    from thinkmix.flows.runs.listing import versions as listed
    from thinkmix.flows.store.paths import store_of

    found = listed(*store_of(place))
    if as_json:
        say_json([one.model_dump(mode="json") for one in found])
        return
    rows = [
        (
            one.mixture,
            one.version[:_SHORT],
            f"{one.standing}, current" if one.current else one.standing,
            "yes" if one.good else "no",
            _minute(one.made or ""),
            "" if one.examples is None else f"{one.examples:,}",
            "" if one.tokens is None else f"{one.tokens:,}",
            one.why or "",
        )
        for one in found
    ]
    _show("mixture,version,standing,train on it,made (UTC),examples,tokens", rows, "no version")


@app.command(epilog="Example: thinkmix runs build/store --last 5")
def runs(
    place: PlaceArgument = Path("build/store"),
    last: Annotated[int, typer.Option(min=1, help="How many of the newest runs of each mixture.")] = 30,
    as_json: JsonOption = False,
) -> None:
    """List the runs of a store or of one mixture, the newest first: how each ended, and why."""
    from thinkmix.flows.runs.listing import runs as listed
    from thinkmix.flows.store.paths import store_of

    found = listed(*store_of(place), last=last)
    if as_json:
        say_json([one.model_dump(mode="json") for one in found])
        return
    rows = [
        (
            one.mixture,
            _minute(one.started),
            one.ended,
            (one.version or "")[:_SHORT],
            f"{one.seconds:,.0f} s",
            f"{one.read:,}",
            f"{one.examples:,}",
            one.why or "",
        )
        for one in found
    ]
    _show("mixture,started (UTC),ended,version,took,rows read,examples", rows, "no run")


def _show(columns: str, rows: Sequence[Sequence[str]], nothing: str) -> None:
    """Print a table as wide as it is, and under a row, where there is more to say, its last cell.

    What files say is shown literally.
    """
    from thinkmix.flows.cli.show.printing import visible

    if not rows:
        say(nothing)
        return
    head = columns.split(",")
    lines = [head, *(list(map(visible, row[: len(head)])) for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(head))]
    more = ["", *(visible(row[-1]) for row in rows)]
    for line, why in zip(lines, more, strict=True):
        cells = (
            cell.rjust(width) if name in _NUMBERS else cell.ljust(width)
            for name, cell, width in zip(head, line, widths, strict=True)
        )
        say("  ".join(cells).rstrip())
        if why:
            say(f"    {' '.join(why.split())}")


def _minute(stamp: str) -> str:
    """Return a moment of the history as people read it in a list, in UTC: `2026-11-30 02:00`."""
    return stamp[:16].replace("T", " ")
