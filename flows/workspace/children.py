"""Commands that the workspace started: each a process of its own, known by what it left in its folder.

STORE/.workspace/runs/<id>/about.json    the command, when it began, and which process it is
STORE/.workspace/runs/<id>/events.jsonl  its progress, a line an event
STORE/.workspace/runs/<id>/log.txt       what it printed
STORE/.workspace/runs/<id>/ended.json    how it ended; absent while it runs, and if it was killed
"""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from thinkmix.flows.store.atomic import make_folder, remove, write_atomically
from thinkmix.flows.store.disk_errors import full_disk
from thinkmix.flows.system.processes import boot, born
from thinkmix.schemas.errors import NotFound
from thinkmix.schemas.record import Record

Status = Literal["running", "done", "failed", "stopped", "killed"]

KEPT = 100
"""Folders of runs that are over and stay; older ones go when another run begins."""

_POINTS = 400
"""Points of a curve."""

_LOG = 200_000
"""Most bytes of a log that a page shows, from its end."""

_STOPPED = (128 + signal.SIGINT, 128 + signal.SIGTERM, 128 + signal.SIGHUP)


class About(Record):
    """What was started."""

    kind: str
    """`build`, `train` or another command."""
    title: str
    """Of what, for people."""
    command: tuple[str, ...]
    """As a person types it, without `thinkmix`."""
    began: str
    """UTC, ISO 8601."""
    pid: int
    boot: str
    born: str
    """Which process it is: pids are used again."""
    after: str = "/"
    """Address of the page that shows what it made."""


class Step(Record):
    """How far a stage is."""

    stage: str
    source: str
    done: int
    total: int | None
    unit: str
    rate: float | None
    """Units per second, of late."""
    left: float | None
    """Seconds until the stage is done, at that rate."""


class Point(Record):
    """A loss after a step."""

    step: int
    loss: float


class Child(Record):
    """A command that was started, and what became of it."""

    id: str
    about: About
    status: Status
    exit_code: int | None
    seconds: float
    steps: tuple[Step, ...]
    notes: tuple[str, ...]
    losses: tuple[Point, ...]
    """Of each step of a training, or of some of them."""
    heldout: tuple[Point, ...]
    """Each measurement on held-out rows."""
    log: str


def start(root: Path, command: Sequence[str], *, kind: str, title: str, after: str = "/") -> str:
    """Start a command, and return the id by which it is found.

    Args:
        root: the store.
        command: as a person types it, without `thinkmix`.
        kind: what it does, in a word.
        title: of what.
        after: address of the page that shows what it makes.

    Raises:
        StoreError: if the store cannot be written.
    """
    folder = root / ".workspace" / "runs" / f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
    with full_disk(root):
        make_folder(folder)
        with (folder / "log.txt").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "thinkmix.flows.cli.noted", str(folder), *command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                env={**os.environ, "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "120"},
            )  # fmt: skip
        about = About(
            kind=kind,
            title=title,
            command=tuple(command),
            began=datetime.now(UTC).isoformat(timespec="seconds"),
            pid=process.pid,
            boot=boot(),
            born=born(process.pid),
            after=after,
        )
        write_atomically(folder / "about.json", about.model_dump_json().encode())
    _WAITED.append(process)
    _sweep(folder.parent)
    return folder.name


_WAITED: list["subprocess.Popen[bytes]"] = []
"""Children of this process: polled, so that none stays a zombie that looks alive."""


def children(root: Path) -> tuple[str, ...]:
    """Return the ids of all that were started and are still known, the newest first."""
    folder = root / ".workspace" / "runs"
    known = (
        (path.name for path in folder.iterdir() if (path / "about.json").is_file()) if folder.is_dir() else ()
    )
    return tuple(sorted(known, reverse=True))


