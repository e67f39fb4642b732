"""What a person types next about a version that is blocked, word for word."""

import shlex
from pathlib import Path
from typing import NamedTuple

from thinkmix.schemas.run import RunReport


class Command(NamedTuple):
    """A command, and what it is for."""

    purpose: str
    line: str


def next_commands(run: RunReport, place: Path | None) -> tuple[Command, ...]:
    """Return the commands that approve a blocked version, compare it, and show the page of the current one.

    Args:
        run: what the version came to; nothing is returned unless it waits for a person.
        place: the mixture's folder; unset where it is not known, which the commands then say.
    """
    if run.status != "blocked" or run.approval:
        return ()
    folder = place or Path("STORE", run.report.mixture)
    mine = _quoted(folder / run.candidate[:12])
    found = [Command("Approve it", f'thinkmix approve {mine} --why "…"')]
    old = run.current.version if run.current else run.baseline
    if old and old != run.candidate:
        lines = f"thinkmix diff {_quoted(folder / old[:12])} {mine}"
        page = f"thinkmix report {_quoted(folder / 'versions' / old)} --html current.html"
        found += [Command("Compare it with the current version", lines)]
        found += [Command("See the page of the current version", page)]
    return tuple(found)


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
