"""Commands on single rows: what became of them and why, and what a trainer sees of them."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from thinkmix.flows.cli.terminal import JsonOption, VersionArgument, answer, app, say, say_json

InOption = Annotated[
    Path, typer.Option("--in", help="A version's folder, or a mixture's folder.", metavar="VERSION")
]
_SHOWN = 20


@app.command(epilog="Example: thinkmix explain 3f2a9c --in build/store/sample-7-3")
def explain(
    version: InOption,
    row_id: Annotated[
        str | None, typer.Argument(help="Id of a row or an example; its first digits are enough.")
    ] = None,
    text: Annotated[
        str | None, typer.Option("--text", help="A piece of the row's text, or its whole question.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what happened to a row at every stage and why, beside the rows it was compared with."""
    from thinkmix.flows.cli.show.show_rows import show_explanation
    from thinkmix.flows.inspect.explain import explain as by_id
    from thinkmix.flows.inspect.explain import explain_text
    from thinkmix.flows.store.paths import reading_rows

    if (row_id is None) == (text is None):
        msg = "give the id of a row, or --text with a part of its text"
        raise typer.BadParameter(msg)
    with reading_rows(version) as folder:
        explanation = explain_text(folder, text) if text is not None else by_id(folder, row_id or "")
    answer(explanation, show_explanation, as_json=as_json)


@app.command(epilog="Example: thinkmix show 3f2a9c --in build/store/sample-7-3 --ids")
def show(
    version: InOption,
    row_id: Annotated[
        str | None, typer.Argument(help="Id of a row or an example; its first digits are enough.")
    ] = None,
    flag: Annotated[
        str | None, typer.Option("--flag", help="List the rows that this rule flags.", metavar="RULE")
    ] = None,
    ids: Annotated[bool, typer.Option("--ids", help="Print the token ids, too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show a row as the trainer sees it: the prompt dim, the completion, which carries the loss, bright."""
    from thinkmix.flows.cli.show.show_rows import show_flagged, show_seen
    from thinkmix.flows.inspect.examples import seen
    from thinkmix.flows.inspect.flagged import flagged
    from thinkmix.flows.store.paths import reading_rows

    if flag is not None and row_id is None:
        with reading_rows(version) as folder:
            listed = flagged(folder, flag)
        answer(listed, show_flagged, as_json=as_json)
        return
    if row_id is None or flag is not None:
        msg = "give the id of a row, or --flag with the name of a rule"
        raise typer.BadParameter(msg)
    with reading_rows(version) as folder:
        found = seen(folder, row_id, ids=ids)
    answer(found, show_seen, as_json=as_json)


@app.command(epilog="Example: thinkmix rejects build/store/sample-7-3 --reason near_dup --grep 数学")
def rejects(
    version: VersionArgument,
    reason: Annotated[str | None, typer.Option("--reason", help="Only rows dropped for this reason.")] = None,
    rule: Annotated[str | None, typer.Option("--rule", help="Only rows that this rule dropped.")] = None,
    source: Annotated[str | None, typer.Option("--source", help="Only rows of this source.")] = None,
    grep: Annotated[
        str | None,
        typer.Option("--grep", help="Only rows with this text, in any letter case.", metavar="TEXT"),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", help=f"Most rows: {_SHOWN} unless given, and all with --out.", min=0),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the rows as lines of JSON.", dir_okay=False)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the rows that were left out, with reason and content, and how many there are."""
    from thinkmix.flows.cli.show.show_rows import show_rejects
    from thinkmix.flows.inspect.rejects import export, matching
    from thinkmix.flows.inspect.rejects import rejects as listed
    from thinkmix.flows.store.paths import open_rows

    if rule is not None and reason is not None:
        msg = "give --reason or --rule: a rule's name is the reason of the rows that it drops"
        raise typer.BadParameter(msg)
    folder = open_rows(version)
    if out is not None:
        rows = export(matching(folder, reason=reason, rule=rule, source=source, grep=grep), out, limit=limit)
        if as_json:
            say_json({"version": folder.name, "out": str(out), "rows": rows})
        else:
            say(f"{rows:,} rows in {out}")
        return
    found = listed(
        folder, reason=reason, rule=rule, source=source, grep=grep, limit=_SHOWN if limit is None else limit
    )
    answer(found, partial(show_rejects, grep=grep), as_json=as_json)
