"""The build that is under way: a note that outlives it if it is killed, for the next one to settle."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from pydantic import ValidationError

from thinkmix.flows.store.store import Store
from thinkmix.flows.system.processes import boot, born
from thinkmix.schemas.record import Record
from thinkmix.schemas.run import PastRun


class Running(Record):
    """What `running.json` says: which process builds, and which run of the scheduler that is."""

    mixture: str
    started: str
    """UTC, ISO 8601, as the history will state it."""
    pid: int
    boot: str
    """Id of the machine's boot; empty where the system has none."""
    born: str
    """When the process began, in the kernel's ticks since boot: pids are used again."""
    flow_run: str | None
    """Id of the scheduler's run; unset for a build without one."""

    def alive(self) -> bool:
        """Return whether the process that was noted still runs on this machine."""
        return bool(self.born) and (self.boot, self.born) == (boot(), born(self.pid))


def _nobody(left: Running, known: bool) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Scheduled:
    """The scheduler's run that a build is part of, and how killed ones are made known."""

    flow_run: str | None = None
    killed: Callable[[Running, bool], None] = _nobody
    """Called with a build that was killed, and whether the history had known how it ended."""


UNSCHEDULED = Scheduled()


@contextmanager
def note_build(store: Store, mixture: str, started: str, scheduled: Scheduled) -> Iterator[None]:
    """Settle what a killed build left, then keep a note of this one for as long as it runs.

    The mixture's lock must be held.
    """
    record_killed(store, mixture, scheduled)
    pid = os.getpid()
    note = Running(
        mixture=mixture,
        started=started,
        pid=pid,
        boot=boot(),
        born=born(pid),
        flow_run=scheduled.flow_run,
    )
    store.log.note_running(mixture, note.model_dump())
    try:
        yield
    finally:
        with suppress(OSError):  # must not hide how the build ended; the next one settles the note
            store.log.note_running(mixture, None)


def record_killed(store: Store, mixture: str, scheduled: Scheduled) -> None:
    """Give a build that was killed its line in the history, and its end in the scheduler.

    The mixture's lock must be held: it dies with its holder, so the noted process no longer holds it. Only a
    process that could not remove its note at the end of a build may still live, and is left alone. A run
    that the scheduler starts over keeps its id, and is the living one.
    """
    content = store.log.noted_running(mixture)
    if content is None:
        return
    try:
        left = Running.model_validate_json(content)
    except ValidationError:
        return
    if left.alive():
        return
    known = any(line.get("started") == left.started for line in store.log.runs(mixture))
    if not known:
        line = PastRun(started=left.started, status="failed", seconds=0, version=None, error="killed")
        store.log.record_run(mixture, line.model_dump(mode="json"))
    if left.flow_run is None or left.flow_run != scheduled.flow_run:
        scheduled.killed(left, known)
    store.log.note_running(mixture, None)
