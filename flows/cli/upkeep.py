"""`thinkmix gc` and `thinkmix doctor`: what looks after a store and the machine under it."""

from pathlib import Path
from typing import Annotated

import typer

from thinkmix.flows.cli.terminal import JsonOption, StoreOption, app, say, say_json


@app.command(epilog="Example: thinkmix gc build/store --keep 10 --days 7 --dry-run")
def gc(
    place: Annotated[Path, typer.Argument(help="A store, or a mixture's folder in it.", metavar="STORE")],
    keep: Annotated[
        int, typer.Option(min=1, help="Newest published versions of each mixture that stay.")
    ] = 10,
    days: Annotated[
        float, typer.Option(min=0, max=36500, help="For how long what nobody refers to stays unused.")
    ] = 7.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove old versions, runs, trainings, outputs, token ids and downloads; never one that is in use.

    The current version, approved ones and blocked candidates of the last runs stay, too. Of a mixture's folder
    only that mixture's versions, runs and trainings go; what the cache holds is judged by its use alone.
    """
    from thinkmix.flows.runs.retention import retain
    from thinkmix.flows.store.paths import store_of

    told = retain(*store_of(place), keep=keep, days=days, dry_run=dry_run)
    if as_json:
        say_json(told.model_dump(mode="json"))
    else:
        for version in told.kept:
            say(f"kept    {version.mixture} {version.version[:12]}  {version.why}")
        for removed in told.removed:
            if removed.kind == "version":
                say(f"{'would go' if dry_run else 'removed'} {removed.path}")
        say(told.sentence)
        for sentence in told.failed:
            say(sentence)
    if told.failed:
        raise typer.Exit(5)


@app.command(epilog="Example: thinkmix doctor --store build/store")
def doctor(store: StoreOption = Path("build/store"), as_json: JsonOption = False) -> None:
    """Say whether this machine and the store are fit for builds, and what to do; exit code 1 if not."""
    from thinkmix.flows.cli.doctor import examine
    from thinkmix.flows.store.store import Store
    from thinkmix.schemas.plain import plain

    found = examine(Store(store))
    if as_json:
        say_json([finding.model_dump() for finding in found])
    else:
        colours = {"ok": "green", "warn": "yellow", "fail": "red"}
        for finding in found:
            typer.secho(f"{finding.status:<5}", fg=colours[finding.status], nl=False)
            say(plain(f"{finding.name}: {finding.detail}"))  # a server may have answered anything
            if finding.advice:
                say(plain(f"     → {finding.advice}"))
    if any(finding.status == "fail" for finding in found):
        raise typer.Exit(1)
