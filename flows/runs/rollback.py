"""Return to an earlier good version by a person, on record: who, when, why, and from which version."""

from datetime import UTC, datetime
from pathlib import Path

import orjson
from pydantic import ValidationError

from thinkmix.flows.runs.approve import SHORTEST, one_line, show_front, user
from thinkmix.flows.runs.diff import find_version
from thinkmix.flows.runs.history import judge_version, rejection
from thinkmix.flows.store.digests import MANIFEST
from thinkmix.flows.store.store import Store
from thinkmix.flows.store.versions import problems
from thinkmix.schemas.errors import NotFound, NotRolledBack, StoreCorrupt
from thinkmix.schemas.manifest import Manifest
from thinkmix.schemas.run import Rollback


def rollback(mixture: Path, version: str, *, why: str, by: str | None = None) -> Rollback:
    """Make an earlier good version of a mixture current again and write down who wanted it so.

    The record is on the disk before the version becomes current. A run that builds the version that was
    current until now, or the same rows again, is blocked from then on, until a person approves it.

    Args:
        mixture: the mixture's folder in its store.
        version: the first digits of the version, or all.
        why: kept on record.
        by: who decides; unset means the user of this process.

    Raises:
        NotRolledBack: if the version is not good, is current already, or `why` says nothing.
        StoreBusy: if a build of the mixture is running.
        StoreCorrupt: if the version is damaged.
        NotFound: if there is no such version or mixture.
    """
    why = one_line(why)
    if len(why) < SHORTEST:
        msg = f"--why needs at least {SHORTEST} letters that tell the next reader why"
        raise NotRolledBack(msg)
    mixture = mixture.resolve()
    store, name = Store(mixture.parent), mixture.name
    if name not in store.mixtures():
        msg = f"{mixture} is not the folder of a mixture"
        raise NotFound(msg)
    with store.lock(name):
        target, current = find_version(mixture / version).resolve(), store.versions.current(name)
        if current is None:
            msg = f"no version of {name} is current, so there is none to roll back from"
            raise NotRolledBack(msg)
        _check(store, name, target, current)
        record = Rollback(
            version=target.name,
            rejected=current.name,
            rejected_content=_content(current, target),
            by=one_line(by or "") or user(),
            why=why,
            at=datetime.now(UTC).isoformat(timespec="microseconds"),
        )
        store.log.record_rollback(name, record.model_dump(mode="json"))
        store.versions.promote(name, target)
        show_front(store, name)
    return record


def _check(store: Store, mixture: str, target: Path, current: Path) -> None:
    short = target.name[:12]
    if target.parent.parent != current.parent.parent:
        msg = f"{target} is not a version of {mixture}"
        raise NotRolledBack(msg)
    if target == current:
        msg = f"{short} is the current version of {mixture} already"
        raise NotRolledBack(msg)
    if found := problems(target):
        msg = f"{short} is damaged and cannot become current: {'; '.join(found)}"
        raise StoreCorrupt(msg)
    good, why = judge_version(target)
    if not good:
        rejected = rejection(store, mixture, target.name)
        advice = "it was rolled back from" if rejected else "it may not be trained on"
        approving = f'; who wants it all the same runs `thinkmix approve {target} --why "…"`'
        msg = f"{short} is no good version, {advice}: {why}{approving}"
        raise NotRolledBack(msg)


def _content(current: Path, target: Path) -> str | None:
    """Return the digest of the rows of the version that was current, if those of the other differ."""
    mine, other = (_rows_of(version) for version in (current, target))
    return mine if mine != other else None


def _rows_of(version: Path) -> str | None:
    try:
        return Manifest.model_validate(orjson.loads((version / MANIFEST).read_bytes())).content_sha256
    except (OSError, ValueError, ValidationError):
        return None
