"""Promotion of a blocked candidate by a person, on record: who, when, why, and against which gates."""

from contextlib import suppress
from datetime import UTC, datetime
from getpass import getuser
from pathlib import Path

from thinkmix.flows.runs.diff import find_version
from thinkmix.flows.runs.history import (
    current_of,
    failed_run,
    history,
    newest_run,
    rejection,
    render_files,
    seen_now,
)
from thinkmix.flows.store.store import Store
from thinkmix.flows.store.versions import problems
from thinkmix.schemas.errors import NotApproved, StoreCorrupt
from thinkmix.schemas.run import Approval, Rollback, RunReport

SHORTEST = 3
"""Letters that a reason has at least."""


def approve(path: Path, *, why: str, by: str | None = None) -> Approval:
    """Make a blocked candidate its mixture's current version and write down who wanted it so.

    The record is on the disk before the version becomes current. The front page is drawn anew if it shows the
    run that was blocked.

    Args:
        path: the candidate's folder, or the mixture's folder followed by the first digits of its name.
        why: for whoever asks later.
        by: who decides; unset means the user of this process.

    Raises:
        NotApproved: if the version is not blocked, or `why` says nothing.
        StoreBusy: if a build of the mixture is running.
        StoreCorrupt: if the candidate is damaged.
        NotFound: if there is no such version.
    """
    why = one_line(why)
    if len(why) < SHORTEST:
        msg = f"--why needs at least {SHORTEST} letters that tell the next reader why"
        raise NotApproved(msg)
    version = find_version(path).resolve()
    if version.parent.name != "versions":
        msg = f"{version} lies in no store; name a version of the mixture that it is a candidate of"
        raise NotApproved(msg)
    mixture, store = version.parents[1].name, Store(version.parents[2])
    with store.lock(mixture):
        rejected = rejection(store, mixture, version.name)
        _check_held(store, mixture, version, rejected)
        told = newest_run(version)
        record = Approval(
            version=version.name,
            by=one_line(by or "") or user(),
            why=why,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            gates=_objections(told) if told else (),
            rolled_back=rejected.at if rejected else None,
        )
        store.log.record_approval(mixture, record.model_dump(mode="json"))
        store.versions.promote(mixture, version)
        show_front(store, mixture)
    return record


def show_front(store: Store, mixture: str) -> None:
    """Draw the front page again: what the last run came to, as things stand now."""
    from thinkmix.flows.pages.report.page import render_failed  # noqa: PLC0415 - imports templates

    past_runs = history(store, mixture)
    if not past_runs:
        return
    last, version = past_runs[-1], store.versions.current(mixture)
    now = current_of(store, version) if version else None
    told = seen_now(store.root / mixture / "versions" / last.version) if last.version else None
    if told and told.started == last.started:
        front = render_files(store, told.model_copy(update={"current": now}))["report.html"]
        store.log.write_front(mixture, front)
    elif failed := failed_run(store, mixture, last):
        store.log.write_front(mixture, render_failed(failed, now).encode())


def _check_held(store: Store, mixture: str, version: Path, rejected: Rollback | None) -> None:
    current = None
    with suppress(StoreCorrupt):  # a CURRENT that names nothing is about to be written
        current = store.versions.current(mixture)
    past_runs = history(store, mixture)
    outcomes = {past.version: past.status for past in past_runs}  # of the newest run of each
    blocked = [str(past.version) for past in past_runs if past.status == "blocked"]
    blocked = [name for name in blocked if name != version.name]
    hint = f"; {blocked[-1][:12]} was blocked last" if blocked else ""
    if current == version:
        msg = f"{version.name[:12]} is the current version of {mixture} already{hint}"
        raise NotApproved(msg)
    if not rejected and (outcome := outcomes.get(version.name)) != "blocked":
        why = f"its last run was {outcome}" if outcome else "no run of the history built it"
        msg = f"{version.name[:12]} is no blocked candidate of {mixture}, {why}{hint}"
        raise NotApproved(msg)
    if found := problems(version):
        msg = f"{version.name[:12]} is damaged and cannot be approved: {'; '.join(found)}"
        raise StoreCorrupt(msg)


def _objections(told: RunReport) -> tuple[str, ...]:
    """Return the gates and checks that failed, each by name and by what it looked at."""
    gates = [f"{gate.gate} {gate.subject}".strip() for gate in told.gates if gate.level == "fail"]
    return (*gates, *(check.name for check in told.report.checks if not check.passed))


def one_line(text: str) -> str:
    """Return words as one line that any file can hold; a shell may hand over bytes that are no UTF-8."""
    return " ".join(text.encode(errors="backslashreplace").decode().split())


def user() -> str:
    """Return the name of whoever runs this process."""
    try:
        return getuser()
    except (KeyError, OSError):  # a container may run as a number that has no name
        return "unknown"
