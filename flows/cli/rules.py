"""`thinkmix rules`: what rules there are for valid rows."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from thinkmix.flows.cli.terminal import JsonOption, app, say_json


@app.command(epilog="Example: thinkmix rules > rules.md")
def rules(
    file: Annotated[
        Path | None,
        typer.Option(
            "--file", help="Print the rule of this file of your own; its code runs.", dir_okay=False
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print every rule on valid rows with its settings and what was measured of it, as markdown."""
    from thinkmix.flows.recipe.own_rules import rule_in
    from thinkmix.flows.recipe.rules import listed, page, part

    if file is not None:
        kind = rule_in(file)
        if as_json:
            say_json(listed((kind,)).model_dump(mode="json"))
        else:
            sys.stdout.write(part(kind))
    elif as_json:
        say_json(listed().model_dump(mode="json"))
    else:
        sys.stdout.write(page())
