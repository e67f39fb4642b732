"""Commands on a published version: is it whole, and may it be trained on."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from thinkmix.flows.cli.terminal import JsonOption, VersionArgument, answer, app, console, say, say_json


@app.command(epilog="Example: thinkmix verify build/store/sample-7-3")
def verify(version: VersionArgument, as_json: JsonOption = False) -> None:
    """Hash every file of a version again and say what is wrong; exit code 5 if anything is."""
    from thinkmix.flows.store.paths import reading
    from thinkmix.flows.store.versions import problems

    with reading(version) as folder:
        found = problems(folder)
    if as_json:
        say_json({"version": folder.name, "problems": found})
    elif found:
        say(f"{folder.name} is damaged:")
        for problem in found:
            say(f"  {problem}")
    else:
        say(f"{folder.name} is whole: every file is what the manifest says")
    if found:
        raise typer.Exit(5)


@app.command(epilog="Example: thinkmix report build/store/sample-7-3 --html audit.html")
def report(
    version: VersionArgument,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html",
            help="Write the whole page into this file: as its newest run told it, or from its facts alone.",
            dir_okay=False,
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 9 if the last run of the mixture made no version.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show how a mixture stands, or a version's audit; exit code 3 if it may not be trained on."""
    from thinkmix.flows.cli.show.show import show_standing, show_version
    from thinkmix.flows.runs.reporting import open_report
    from thinkmix.flows.store.log import FAILED
    from thinkmix.schemas.errors import LAST_RUN_FAILED, Blocked

    with open_report(version) as found:
        if html and found.folder:
            write_page(found.folder, html)
        if as_json:
            say_json(found.facts())
        elif html and found.folder:
            say(f"{found.folder.name}: {html}")
        else:
            if found.standing:
                show_standing(found.standing, console())
            if found.folder and not (found.folder / FAILED).is_file():
                name = f"version {found.folder.name[:12]}" if found.standing else ""
                show_version(found.folder, console(), heading=name)
    if strict and found.standing and found.standing.failed:
        raise typer.Exit(LAST_RUN_FAILED)
    if not found.good:
        raise typer.Exit(Blocked.exit_code)


def write_page(folder: Path, html: Path) -> None:
    """Write the page of a version into a file.

    Raises:
        StoreError: if the file cannot be written there.
    """
    from thinkmix.flows.runs.reporting import page_of
    from thinkmix.schemas.errors import StoreError

    page = page_of(folder)
    try:
        html.write_text(page, encoding="utf-8")
    except OSError as error:
        msg = f"{html} cannot be written: {error.strerror}"
        raise StoreError(msg) from error


@app.command(epilog="Example: thinkmix diff build/store/sample-7-3/3f2a build/store/sample-7-3 --rows 3")
def diff(
    before: Annotated[
        Path,
        typer.Argument(
            help="A version's folder, a mixture's folder for its current version, or a mixture's folder "
            "followed by the first digits of a version: build/store/sample-7-3/3f2a.",
            metavar="BEFORE",
        ),
    ],
    after: Annotated[Path, typer.Argument(help="The later version, named in the same way.", metavar="AFTER")],
    rows: Annotated[int, typer.Option(min=0, help="List so many row ids of each move.")] = 0,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 1 if the versions differ, like git diff.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what differs between two versions: rows, reasons, distributions, settings, and what moved what."""
    from thinkmix.curation.audit.diff import LISTED
    from thinkmix.flows.cli.show.show_changes import show_changes
    from thinkmix.flows.runs.diff import diff as compare_versions
    from thinkmix.flows.runs.diff import find_version
    from thinkmix.flows.store.paths import reading

    with reading(find_version(before)) as older, reading(find_version(after)) as later:
        changes = compare_versions(older, later, listed=rows or LISTED)
    answer(changes, partial(show_changes, rows=rows), as_json=as_json)
    if exit_code and changes.before != changes.after:
        raise typer.Exit(1)


def show_folder(folder: Path, *, as_json: bool, more: Mapping[str, object] | None = None) -> None:
    """Print what a version came to, and where it lies; `more` is added to its JSON."""
    from thinkmix.flows.cli.show.show import show_version, version_facts

    if as_json:
        say_json({**version_facts(folder), **(more or {})})
    else:
        show_version(folder, console())