def child(root: Path, name: str) -> Child:
    """Return what became of a command, and how far it is.

    Raises:
        NotFound: if none of this id is known.
    """
    if name not in children(root):
        msg = f"no run {name!r} is known; runs that are long over are forgotten"
        raise NotFound(msg)
    folder = root / ".workspace" / "runs" / name
    try:
        about = About.model_validate_json((folder / "about.json").read_bytes())
    except (OSError, ValidationError):
        msg = f"run {name!r} cannot be read any more"
        raise NotFound(msg) from None
    status, code, ended = _ended(folder, about)
    seen = _events(folder / "events.jsonl")
    began = datetime.fromisoformat(about.began).timestamp()
    return Child(
        id=name,
        about=about,
        status=status,
        exit_code=code,
        seconds=max(0.0, (ended or time.time()) - began),
        **seen,
        log=_tail(folder / "log.txt"),
    )


def running(root: Path, kind: str = "") -> tuple[Child, ...]:
    """Return the commands that run now."""
    found = (child(root, name) for name in children(root)[:KEPT])
    return tuple(one for one in found if one.status == "running" and kind in ("", one.about.kind))


def stop(root: Path, name: str) -> None:
    """Ask a command to end; what it published before stays.

    Raises:
        NotFound: if it is not known, or runs no more.
    """
    found = child(root, name)
    if found.status != "running":
        msg = f"run {name!r} is over"
        raise NotFound(msg)
    with suppress(ProcessLookupError):
        os.kill(found.about.pid, signal.SIGTERM)


def _ended(folder: Path, about: About) -> tuple[Status, int | None, float | None]:
    """Return what became of a command, its exit code, and when it ended."""
    for process in _WAITED[:]:
        if process.poll() is not None:
            _WAITED.remove(process)
    with suppress(OSError, ValueError, KeyError, TypeError):
        told = json.loads((folder / "ended.json").read_bytes())
        code = int(told["exit_code"])
        status: Status = "done" if code == 0 else "stopped" if code in _STOPPED else "failed"
        return status, code, float(told["at"])
    if about.born and (about.boot, about.born) == (boot(), born(about.pid)):
        return "running", None, None
    with suppress(OSError):
        return "killed", None, (folder / "log.txt").stat().st_mtime
    return "killed", None, None


def _events(path: Path) -> dict[str, Any]:
    """Return how far each stage is, in the order in which they began, the notes, and the losses."""
    losses: list[Point] = []
    heldout: list[Point] = []
    seen: dict[tuple[str, str], list[tuple[float, int]]] = {}
    last: dict[tuple[str, str], dict[str, object]] = {}
    notes: list[str] = []
    with suppress(OSError):
        for line in path.read_bytes().splitlines():
            try:
                event = json.loads(line)
                if "heldout" in event:
                    heldout.append(Point(step=event["step"], loss=event["heldout"]))
                    continue
                if "loss" in event:
                    losses.append(Point(step=event["step"], loss=event["loss"]))
                key = str(event["stage"]), str(event["source"])
                if event["note"]:
                    notes.append(str(event["note"]))
                    continue
                seen.setdefault(key, []).append((float(event["at"]), int(event["done"])))
                last[key] = event
            except (ValueError, KeyError, TypeError):  # ValidationError is a ValueError
                continue  # a line that is being written
    return {
        "steps": tuple(_step(last[key], seen[key]) for key in last),
        "notes": tuple(notes[-50:]),
        "losses": tuple(losses[:: max(1, len(losses) // _POINTS)]),
        "heldout": tuple(heldout),
    }


def _step(event: dict[str, object], seen: Sequence[tuple[float, int]]) -> Step:
    recent = [point for point in seen if point[0] >= seen[-1][0] - 10]
    spent, moved = recent[-1][0] - recent[0][0], recent[-1][1] - recent[0][1]
    rate = moved / spent if spent > 0 and moved > 0 else None
    total, done = event["total"], event["done"]
    assert isinstance(done, int)
    left = (total - done) / rate if rate and isinstance(total, int) and total > done else None
    return Step.model_validate(
        {name: event[name] for name in ("stage", "source", "done", "total", "unit")}
        | {"rate": rate, "left": left}
    )


def _tail(path: Path) -> str:
    """Return the end of a log as text that a page can show."""
    with suppress(OSError), path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _LOG))
        return file.read().decode("utf-8", errors="replace")
    return ""


def _sweep(folder: Path) -> None:
    """Remove the folders of the oldest runs that are over."""
    for old in sorted(path for path in folder.iterdir() if (path / "ended.json").is_file())[:-KEPT]:
        remove(old)
