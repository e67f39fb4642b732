"""`thinkmix rules`: what rules there are for valid rows."""

import sys

from thinkmix.flows.cli.terminal import JsonOption, app, say_json


@app.command(epilog="Example: thinkmix rules > rules.md")
def rules(as_json: JsonOption = False) -> None:
    """Print every rule on valid rows with its sentence, its default and its settings, as markdown."""
    from thinkmix.flows.recipe.rules import listed, page

    if as_json:
        say_json(listed().model_dump(mode="json"))
    else:
        sys.stdout.write(page())
