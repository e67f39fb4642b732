"""`thinkmix ui`: the workspace in a browser."""

from pathlib import Path
from typing import Annotated

import typer

from thinkmix.flows.cli.terminal import StoreOption, app, say


@app.command(epilog="Example: thinkmix ui --store build/store")
def ui(
    store: StoreOption = Path("build/store"),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for a free one.")] = 0,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Only show: refuse all that changes anything.")
    ] = False,
    files: Annotated[
        list[Path] | None,
        typer.Option(
            "--files", help="Folder whose files may be picked as sources; repeatable.", metavar="DIR"
        ),
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open the browser.")] = True,
) -> None:
    """Look at data, build, judge and train in the browser; stop it with Ctrl-C.

    It listens on 127.0.0.1 only, and the link that it prints holds the key to it. What it started goes on
    when it is stopped.
    """
    from thinkmix.flows.workspace.serve import serve

    serve(store, port=port, read_only=read_only, folders=files or (), opens=browser, told=_told)


def _told(link: str) -> None:
    say(f"The workspace is at {link}")
    say("The link holds the key to it: share it with nobody. Ctrl-C stops it; what it started goes on.")
