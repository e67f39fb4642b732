"""`thinkmix versions` and `thinkmix runs`: what there is in a store."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.terminal import JsonOption, app, console, say, say_json

PlaceArgument = Annotated[
    Path,
    typer.Argument(help="A store, or a mixture's folder in it.", metavar="STORE", envvar="THINKMIX_STORE"),
]
_SHORT = 12


@app.command(epilog="Example: thinkmix versions build/store/sample-7-3")
def versions(place: PlaceArgument = Path("build/store"), as_json: JsonOption = False) -> None:
    """List the versions of a store or one mixture: which is current, which may be trained on, and why not."""
    from flows.listing import versions as listed
    from flows.store import store_of

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
            one.made or "",
            "" if one.examples is None else f"{one.examples:,}",
            "" if one.tokens is None else f"{one.tokens:,}",
            one.why or "",
        )
        for one in found
    ]
    _show("mixture,version,standing,train on it,made,examples,tokens,why", rows, "no version")


@app.command(epilog="Example: thinkmix runs build/store --last 5")
def runs(
    place: PlaceArgument = Path("build/store"),
    last: Annotated[int, typer.Option(min=1, help="So many newest runs of each mixture.")] = 30,
    as_json: JsonOption = False,
) -> None:
    """List the runs of a store or of one mixture, the newest first: how each ended, and why."""
    from flows.listing import runs as listed
    from flows.store import store_of

    found = listed(*store_of(place), last=last)
    if as_json:
        say_json([one.model_dump(mode="json") for one in found])
        return
    rows = [
        (
            one.mixture,
            one.started,
            one.ended,
            (one.version or "")[:_SHORT],
            f"{one.seconds:,.0f} s",
            f"{one.read:,}",
            f"{one.examples:,}",
            one.why or "",
        )
        for one in found
    ]
    _show("mixture,started,ended,version,took,rows read,examples,why", rows, "no run")


def _show(columns: str, rows: Sequence[Iterable[str]], nothing: str) -> None:
    """Print a table; what files say is shown literally."""
    from rich.table import Table

    from flows.show import plain

    if not rows:
        say(nothing)
        return
    table = Table(box=None, header_style="dim", pad_edge=False)
    for column in columns.split(","):
        number = column in ("examples", "tokens", "rows read", "took")
        table.add_column(column, justify="right" if number else "left", overflow="fold", no_wrap=number)
    for row in rows:
        table.add_row(*map(plain, row))
    console().print(table)
