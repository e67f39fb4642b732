"""`thinkmix schema`: what our JSON files promise, and what a recipe may say, for programs that read them."""

from enum import StrEnum
from typing import Annotated

import typer

from thinkmix.flows.cli.terminal import app, say_json


class Document(StrEnum):
    """A file that other programs may read, or help to write."""

    REPORT = "report"
    VERSION_REPORT = "version-report"
    RECIPE = "recipe"


@app.command(epilog="Example: thinkmix schema report > report.schema.json")
def schema(
    document: Annotated[
        Document,
        typer.Argument(
            help="report.json of a run's folder (report) or of a version's (version-report), or a recipe."
        ),
    ],
) -> None:
    """Print the JSON schema of a report, with the version of its layout, or of a recipe, for editors."""
    if document is Document.RECIPE:
        from thinkmix.flows.recipe.recipe_schema import recipe_schema

        say_json(recipe_schema())
        return
    from thinkmix.flows.pages.report.schema import json_schema
    from thinkmix.schemas.report import Report
    from thinkmix.schemas.run import RunReport

    say_json(json_schema(RunReport if document is Document.REPORT else Report))
