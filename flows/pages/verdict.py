"""The verdict of a run in words, and everything that was judged for it, worst first."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from thinkmix.curation.gates.results import count_of
from thinkmix.schemas.gates import Level
from thinkmix.schemas.run import Current, PastRun, RunReport

WORST_FIRST: Mapping[Level, int] = {"fail": 0, "warn": 1, "pass": 2}


@dataclass(frozen=True)
class Signal:
    """One check or gate as a person reads it."""

    level: Level
    name: str
    """What was judged, in a few words."""
    sentence: str


@dataclass(frozen=True)
class Verdict:
    """What a person does with the version."""

    colour: Literal["good", "warn", "bad"]
    headline: str
    short: str
    """The headline in a few words, for the title of a window and the first line of a message."""
    sentence: str
    """Why, and what is current now."""


def signals(run: RunReport) -> tuple[Signal, ...]:
    """Return all checks and gates, the failed ones first, then those to look at, then the rest."""
    checks = [
        Signal("pass" if check.passed else "fail", check.name, check.detail) for check in run.report.checks
    ]
    gates = [
        Signal(gate.level, f"{name}, {gate.subject}" if gate.subject else name, gate.sentence)
        for gate in run.gates
        for name in [gate.gate.replace("_", " ")]
    ]
    return tuple(sorted([*checks, *gates], key=lambda signal: WORST_FIRST[signal.level]))


def verdict(run: RunReport) -> Verdict:
    """Return whether a version may be trained on, and why.

    A version that something speaks against is never called good, whatever the status says, unless a person
    has approved it.
    """
    failed = sum(signal.level == "fail" for signal in signals(run))
    looked = len(run.warnings)
    before = f"Version {run.baseline[:12]} stays current." if run.baseline else "No version is current yet."
    before = standing_of(run.current) if run.current else before
    if run.rollback and not run.good:
        done = run.rollback
        when = moment(done.at.partition(".")[0] + "+00:00")
        sentence = f"{done.by} rolled back from it on {when}: {done.why}. {before}"
        return Verdict("bad", "Do not train on this version.", "do not train on this", sentence)
    if not run.good:
        why = f"{count_of(failed, 'check')} of {len(signals(run))} failed."
        sentence = f"{why} {before}" if run.status == "blocked" else why
        return Verdict("bad", "Do not train on this version.", "do not train on this", sentence)
    if run.status == "blocked":
        sentence = f"It waits for a person to approve it. {before}"
        return Verdict("bad", "Do not train on this version.", "do not train on this", sentence)
    headline, short = "This version may be trained on.", "may be trained on"
    if run.approval:
        return Verdict("warn", headline, short, "It was blocked, and a person approved it.")
    passed = f"Nothing failed; {count_of(looked, 'gate')} to look at." if looked else "Every check passed."
    if run.status == "unchanged":
        return Verdict(
            "warn" if looked else "good",
            "The current version may be trained on.",
            f"unchanged, {short}",
            f"Nothing changed since the last build. {passed}",
        )
    return Verdict("warn" if looked else "good", headline, short, passed)


def verdict_of_failed(why: str, current: Current | None, *, killed: bool = False) -> Verdict:
    """Return what a person does after a run that made no version.

    Args:
        why: in a sentence.
        current: the version that is current all the same.
        killed: whether its process was killed.
    """
    headline = "The last run was killed." if killed else "The last run failed."
    short = "the last run was killed" if killed else "the last run failed"
    ended = why if why.endswith((".", "?")) else f"{why}."
    return Verdict("bad", headline, short, f"{ended} {standing_of(current)}")


def standing_of(current: Current | None) -> str:
    """Return in a sentence which version is current, and whether it may be trained on."""
    if current is None:
        return "There is no version to train on."
    named = f"Version {current.version[:12]}{f' of {moment(current.since)}' if current.since else ''}"
    if current.good:
        return f"{named} stays current and may be trained on."
    return f"{named} stays current; do not train on it: {current.why}."


def moment(stamp: str) -> str:
    """Return a time for people (`24 Nov 2026, 02:00 UTC`); what is no time is left as it is."""
    try:
        when = datetime.fromisoformat(stamp)
    except ValueError:
        return stamp
    return f"{when.day} {when:%b %Y, %H:%M} {when.tzname() or ''}".strip()


def duration(seconds: float) -> str:
    """Return how long something took, in the two largest units that say it."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def last_good(run: RunReport) -> PastRun | None:
    """Return the run of the trend that made the baseline, if the trend reaches so far."""
    made = [past for past in run.trend[:-1] if run.baseline and past.version == run.baseline]
    return made[-1] if made else None
