"""`thinkmix formats`: how rows may be laid out."""

import sys

from thinkmix.flows.cli.terminal import app


@app.command(epilog="Example: thinkmix formats > formats.md")
def formats() -> None:
    """Print every row format with its settings, and the public sets that it reads, as markdown."""
    from thinkmix.flows.recipe.formats import page

    sys.stdout.write(page())
