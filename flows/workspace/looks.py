"""Looks at a recipe's first rows: `thinkmix check` in a process of its own, kept by what the recipe says.

STORE/.workspace/looks/<sha256>.json holds what it printed; while it runs, `<sha256>.part` is there.
"""

import os
import subprocess
import sys
import time
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from pydantic import ValidationError

from thinkmix.flows.inspect.checking import Check
from thinkmix.flows.store.atomic import make_folder, remove
from thinkmix.flows.store.disk_errors import full_disk

SHOWN = 10
"""Examples of each source that are shown as they are trained."""

_PATIENCE = 600.0
"""Seconds after which a look that has not ended is taken for dead."""

_KEPT = 50


class Look(NamedTuple):
    """What is known of a recipe's first rows."""

    check: Check | None
    trouble: str
    """Why nothing can be said, in a sentence."""
    pending: bool


_STARTED: list["subprocess.Popen[bytes]"] = []
"""Looks that this process began: polled, so that none stays a zombie."""


def look(root: Path, recipe: Path) -> Look:
    """Return what the rows of a recipe look like; the first time it is asked, looking begins.

    Args:
        root: the store.
        recipe: the file.
    """
    folder = root / ".workspace" / "looks"
    seen = folder / f"{sha256(recipe.read_bytes() + bytes(recipe)).hexdigest()}.json"
    if seen.is_file():
        return _read(seen)
    part = seen.with_suffix(".part")
    with suppress(OSError):
        if time.time() - part.stat().st_mtime < _PATIENCE:
            return Look(None, "", pending=True)
    with full_disk(root):
        make_folder(folder)
        _start(recipe, root, part, seen)
    return Look(None, "", pending=True)


def forget(root: Path) -> None:
    """Look again next time, because files may have changed."""
    for old in (root / ".workspace" / "looks").glob("*.json"):
        remove(old)


_RUNNER = (
    "import os, subprocess, sys\n"
    "part, seen, *command = sys.argv[1:]\n"
    "with open(part, 'wb') as out: subprocess.run(command, stdout=out, stderr=subprocess.DEVNULL)\n"
    "os.replace(part, seen)\n"
)
"""Writes what a command prints where it is looked for, as soon as all of it is there."""


def _start(recipe: Path, root: Path, part: Path, seen: Path) -> None:
    part.touch()
    for old in sorted(part.parent.glob("*.json"), key=lambda path: path.stat().st_mtime)[:-_KEPT]:
        remove(old)
    main = "from thinkmix.flows.cli import main; main()"
    command = [sys.executable, "-c", main, "check", str(recipe), "--store", str(root), "--json"]
    _STARTED[:] = [one for one in _STARTED if one.poll() is None]
    started = subprocess.Popen(
        [sys.executable, "-c", _RUNNER, str(part), str(seen), *command, "--examples", str(SHOWN)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=dict(os.environ),
    )
    _STARTED.append(started)


def _read(seen: Path) -> Look:
    try:
        told: Any = orjson.loads(seen.read_bytes())
        if "error" in told:
            return Look(None, str(told["message"]), pending=False)
        return Look(Check.model_validate(told), "", pending=False)
    except (OSError, ValueError, ValidationError):
        return Look(
            None, "looking at the rows ended without a word; `thinkmix check` says why", pending=False
        )
