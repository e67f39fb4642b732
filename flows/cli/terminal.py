"""What all commands share: the options they have in common, and how they speak to people and machines."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.console import Console

Found = TypeVar("Found", bound="BaseModel")

app = typer.Typer(
    name="thinkmix",
    help="Build, prove and hand over data mixtures for fine-tuning Qwen3.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a traceback with locals would print tokens and rows
    rich_markup_mode="rich",
    add_completion=False,
)


def _say_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        say(f"thinkmix {version('thinkmix')}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", callback=_say_version, is_eager=True),
    ] = False,
) -> None:
    """Take the options that stand before every command."""


StoreOption = Annotated[
    Path, typer.Option("--store", "-s", help="Folder of the store.", envvar="THINKMIX_STORE", file_okay=False)
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print JSON for machines instead of text for people.")
]
WebhookOption = Annotated[
    str | None,
    typer.Option(
        help="Where to post a message (Slack's JSON) when a build ends; a secret: better set the variable.",
        envvar="THINKMIX_WEBHOOK",
    ),
]
NotifyOption = Annotated[
    str | None,
    typer.Option(
        help="Endings to tell of: published,blocked,failed, or unchanged, too.",
        envvar="THINKMIX_NOTIFY",
        show_default="published,blocked,failed",
    ),
]
VersionArgument = Annotated[
    Path,
    typer.Argument(
        help="A version's folder, or a mixture's folder for its current version.", metavar="VERSION"
    ),
]


def console(*, stderr: bool = False, quiet: bool = False) -> "Console":
    """Return the terminal to write to; a quiet one shows nothing."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, quiet=quiet)


def say(text: str) -> None:
    """Print one line."""
    sys.stdout.write(f"{text}\n")


def say_json(value: object) -> None:
    """Print a value as JSON for machines."""
    import orjson

    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n")


def answer(found: Found, show: "Callable[[Found, Console], None]", *, as_json: bool) -> None:
    """Print what was found: as JSON for machines, or as it is shown to people."""
    if as_json:
        say_json(found.model_dump(mode="json"))
    else:
        show(found, console())
