"""Commands on single rows: what became of them, and why."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.terminal import JsonOption, app, console, say_json


@app.command(epilog="Example: thinkmix explain 3f2a9c --in build/store/sample-7-3")
def explain(
    row_id: Annotated[str, typer.Argument(help="Id of a row or an example; its first digits are enough.")],
    version: Annotated[
        Path, typer.Option("--in", help="A version's folder, or a mixture's folder.", metavar="VERSION")
    ],
    as_json: JsonOption = False,
) -> None:
    """Say what became of a row, which row won over it, how alike they are and the text they share."""
    from flows.explain import explain as explain_row
    from flows.show import show_explanation
    from flows.store import reading

    with reading(version) as folder:
        explanation = explain_row(folder, row_id)
    if as_json:
        say_json(explanation.model_dump(mode="json"))
    else:
        show_explanation(explanation, console())
