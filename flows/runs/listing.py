"""What a store holds: the versions of its mixtures and the runs of their histories, as lists."""

from pathlib import Path
from typing import Literal

from thinkmix.flows.runs.history import approval, history, judge_version, rejection
from thinkmix.flows.runs.standing import LastRun, last_run
from thinkmix.flows.store.digests import MANIFEST
from thinkmix.flows.store.store import Store
from thinkmix.schemas.record import Record
from thinkmix.schemas.run import PastRun

Standing = Literal["published", "approved", "blocked", "rolled back", "unknown"]


class ListedVersion(Record):
    """One version that lies in a store."""

    mixture: str
    version: str
    """Digest."""
    current: bool
    standing: Standing
    """What its last run, or a person since, made of it; `unknown` if the history does not know it."""
    good: bool
    """Whether it may be trained on."""
    made: str | None
    """When the run began that made it last; UTC, ISO 8601. Unset if the history does not know."""
    examples: int | None
    tokens: int | None
    why: str | None
    """Why it is blocked, who approved it, or who rolled back from it; unset for others."""
    path: str


class ListedRun(Record):
    """One run of a mixture's history."""

    mixture: str
    started: str
    """UTC, ISO 8601."""
    ended: str
    """`published`, `unchanged`, `blocked`, `failed` or `killed`."""
    seconds: float
    version: str | None
    """Digest of what it built; unset if it made no version."""
    read: int
    examples: int
    tokens: int
    dropped: int
    why: str | None
    """Why it failed or its version was blocked; unset for good runs."""


def versions(store: Store, mixture: str | None = None) -> tuple[ListedVersion, ...]:
    """Return the versions of one mixture, or of all of a store, the newest first."""
    names = store.mixtures() if mixture is None else (mixture,)
    return tuple(version for name in names for version in _versions(store, name))


def runs(store: Store, mixture: str | None = None, *, last: int | None = None) -> tuple[ListedRun, ...]:
    """Return the runs of one mixture, or of all of a store, the newest first.

    Args:
        store: where they ran.
        mixture: list the runs of this one only.
        last: how many of each mixture; unset means all.
    """
    names = store.mixtures() if mixture is None else (mixture,)
    return tuple(run for name in names for run in _runs(store, name)[:last])


def _versions(store: Store, mixture: str) -> list[ListedVersion]:
    past_runs = {past.version: past for past in history(store, mixture) if past.status != "unchanged"}
    current = store.versions.current(mixture)
    folders = [path for path in (store.root / mixture / "versions").glob("*") if (path / MANIFEST).is_file()]
    listed = [_version(store, mixture, path, past_runs.get(path.name), current) for path in folders]
    return sorted(listed, key=lambda one: (one.made or "", one.version), reverse=True)


def _version(
    store: Store, mixture: str, path: Path, past: PastRun | None, current: Path | None
) -> ListedVersion:
    rejected, approved = rejection(store, mixture, path.name), approval(store, mixture, path.name)
    standing: Standing = "unknown"
    why = None
    if rejected:
        standing, why = "rolled back", rejected.sentence
    elif approved:
        standing, why = "approved", f"{approved.by} approved it: {approved.why}"
    elif past and past.status in ("published", "blocked"):
        standing, why = ("blocked", past.sentence) if past.status == "blocked" else ("published", None)
    return ListedVersion(
        mixture=mixture,
        version=path.name,
        current=path == current,
        standing=standing,
        good=judge_version(path)[0],
        made=past.started if past else None,
        examples=past.examples if past else None,
        tokens=past.tokens if past else None,
        why=why,
        path=str(path),
    )


def _runs(store: Store, mixture: str) -> list[ListedRun]:
    past_runs = history(store, mixture)
    listed = [_run(mixture, past) for past in reversed(past_runs)]
    last = last_run(store, mixture)
    if last and last.ended == "killed" and last.started not in {past.started for past in past_runs}:
        listed.insert(0, _killed(mixture, last))
    return listed


def _run(mixture: str, past: PastRun) -> ListedRun:
    return ListedRun(
        mixture=mixture,
        ended="killed" if past.error == "killed" else past.status,
        why=past.sentence or past.error,
        **past.model_dump(include={"started", "seconds", "version", "read", "examples", "tokens", "dropped"}),
    )


def _killed(mixture: str, last: LastRun) -> ListedRun:
    """Return a run that was killed and that no later run has written down yet."""
    return ListedRun(
        mixture=mixture, started=last.started, ended="killed", seconds=0, version=None, read=0, examples=0,
        tokens=0, dropped=0, why=last.why,
    )  # fmt: skip
