"""`thinkmix repairs`: which damage of rows is repaired where a recipe asks for it."""

import sys

from thinkmix.flows.cli.terminal import JsonOption, app, say_json


@app.command(epilog="Example: thinkmix repairs > repairs.md")
def repairs(as_json: JsonOption = False) -> None:
    """Print every repair of damaged rows: what was wrong, and what it changes, as markdown."""
    from thinkmix.flows.recipe.repairs import listed, page

    if as_json:
        say_json(listed().model_dump(mode="json"))
    else:
        sys.stdout.write(page())
