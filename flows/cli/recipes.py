"""`thinkmix recipes`: what is shipped, as a start for your own."""

import sys
from typing import Annotated

import typer

from thinkmix.flows.cli.terminal import app, say


@app.command(epilog="Example: thinkmix recipes math-7-3 > mine.yaml")
def recipes(name: Annotated[str | None, typer.Argument(help="Print this recipe.")] = None) -> None:
    """List the shipped recipes, or print one as a start for your own."""
    from thinkmix.flows.recipe.recipes import load, shipped_recipes

    if name is None:
        for known in shipped_recipes():
            say(f"{known:<14} {load(known).recipe.title}")
        return
    load(name)
    sys.stdout.write(shipped_recipes()[name].read_text(encoding="utf-8"))
