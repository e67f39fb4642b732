"""One run of a mixture's history: how it ended, beside the runs before it, in one folder for people."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import orjson
from pydantic import ValidationError

from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.flows.store.log import FAILED
from thinkmix.flows.store.store import Store
from thinkmix.schemas.changes import Changes
from thinkmix.schemas.columns import Columns
from thinkmix.schemas.errors import StoreCorrupt, StoreError
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.ledger import MIX, VALIDATE, Ledger
from thinkmix.schemas.manifest import SourceEntry
from thinkmix.schemas.report import Report
from thinkmix.schemas.run import (
    Approval,
    Current,
    FailedRun,
    PastRun,
    Rollback,
    RunReport,
    Status,
    failures_of,
)


class Knowledge(Protocol):
    """What the stages of a build found out before it failed."""

    @property
    def origins(self) -> Sequence[SourceEntry]:
        """The sources whose rows were all read."""

    def columns(self) -> tuple[Columns, ...]:
        """Return the columns of the files of each source that was read."""

    def leave(self, folder: Path) -> Ledger:
        """Write the outcome of every row that was read, and the dropped rows whole."""

    def nothing_left(self, ledger: Ledger, folder: Path) -> str | None:
        """Return why sources that have a share have no row left; None if all have some."""


ROLLBACK = "rollback"
"""What a version that a person rolled back from is blocked by; it is no gate of a recipe."""

TREND = 30
"""Runs that a report looks back on."""


@dataclass
class ActiveRun:
    """A run that has begun."""

    store: Store
    mixture: str
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    told: bool = False
    """Whether the history knows of it."""
    recipe: Recipe | None = None
    """What is built."""
    known: Knowledge | None = None
    """What the stages found out; unset until the first of them begins."""

    @property
    def seconds(self) -> float:
        """Return how long it has been going on."""
        return round((datetime.now(UTC) - self.started).total_seconds(), 3)

    def tell(self, version: Path, report: Report, *, before: Path | None, new: bool) -> RunReport:
        """Return what the run came to: the version that was built, beside the one that was current before.

        Args:
            version: that was built.
            report: its facts.
            before: the version that was current when the run began.
            new: whether the version was not there before, or not whole.
        """
        from thinkmix.curation.gates.gates import judge  # noqa: PLC0415 - slow, and at its start no run is judged yet

        baseline, problems = self._last_good(before)
        gates = (*problems, *judge(report, baseline, Recipe.model_validate(report.recipe)))
        rejected = rejection(self.store, self.mixture, version.name, report.content_sha256)
        if before == version:
            rejected = None  # somebody wrote it into CURRENT by hand
        if rejected:
            gates = (_rolled_back(rejected), *gates)
        status = _status(report, gates, same=before == version and not new)
        past = _past_run(self, version, report, gates, status)
        told = RunReport(
            run=f"{self.started:%Y%m%dT%H%M%S.%fZ}-{version.name[:12]}",
            started=past.started,
            seconds=past.seconds,
            status=status,
            candidate=version.name,
            baseline=before.name if before else None,
            gates=gates,
            changes=_changes(before, version),
            trend=(*history(self.store, self.mixture)[1 - TREND :], past),
            approval=None if rejected else approval(self.store, self.mixture, version.name),
            rollback=rejected,
            report=report,
        )
        return told.model_copy(update={"current": self._current(told, before)})

    def _current(self, told: RunReport, before: Path | None) -> Current | None:
        """Return the version that will be current after the run."""
        if told.status == "blocked":
            return current_of(self.store, before) if before else None
        since = told.started
        if told.status == "unchanged":
            since = made_at(self.store, self.mixture, told.candidate) or since
        return Current(version=told.candidate, since=since, good=told.good, why=told.why)

    def _last_good(self, before: Path | None) -> tuple[Report | None, tuple[GateResult, ...]]:
        """Return the facts of the version that was current, or why nothing can be compared with them."""
        if before is None:
            lost = (self.store.root / self.mixture / "CURRENT").exists()
            return None, (_no_baseline("CURRENT does not name a version"),) if lost else ()
        try:
            return Report.model_validate_json((before / "report.json").read_bytes()), ()
        except OSError as error:
            why = f"its report.json cannot be read ({error.strerror})"
        except ValidationError:
            why = "its report.json is damaged or of another layout"
        return None, (_no_baseline(f"the last good build is {before.name[:12]}, and {why}"),)

    @contextmanager
    def recorded(
        self, told: RunReport, pages: Mapping[str, bytes], *, reused: int, made: int
    ) -> Iterator[Path]:
        """Write the run's folder, let the caller make the version current, and then tell people.

        All that needs room on the disk is written before; if the version does not become current, the
        folder goes again: no page says that something was published which was not.
        """
        folder = self.store.log.write_run(self.mixture, told.run, pages)
        try:
            yield folder
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self.store.log.show_front(self.mixture, folder / "report.html")
        self.told = True
        line = told.trend[-1].model_dump(mode="json")
        with suppress(OSError):  # the disk has no room for a line: what it would say has happened
            self.store.log.record_run(self.mixture, {**line, "run": told.run, "reused": reused, "made": made})


def render_files(store: Store, told: RunReport) -> dict[str, bytes]:
    """Return the files of a run's folder: for people, for machines, and for a chat."""
    from thinkmix.flows.pages.report.page import render_page  # noqa: PLC0415 - like the gates
    from thinkmix.flows.runs.summary import summary  # noqa: PLC0415

    page = render_page(told, store.root.resolve() / told.report.mixture)
    options = orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return {
        "report.html": page.encode(),
        "report.json": orjson.dumps(told.model_dump(mode="json"), option=options),
        "summary.md": summary(told).encode(),
    }


