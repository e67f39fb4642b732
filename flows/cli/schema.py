"""`thinkmix schema`: what our JSON files promise, for programs that read them."""

from enum import StrEnum
from typing import Annotated

import typer

from flows.cli.terminal import app, say_json


class Document(StrEnum):
    """A file that other programs may read."""

    REPORT = "report"
    VERSION_REPORT = "version-report"


@app.command(epilog="Example: thinkmix schema report > report.schema.json")
def schema(
    document: Annotated[
        Document,
        typer.Argument(help="report.json of a run's folder (report), or of a version's (version-report)."),
    ],
) -> None:
    """Print the JSON schema of a file, which names the version of its layout."""
    from flows.audit.schema import json_schema
    from schemas.report import Report
    from schemas.run import RunReport

    say_json(json_schema(RunReport if document is Document.REPORT else Report))
