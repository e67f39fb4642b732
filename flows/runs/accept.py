"""Promotion of a held candidate by a person, on record: who, when, why, and against which gates."""

from contextlib import suppress
from datetime import UTC, datetime
from getpass import getuser
from pathlib import Path

from thinkmix.flows.runs.diff import find_version
from thinkmix.flows.runs.nights import (
    current_of,
    failed_run,
    history,
    newest_run,
    rejection,
    rendered,
    seen_now,
)
from thinkmix.flows.store.store import Store
from thinkmix.flows.store.versions import problems
from thinkmix.schemas.errors import NotAccepted, StoreCorrupt
from thinkmix.schemas.run import Acceptance, Rollback, RunReport

SHORTEST = 3
"""Letters that a reason has at least."""


def accept(path: Path, *, why: str, by: str | None = None) -> Acceptance:
    """Make a held candidate its mixture's current version and write down who wanted it so.

    The record is on the disk before the version becomes current. The front page is drawn again if it shows
    the run that was held.

    Args:
        path: the candidate's folder, or the mixture's folder followed by the first digits of its name.
        why: the reason, kept in the history.
        by: who decides; unset means the user of this process.

    Raises:
        NotAccepted: if the version is not held, or `why` says nothing.
        StoreBusy: if a build of the mixture is running.
        StoreCorrupt: if the candidate is damaged.
        NotFound: if there is no such version.
    """
    why = one_line(why)
    if len(why) < SHORTEST:
        msg = f"--why needs at least {SHORTEST} letters that give the reason"
        raise NotAccepted(msg)
    version = find_version(path).resolve()
    if version.parent.name != "versions":
        msg = f"{version} is not in a store; name a version in the folder of its mixture"
        raise NotAccepted(msg)
    mixture, store = version.parents[1].name, Store(version.parents[2])
    with store.lock(mixture):
        rejected = rejection(store, mixture, version.name)
        _check_held(store, mixture, version, rejected)
        told = newest_run(version)
        record = Acceptance(
            version=version.name,
            by=one_line(by or "") or user(),
            why=why,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            gates=_objections(told) if told else (),
            rolled_back=rejected.at if rejected else None,
        )
        store.log.record_acceptance(mixture, record.model_dump(mode="json"))
        store.versions.promote(mixture, version)
        show_front(store, mixture)
    return record


def show_front(store: Store, mixture: str) -> None:
    """Draw the front page again: what the last run came to, as things stand now."""
    from thinkmix.flows.pages.report.page import render_failed  # noqa: PLC0415 - imports templates

    nights = history(store, mixture)
    if not nights:
        return
    last, version = nights[-1], store.versions.current(mixture)
    now = current_of(store, version) if version else None
    told = seen_now(store.root / mixture / "versions" / last.version) if last.version else None
    if told and told.started == last.started:
        front = rendered(store, told.model_copy(update={"current": now}))["report.html"]
        store.log.write_front(mixture, front)
    elif failed := failed_run(store, mixture, last):
        store.log.write_front(mixture, render_failed(failed, now).encode())


def _check_held(store: Store, mixture: str, version: Path, rejected: Rollback | None) -> None:
    current = None
    with suppress(StoreCorrupt):  # a CURRENT that names nothing is about to be written
        current = store.versions.current(mixture)
    nights = history(store, mixture)
    fates = {night.version: night.status for night in nights}  # of the newest run of each
    held = [str(night.version) for night in nights if night.status == "held"]
    held = [name for name in held if name != version.name]
    hint = f"; {held[-1][:12]} was held last" if held else ""
    if current == version:
        msg = f"{version.name[:12]} is the current version of {mixture} already{hint}"
        raise NotAccepted(msg)
    if not rejected and (fate := fates.get(version.name)) != "held":
        why = f"its last run was {fate}" if fate else "no run of the history built it"
        msg = f"{version.name[:12]} is not a held candidate of {mixture}, {why}{hint}"
        raise NotAccepted(msg)
    if found := problems(version):
        msg = f"{version.name[:12]} is damaged and cannot be accepted: {'; '.join(found)}"
        raise StoreCorrupt(msg)


def _objections(told: RunReport) -> tuple[str, ...]:
    """Return the gates and checks that failed, each by name and by what it looked at."""
    gates = [f"{gate.gate} {gate.subject}".strip() for gate in told.gates if gate.level == "fail"]
    return (*gates, *(check.name for check in told.report.checks if not check.passed))


def one_line(text: str) -> str:
    """Return words as one line that any file can hold; a shell may hand over bytes that are no UTF-8."""
    return " ".join(text.encode(errors="backslashreplace").decode().split())


def user() -> str:
    """Return the name of the user who runs this process."""
    try:
        return getuser()
    except (KeyError, OSError):  # a container may run as a number that has no name
        return "unknown"