def history(store: Store, mixture: str) -> tuple[PastRun, ...]:
    """Return the runs that are over, oldest first; a line that says something else is passed over."""
    known = []
    for line in store.log.runs(mixture):
        with suppress(ValidationError):
            known.append(
                PastRun.model_validate({name: line[name] for name in PastRun.model_fields if name in line})
            )
    return tuple(known)


def _changes(before: Path | None, version: Path) -> Changes | None:
    """Return what differs from the version before; None if there is none, or none that can be read."""
    if before is None or before == version:
        return None
    from thinkmix.flows.runs.diff import diff  # noqa: PLC0415 - like the gates

    with suppress(StoreError):  # a damaged version, or an older release's, must not stop its successor
        return diff(before, version)
    return None


def newest_run(version: Path) -> RunReport | None:
    """Return what the newest run that built a version came to; None if its folder is gone or damaged."""
    folders = (version.resolve().parent.parent / "runs").glob(f"*-{version.name[:12]}")
    for folder in sorted(folders, reverse=True):
        with suppress(OSError, ValidationError):
            told = RunReport.model_validate_json((folder / "report.json").read_bytes())
            if told.candidate == version.name:
                return told
    return None


def current_of(store: Store, version: Path) -> Current:
    """Return what is known of a version that is current, and whether it may be trained on."""
    mixture = version.resolve().parent.parent.name
    good, why = judge_version(version)
    return Current(version=version.name, since=made_at(store, mixture, version.name), good=good, why=why)


def made_at(store: Store, mixture: str, version: str) -> str | None:
    """Return when the last run began that made a version; None if the history does not know."""
    past_runs = [past for past in history(store, mixture) if past.version == version]
    return next((past.started for past in reversed(past_runs) if past.status != "unchanged"), None)


def judge_version(version: Path) -> tuple[bool, str]:
    """Return whether a version may be trained on, and in a sentence why: the one answer for all who ask."""
    if told := seen_now(version):
        return told.good, told.why
    try:
        report = Report.model_validate_json((version / "report.json").read_bytes())
    except (OSError, ValidationError):
        return False, "its report.json cannot be read"
    if rejected := rejection_at_home(version):
        return False, rejected.sentence
    approved = approval_at_home(version)
    failures = [f"{check.name}: {check.detail}" for check in report.checks if not check.passed]
    if approved:
        return True, f"{approved.by} approved it: {approved.why}"
    return not failures, "; ".join(failures) or "every check passed"


def seen_now(version: Path) -> RunReport | None:
    """Return the newest run that built a version, as it stands now: a person may have approved it since."""
    told = newest_run(version)
    if told is None:
        return None
    if rejected := rejection_at_home(version):
        others = tuple(gate for gate in told.gates if gate.gate != ROLLBACK)
        gates = (_rolled_back(rejected), *others)
        changes = {"status": "blocked", "approval": None, "rollback": rejected, "gates": gates}
        return told.model_copy(update={**changes, "current": _current_beside(version)})
    if told.approval or not (approved := approval_at_home(version)):
        return told
    status = "published" if told.status == "blocked" else told.status
    return told.model_copy(update={"status": status, "approval": approved, "rollback": None})


