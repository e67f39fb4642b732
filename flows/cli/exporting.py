"""`thinkmix export`: a version in the form that another trainer reads."""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperCommand

from thinkmix.flows.cli.terminal import JsonOption, VersionArgument, app, console, say_json


class _ExportCommand(TyperCommand):
    """A command whose help names the exporters, which are imported only when it is asked for."""

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401 - typer's own click, which it keeps to itself
        """Return the parameters, `--to` and `--option` with what there is to choose from."""
        from thinkmix.curation.export import known

        params: list[Any] = super().get_params(ctx)
        helps = {
            "to": "How to write it. "
            + " ".join(f"{kind.name}: {kind.sentence()}" for kind in known.EXPORTERS),
            "option": "An option of the exporter, which may be given several times. "
            + " ".join(f"{kind.name}: {', '.join(kind.model_fields) or 'none'}." for kind in known.EXPORTERS),
        }
        for param in params:
            if param.name in helps:
                param.help = helps[param.name]
        return params


def _list_exporters(wanted: bool) -> None:
    if wanted:
        from thinkmix.curation.export.known import table

        sys.stdout.write(table())
        raise typer.Exit


@app.command(
    cls=_ExportCommand,
    epilog="Example: thinkmix export build/store/sample-7-3 --to messages --output build/messages",
)
def export(
    version: VersionArgument,
    to: Annotated[str, typer.Option("--to", metavar="NAME", show_default=False)],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="New folder for the files.", file_okay=False)
    ],
    split: Annotated[
        Literal["train", "eval", "both"], typer.Option(help="Which rows of the version.")
    ] = "both",
    option: Annotated[list[str] | None, typer.Option("--option", metavar="NAME=VALUE")] = None,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Compare the ids and labels that the trainer reads with those that `thinkmix train` reads; "
            "of an export that is there already, nothing is written.",
        ),
    ] = False,
    list_exporters: Annotated[
        bool,
        typer.Option(
            "--list",
            help="Print the exporters with their options as markdown.",
            callback=_list_exporters,
            is_eager=True,
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a version in the form that another trainer reads, check it, and print the command that trains.

    A column that the form cannot hold is named, and so is what that trainer does in another way. With
    --verify the command ends with 3 if a row differs.
    """
    from thinkmix.curation.export.record import MANIFEST
    from thinkmix.flows.cli.show.events import bars
    from thinkmix.flows.cli.show.show_export import show_export
    from thinkmix.flows.system.progress import silent
    from thinkmix.flows.training.export import export as write
    from thinkmix.flows.training.export import exporter
    from thinkmix.flows.training.export_identity import read_manifest, refuse_unreadable, verify_export
    from thinkmix.schemas.errors import Blocked
    from thinkmix.schemas.manifest import SPLITS

    chosen = exporter(to, _options(option or ()))
    folder = output.resolve()
    if verify:
        refuse_unreadable(chosen)
    if verify and (folder / MANIFEST).exists():
        told = read_manifest(folder)
    else:
        watched = console(stderr=True)
        with bars(watched) as notify:
            told = write(
                version,
                to=chosen,
                output=output,
                splits=SPLITS if split == "both" else (split,),
                notify=notify if watched.is_terminal else silent,
            )
    identities = verify_export(version, folder, to=chosen) if verify else ()
    command = chosen.command(folder, told.splits) if set(chosen.splits[:1]) & set(told.splits) else None
    if as_json:
        proof = {"verified": [one.model_dump(mode="json") for one in identities]} if verify else {}
        say_json({**told.model_dump(mode="json"), "output": str(folder), "command": command, **proof})
    else:
        show_export(told, folder, command, identities, console())
    if not all(one.whole for one in identities):
        raise typer.Exit(Blocked.exit_code)


def _options(stated: "list[str] | tuple[str, ...]") -> dict[str, str]:
    """Return the options of an exporter as they were typed.

    Raises:
        RecipeError: for one without a value, or that is given twice.
    """
    from thinkmix.schemas.errors import RecipeError

    found: dict[str, str] = {}
    for word in stated:
        name, equals, value = word.partition("=")
        if not equals or name in found:
            msg = f"--option {word}: {'given twice' if equals else 'not NAME=VALUE'}"
            raise RecipeError(msg)
        found[name] = value
    return found
