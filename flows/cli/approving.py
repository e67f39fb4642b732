"""`thinkmix approve` and `thinkmix rollback`: a person promotes what is blocked, or returns to what was good."""

from pathlib import Path
from typing import Annotated

import typer

from thinkmix.flows.cli.terminal import JsonOption, StoreOption, app, say, say_json


@app.command(epilog='Example: thinkmix approve build/store/math-7-3/3f2a9c --why "upstream dropped French"')
def approve(
    version: Annotated[
        Path,
        typer.Argument(
            help="The candidate's folder, or the mixture's folder followed by the first digits of its name.",
            metavar="VERSION",
        ),
    ],
    why: Annotated[str, typer.Option(help="Why it is good all the same; kept for whoever asks later.")],
    by: Annotated[str | None, typer.Option(help="Who decides; your user name if unset.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a version that a gate has blocked the current one, and record who wanted it and why."""
    from thinkmix.flows.runs.approve import approve as promote

    record = promote(version, why=why, by=by)
    if as_json:
        say_json(record.model_dump(mode="json"))
    else:
        blocked = f", blocked by {', '.join(record.gates)}" if record.gates else ""
        say(f"{record.version} is current now{blocked}")


@app.command(epilog='Example: thinkmix rollback sample-7-3 3f2a9c --store build/store --why "loss went up"')
def rollback(
    mixture: Annotated[
        Path, typer.Argument(help="The mixture's name in the store, or its folder.", metavar="MIXTURE")
    ],
    version: Annotated[str, typer.Argument(help="First digits of an earlier good version.")],
    why: Annotated[str, typer.Option(help="Why the current version is not good; kept on record.")],
    store: StoreOption = Path("build/store"),
    by: Annotated[str | None, typer.Option(help="Who decides; your user name if unset.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Make an earlier good version current again, and hold the one that was until a person approves it."""
    from thinkmix.flows.runs.rollback import rollback as return_to

    folder = store / mixture if len(mixture.parts) == 1 and not (mixture / "versions").is_dir() else mixture
    record = return_to(folder, version, why=why, by=by)
    if as_json:
        say_json(record.model_dump(mode="json"))
    else:
        say(
            f"{record.version} is current again; {record.rejected[:12]} is blocked until a person approves it"
        )
