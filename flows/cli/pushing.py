"""`thinkmix push`: a version to a hub."""

from typing import Annotated

import typer

from thinkmix.flows.cli.terminal import JsonOption, VersionArgument, app, console, say, say_json


@app.command(epilog="Example: thinkmix push build/store/math-7-3 --to hub:my-org/math-7-3")
def push(
    version: VersionArgument,
    to: Annotated[str, typer.Option("--to", help="Where to: hub:ORGANISATION/NAME.", show_default=False)],
    public: Annotated[
        bool, typer.Option("--public", help="Let everyone see it; a new dataset is private without it.")
    ] = False,
    message: Annotated[str, typer.Option(help="Message of the commit.", show_default="the version")] = "",
    as_json: JsonOption = False,
) -> None:
    """Push a version to a Hugging Face Hub (HF_ENDPOINT, HF_TOKEN), and compare what it holds afterwards.

    It is refused where a source's licence lets no changed copy be passed on. One that broke off goes on when
    it is run again.
    """
    from thinkmix.flows.cli.show.events import bars
    from thinkmix.flows.system.progress import noting, silent
    from thinkmix.flows.training.push import push as send

    watched = console(stderr=True)
    with bars(watched) as drawn:
        notify = noting(drawn if watched.is_terminal and not as_json else silent)
        found = send(version, to, public=public, message=message, notify=notify)
    if as_json:
        say_json(found.model_dump(mode="json"))
        return
    for warning in found.warnings:
        say(f"! {warning}")
    what = f"{found.new} of {found.files} files are new" if found.new else "it was there already"
    seen = "public" if found.public else "private"
    say(f"{found.version[:12]}: {found.rows:,} rows in {found.repo} ({seen})")
    say(f"{what}; commit {found.commit}")
    say(found.url)
