"""`thinkmix select`: what the `select` of each source keeps, before a build."""

from pathlib import Path
from typing import Annotated

import typer

from thinkmix.flows.cli.terminal import JsonOption, StoreOption, answer, app


@app.command(epilog="Example: thinkmix select olympiad-second-round --rows 2000")
def select(
    recipe: Annotated[str, typer.Argument(help="Name of a shipped recipe, or path of a YAML file.")],
    rows: Annotated[
        int, typer.Option(min=1, max=10_000_000, help="Rows to read of each file on this machine.")
    ] = 1000,
    show: Annotated[
        int, typer.Option(min=0, max=1000, help="Rows to name of those that each criterion leaves out.")
    ] = 3,
    store: StoreOption = Path("build/store"),
    as_json: JsonOption = False,
) -> None:
    """Read rows and say what each criterion of `select` leaves out; nothing is built or kept.

    Of a set on a hub the first 200 rows are read. Where all rows of a source are read, a build keeps as many.
    """
    from thinkmix.curation.text.imports import arrow_without_pandas, without_gc

    arrow_without_pandas()
    with without_gc():
        from thinkmix.flows.cli.show.show_selections import show_selections
        from thinkmix.flows.inspect.selecting import select as selected
        from thinkmix.flows.recipe.recipes import load
        from thinkmix.flows.store.store import Store

    downloads = Store(store.resolve()).cache.downloads
    answer(
        selected(load(recipe), downloads=downloads, rows=rows, shown=show), show_selections, as_json=as_json
    )