def _current_beside(version: Path) -> Current | None:
    """Return the version that is current in place of one that was rolled back from."""
    mixture = version.resolve().parent.parent
    store = Store(mixture.parent)
    with suppress(StoreCorrupt):
        now = store.versions.current(mixture.name)
        return current_of(store, now) if now and now.name != version.name else None
    return None


def approval_at_home(version: Path) -> Approval | None:
    """Return who approved a version, as the history of its mixture says."""
    mixture = version.resolve().parent.parent
    return approval(Store(mixture.parent), mixture.name, version.name)


def rejection_at_home(version: Path) -> Rollback | None:
    """Return who rolled back from a version, as the history of its mixture says."""
    mixture = version.resolve().parent.parent
    return rejection(Store(mixture.parent), mixture.name, version.name)


def folder_of(store: Store, mixture: str, past: PastRun) -> Path | None:
    """Return the folder of a run; None if it is gone, or never was."""
    lines = [line for line in store.log.runs(mixture) if line.get("started") == past.started]
    names = [name for line in reversed(lines) if isinstance(name := line.get("run"), str)]
    folder = store.root / mixture / "runs" / names[0] if names else None
    return folder if folder and folder.is_dir() else None


def failed_run(store: Store, mixture: str, past: PastRun) -> FailedRun | None:
    """Return what a run left that made no version; None if it made one, or its folder is gone."""
    folder = folder_of(store, mixture, past)
    if folder is None:
        return None
    with suppress(OSError, ValidationError):
        return FailedRun.model_validate_json((folder / FAILED).read_bytes())
    return None


def approval(store: Store, mixture: str, version: str) -> Approval | None:
    """Return who promoted a version that had been blocked, the last one to do so.

    None if nobody did, or if somebody rolled back from it since.
    """
    if rejection(store, mixture, version):
        return None
    for line in reversed(store.log.approvals(mixture)):
        with suppress(ValidationError):
            found = Approval.model_validate(line)
            if found.version == version:
                return found
    return None


def rejection(store: Store, mixture: str, version: str, content: str | None = None) -> Rollback | None:
    """Return who rolled back from a version, the last one to do so.

    None if nobody did, or if a person approved it since, or returned to it.

    Args:
        store: where the mixture lies.
        mixture: whose history is asked.
        version: the digest of the version.
        content: the digest of its rows; another version of the same rows is rejected with them.
    """
    overruled = {line.get("rolled_back") for line in store.log.approvals(mixture)}
    for line in reversed(store.log.rollbacks(mixture)):
        with suppress(ValidationError):
            found = Rollback.model_validate(line)
            if found.version == version:
                return None
            if found.rejected == version or (content and found.rejected_content == content):
                return None if found.at in overruled else found
    return None


def _rolled_back(rejected: Rollback) -> GateResult:
    sentence = rejected.sentence
    return GateResult(gate=ROLLBACK, subject="", level="fail", measured=None, limit=None, sentence=sentence)


def _no_baseline(why: str) -> GateResult:
    sentence = f"nothing could be compared with the last good build: {why}"
    return GateResult(gate="baseline", subject="", level="warn", measured=None, limit=None, sentence=sentence)


def _status(report: Report, gates: tuple[GateResult, ...], *, same: bool) -> Status:
    if same:
        return "unchanged"
    bad = any(not check.passed for check in report.checks) or any(gate.level == "fail" for gate in gates)
    return "blocked" if bad else "published"


def _past_run(
    past: ActiveRun, version: Path, report: Report, gates: tuple[GateResult, ...], status: Status
) -> PastRun:
    before_sampling = [count for count in report.ledger.stages if count.stage != MIX]
    dropped = sum(amount.rows for count in before_sampling for amount in count.dropped.values())
    return PastRun(
        started=stamp(past.started),
        status=status,
        seconds=past.seconds,
        version=version.name,
        read=sum(count.read.rows for count in report.ledger.of(VALIDATE).values()),
        examples=sum(share.examples for share in report.shares),
        tokens=sum(share.tokens for share in report.shares),
        dropped=dropped,
        failed=sum(not check.passed for check in report.checks) + sum(gate.level == "fail" for gate in gates),
        sentence="; ".join(failures_of(report, gates)) if status == "blocked" else None,
    )


def stamp(moment: datetime) -> str:
    """Return a moment as the history states it."""
    return moment.isoformat(timespec="seconds")
