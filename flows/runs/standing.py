"""How a mixture stands: what its last run came to, and whether its current version may be trained on."""

from contextlib import suppress
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from thinkmix.flows.pages.verdict import Verdict, verdict, verdict_of_failed
from thinkmix.flows.runs.again import run_of
from thinkmix.flows.runs.history import current_of, folder_of, history, judge_version, seen_now
from thinkmix.flows.runs.running import Running
from thinkmix.flows.store.digests import MANIFEST
from thinkmix.flows.store.store import Store
from thinkmix.schemas.errors import StoreCorrupt
from thinkmix.schemas.record import Record
from thinkmix.schemas.run import Current, PastRun

Ended = Literal["published", "unchanged", "blocked", "failed", "killed"]


class LastRun(Record):
    """How the last run of a mixture ended."""

    ended: Ended
    started: str
    """UTC, ISO 8601."""
    seconds: float
    version: str | None
    """Digest of what it built; unset if it made no version."""
    error: str | None
    """Code word of the error that ended it."""
    why: str | None
    """Why it failed or its version is blocked."""
    folder: str | None
    """Where its report lies; unset if it is gone."""


class Said(Record):
    """The verdict, as page and terminal print it."""

    colour: Literal["good", "warn", "bad"]
    headline: str
    sentence: str


class Standing(Record):
    """All of it, for people and machines."""

    mixture: str
    verdict: Said
    last_run: LastRun | None
    """Unset if the history knows none."""
    current: Current | None
    """Unset if there is none."""

    @property
    def good(self) -> bool:
        """Return whether there is a current version that may be trained on."""
        return self.current is not None and self.current.good

    @property
    def failed(self) -> bool:
        """Return whether the last run made no version."""
        return self.last_run is not None and self.last_run.ended in ("failed", "killed")


def standing(store: Store, mixture: str) -> Standing:
    """Return how a mixture stands.

    Raises:
        StoreCorrupt: if CURRENT names no version, or one that is not there.
    """
    now, last = current(store, mixture), last_run(store, mixture)
    return Standing(mixture=mixture, verdict=_verdict(store, mixture, last, now), last_run=last, current=now)


def of_version(version: Path) -> tuple[Said, bool]:
    """Return the verdict on one version, by its newest run or else its checks, and whether it is good."""
    told = seen_now(version) or run_of(version)
    return _said(verdict(told)), judge_version(version)[0]


def current(store: Store, mixture: str) -> Current | None:
    """Return the current version and whether it may be trained on; None if there is none.

    Raises:
        StoreCorrupt: if CURRENT names no version, or one that is not there.
    """
    version = store.versions.current(mixture)
    if version is None:
        return None
    if not (version / MANIFEST).is_file():
        msg = f"{store.root / mixture / 'CURRENT'} points to {version.name}, which is not there"
        raise StoreCorrupt(msg)
    return current_of(store, version)


def last_run(store: Store, mixture: str) -> LastRun | None:
    """Return how the last run ended, one that was killed included; None if none is known."""
    past_runs = history(store, mixture)
    killed = _killed(store, mixture)
    if killed and killed not in {past.started for past in past_runs}:
        sentence = "its process was killed; what was published before is untouched"
        return LastRun(
            ended="killed", started=killed, seconds=0, version=None, error="killed", why=sentence, folder=None
        )
    return _last(store, mixture, past_runs[-1]) if past_runs else None


def _last(store: Store, mixture: str, past: PastRun) -> LastRun:
    folder = folder_of(store, mixture, past)
    return LastRun(
        ended="killed" if past.error == "killed" else past.status,
        started=past.started,
        seconds=past.seconds,
        version=past.version,
        error=past.error,
        why=past.sentence or ("its process was killed" if past.error == "killed" else past.error),
        folder=str(folder) if folder else None,
    )


def _killed(store: Store, mixture: str) -> str | None:
    """Return when the build began that left its note and holds the lock no more."""
    content = store.log.noted_running(mixture)
    if content is None or store.building_since(mixture) is not None:
        return None
    with suppress(ValidationError):
        note = Running.model_validate_json(content)
        return None if note.alive() else note.started
    return None


def _verdict(store: Store, mixture: str, last: LastRun | None, now: Current | None) -> Said:
    """Return the verdict that the front page shows."""
    if last and last.ended in ("failed", "killed"):
        return _said(verdict_of_failed(last.why or "", now, killed=last.ended == "killed"))
    name = last.version if last else now.version if now else None
    if name and (told := seen_now(store.root / mixture / "versions" / name)):
        return _said(verdict(told))
    if now is None:
        return Said(colour="bad", headline="There is no current version.", sentence="No run published one.")
    headline = "The current version may be trained on." if now.good else "Do not train on this version."
    return Said(colour="good" if now.good else "bad", headline=headline, sentence=now.why)


def _said(found: Verdict) -> Said:
    return Said(colour=found.colour, headline=found.headline, sentence=found.sentence)
