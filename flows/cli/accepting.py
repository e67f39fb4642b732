"""`thinkmix accept`: a person promotes what a gate has held."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.terminal import JsonOption, app, say, say_json


@app.command(epilog='Example: thinkmix accept build/store/math-7-3/3f2a9c --why "upstream dropped French"')
def accept(
    version: Annotated[
        Path,
        typer.Argument(
            help="The candidate's folder, or the mixture's folder followed by the first digits of its name.",
            metavar="VERSION",
        ),
    ],
    why: Annotated[str, typer.Option(help="Why it is good all the same; kept for whoever asks later.")],
    by: Annotated[str | None, typer.Option(help="Who decides; your user name if unset.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a version that a gate has held the current one, and record who wanted it and why."""
    from flows.accept import accept as promote

    record = promote(version, why=why, by=by)
    if as_json:
        say_json(record.model_dump(mode="json"))
    else:
        held = f", held by {', '.join(record.gates)}" if record.gates else ""
        say(f"{record.version} is current now{held}")
