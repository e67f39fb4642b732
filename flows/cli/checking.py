"""`thinkmix init` and `thinkmix check`: a recipe out of rows, and what a recipe would come to."""

from pathlib import Path
from typing import Annotated

import typer

from thinkmix.flows.cli.building import WorkersOption
from thinkmix.flows.cli.terminal import JsonOption, StoreOption, answer, app

LOOK = 3
"""Exit code of `check` where a person should look at something."""


@app.command(epilog="Example: thinkmix check mine.yaml")
def check(
    recipe: Annotated[str, typer.Argument(help="Name of a shipped recipe, or path of a YAML file.")],
    store: StoreOption = Path("build/store"),
    workers: WorkersOption = None,
    examples: Annotated[
        int,
        typer.Option(
            min=0, max=100, help="How many examples of each source --json shows as they are trained."
        ),
    ] = 0,
    as_json: JsonOption = False,
) -> None:
    """Read 200 rows of each source and say what a build would make of them; nothing is built or kept.

    Of a set on a hub the list of files and a part of one are fetched. Ends with 0 if there is nothing to
    mend, and with 3 if there is something to look at.
    """
    from thinkmix.curation.text.imports import arrow_without_pandas, without_gc

    arrow_without_pandas()
    with without_gc():
        from thinkmix.flows.cli.show.show_check import show_check
        from thinkmix.flows.inspect.checking import check as checked
        from thinkmix.flows.recipe.recipes import load
        from thinkmix.flows.store.store import Store

    located = load(recipe)
    found = checked(
        located,
        name=recipe,
        downloads=Store(store.resolve()).cache.downloads,
        workers=workers,
        examples=examples,
    )
    answer(found, show_check, as_json=as_json)
    raise typer.Exit(LOOK if found.mend else 0)


@app.command(epilog="Example: thinkmix init chats.jsonl nvidia/OpenMathReasoning --output mine.yaml")
def init(
    rows: Annotated[
        list[str],
        typer.Argument(
            help="Files, folders, or ids of sets on the Hugging Face Hub (organisation/name); a source each.",
            metavar="FILE|HUB_ID…",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where the recipe goes; NAME.yaml in this folder unless given."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Look at rows and write a recipe that builds them, with comments on what was seen.

    A file that is there already is never written over. Shards of one set, whose names differ in digits
    alone, become one source.
    """
    from thinkmix.flows.cli.show.show_check import show_started
    from thinkmix.flows.inspect.starting import start

    started = start(rows, output)
    answer(started, show_started, as_json=as_json)
