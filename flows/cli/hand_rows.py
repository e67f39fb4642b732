"""`thinkmix new-rows`: rows that people write by hand."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thinkmix.flows.cli.terminal import JsonOption, app, say, say_json

if TYPE_CHECKING:
    from thinkmix.flows.inspect.hand_rows import HandRows, Kind

LOOK = 3
"""Exit code if a row is not valid."""

_EVERY = 0.5


@app.command("new-rows", epilog="Example: thinkmix new-rows support.csv --kind question --add")
def new_rows(
    file: Annotated[Path, typer.Argument(help="A file of .csv or .jsonl; it is begun if it is not there.")],
    kind: Annotated[
        str | None,
        typer.Option(help="What a row is: question (default), problem, or chat (.jsonl alone)."),
    ] = None,
    add: Annotated[
        bool, typer.Option("--add", help="Ask for one row after the other, and save each that is valid.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Check the file again whenever it is saved, until you stop it.")
    ] = False,
    author: Annotated[str | None, typer.Option(help="Who writes; your user name if unset.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Begin a file of hand-made rows, add rows to it, or say what is wrong with those in it.

    Each row keeps its author and date. A row that was saved is on the disk, and is never rewritten. The file
    is a source like any other: the last lines of the output state it for a recipe.
    """
    from thinkmix.flows.inspect import hand_rows

    known = tuple(hand_rows.FIELDS)
    if kind is not None and kind not in known:
        msg = f"there is no kind {kind!r}; the kinds are {', '.join(known)}"
        raise typer.BadParameter(msg, param_hint="--kind")
    if (add or watch) and as_json:
        msg = "--add and --watch speak to people; leave --json out"
        raise typer.BadParameter(msg)
    stated: Kind = kind or "question"
    if not file.exists():
        hand_rows.begin(file, stated)
        if not as_json:
            fields = ", ".join((*hand_rows.FIELDS[stated], *hand_rows.ABOUT))
            say(f"{file} is there now; a row has {fields}")
    elif file.stat().st_size:
        stated = hand_rows.kind_of_rows(file)
    if add:
        _ask(file, stated, author)
    found = hand_rows.check(file)
    if watch:
        _watch(file)
    elif as_json:
        say_json(found.model_dump(mode="json"))
    else:
        _show(found)
    if found.faults and not watch:
        raise typer.Exit(LOOK)


def _ask(file: Path, kind: "Kind", author: str | None) -> None:
    """Ask for rows until the input ends."""
    from thinkmix.flows.inspect.hand_rows import FIELDS, add
    from thinkmix.flows.runs.approve import user

    say("Write each text; a line with a single dot ends it. Ctrl-D ends the file.")
    saved = 0
    while True:
        row: dict[str, object] = {}
        if kind == "chat":
            if not (turns := list(_turns())):
                break
            row["messages"] = turns
        else:
            for name in FIELDS[kind]:
                if (text := _text(name)) is None:
                    break
                row[name] = text
            if len(row) < len(FIELDS[kind]):
                break
        if fault := add(file, kind, row, author=author or user()):
            say(f"  not saved: {fault.reason}, {fault.meaning} ({fault.says}); write it once more")
        else:
            saved += 1
            say(f"  saved, {saved} so far")
    say(f"{saved} rows added to {file}" if saved != 1 else f"1 row added to {file}")


def _turns() -> Iterator[dict[str, str]]:
    """Yield the turns of a chat, user and assistant in turn, until one is empty."""
    roles, number = ("user", "assistant"), 0
    while text := _text(f"{roles[number % 2]} (empty ends the chat)"):
        yield {"role": roles[number % 2], "content": text}
        number += 1


def _text(name: str) -> str | None:
    """Return a text of several lines; None if the input ends before it does."""
    sys.stdout.write(f"{name}: ")
    sys.stdout.flush()
    lines: list[str] = []
    while line := sys.stdin.readline():
        if line.rstrip("\n") == ".":
            return "\n".join(lines)
        lines.append(line.rstrip("\n"))
    return None


def _watch(file: Path) -> None:
    """Check a file whenever it changes, until this process is stopped."""
    from thinkmix.flows.inspect.hand_rows import check
    from thinkmix.schemas.errors import ThinkmixError

    seen: tuple[float, int] | None = None
    while True:
        try:
            state = file.stat()
            if seen != (seen := (state.st_mtime, state.st_size)):
                _show(check(file))
                sys.stdout.flush()
        except (ThinkmixError, OSError) as error:  # a file that an editor is writing
            say(f"  {error}")
        time.sleep(_EVERY)


def _show(found: "HandRows") -> None:
    good = found.rows - len(found.faults)
    say(f"{found.file}: {found.rows:,} rows, {good:,} valid")
    for one in found.faults:
        say(f"  row {one.row}: {one.reason}, {one.meaning}: {one.says}  [{one.first}]")
    authors = ", ".join(f"{name or 'without an author'} {rows:,}" for name, rows in found.authors.items())
    if authors:
        say(f"  by {authors}")
    say("A source for a recipe (docs/recipes.md):")
    say(found.source)
