"""What one run of a build came to: the version it made, beside the last good one, and the verdict."""

from typing import Literal

from pydantic import Field

from thinkmix.schemas.changes import Changes
from thinkmix.schemas.columns import Columns
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.ledger import Ledger
from thinkmix.schemas.manifest import Share, SourceEntry
from thinkmix.schemas.record import Record
from thinkmix.schemas.report import Report
from thinkmix.schemas.stated import Stated

Status = Literal["published", "unchanged", "blocked", "failed"]
"""The version became current, was current already, awaits a person because a gate failed, or was not made."""


class Approval(Record):
    """Who promoted a version that a gate had blocked, and why."""

    version: str
    by: str
    why: str = Field(min_length=3)
    at: str
    """UTC, ISO 8601."""
    gates: tuple[str, ...]
    """The gates that had blocked it, each with what it looked at, and the checks that had failed."""
    rolled_back: str | None = None
    """When somebody had rolled back from it, which this overrules; unset if nobody had."""


class Rollback(Record):
    """Who returned to an earlier version, and why."""

    version: str
    """Digest of the version that became current again."""
    rejected: str
    """Digest of the one that was current until then."""
    rejected_content: str | None = None
    """Digest of its rows (`content_sha256`); unset if those of the earlier version are the same."""
    by: str
    why: str = Field(min_length=3)
    at: str
    """UTC, ISO 8601, to the microsecond: it tells records apart."""

    @property
    def sentence(self) -> str:
        """Return what was done, and what makes it undone."""
        done = f"{self.by} rolled back from it to {self.version[:12]} at {self.at.partition('.')[0]} UTC"
        return f"{done}: {self.why}; it stays blocked until a person approves it"


class PastRun(Record):
    """One finished run of the mixture's history, as the trend shows it."""

    started: str
    """UTC, ISO 8601."""
    status: Status
    seconds: float
    version: str | None
    """Digest; unset if the run failed."""
    read: int = 0
    """Raw rows of all sources."""
    examples: int = 0
    tokens: int = 0
    dropped: int = 0
    """Rows left out before sampling, for whatever reason."""
    failed: int = 0
    """Gates and checks that failed."""
    error: str | None = None
    """Code word of the error that ended the run."""
    sentence: str | None = None
    """Why the run failed or its version is blocked, in words that hold no secret; unset for good runs."""


class Current(Record):
    """The version of a mixture that is current."""

    version: str
    """Digest."""
    since: str | None
    """When the run began that made it; UTC, ISO 8601. Unset if the history does not know."""
    good: bool
    """Whether it may be trained on."""
    why: str
    """In a sentence: what passed, failed, or should be looked at, or who approved it."""


class RunReport(Record):
    """One run, whole: `report.json` of the run's folder. `version` counts changes of this layout."""

    version: Literal[1] = 1
    run: str
    """Name of the run's folder: when it started and, in short, which version it made."""
    started: str
    """UTC, ISO 8601."""
    seconds: float
    status: Status
    candidate: str
    """Digest of the version that was built."""
    baseline: str | None
    """Digest of the version that was current before; unset for the first build."""
    gates: tuple[GateResult, ...]
    changes: Changes | None
    """Against the baseline; unset if there is none, if it is the same version, or if it cannot be read."""
    trend: tuple[PastRun, ...]
    """The last runs, this one last."""
    approval: Approval | None
    """Set if the candidate was blocked once and a person promoted it."""
    rollback: Rollback | None = None
    """Set if a person rolled back from the candidate, or from the same rows, and nobody approved it since."""
    current: Current | None = None
    """The version that is current after the run; unset if there is none, or in reports of older releases."""
    report: Report

    @property
    def failures(self) -> tuple[str, ...]:
        """Return in words what speaks against training on it: failed checks and failed gates."""
        return failures_of(self.report, self.gates)

    @property
    def good(self) -> bool:
        """Return whether it may be trained on: nothing speaks against it, or a person took it."""
        return not self.failures or self.approval is not None

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return in words what a person should look at."""
        return tuple(gate.sentence for gate in self.gates if gate.level == "warn")

    @property
    def why(self) -> str:
        """Return in a sentence why it may be trained on or not."""
        if self.approval:
            return f"{self.approval.by} approved it: {self.approval.why}"
        return "; ".join(self.failures or self.warnings) or "every check passed"


def failures_of(report: Report, gates: tuple[GateResult, ...]) -> tuple[str, ...]:
    """Return in words which checks and gates failed."""
    checks = [f"{check.name}: {check.detail}" for check in report.checks if not check.passed]
    return (*checks, *(gate.sentence for gate in gates if gate.level == "fail"))


class FailedRun(Record):
    """A run that made no version: `failed.json` of its folder, beside the outcomes and rejects of its rows."""

    version: Literal[1] = 1
    mixture: str
    run: str
    """Name of the run's folder."""
    started: str
    """UTC, ISO 8601."""
    seconds: float
    error: str
    """Code word of the error that ended the run."""
    sentence: str
    """Why it failed."""
    baseline: str | None
    """Digest of the version that is current; unset if there is none."""
    recipe: Stated
    """What was to be built: every setting."""
    sources: tuple[SourceEntry, ...] = ()
    """The sources whose rows were read before the run ended."""
    ledger: Ledger = Ledger(stages=())
    """The stages that were over, of these sources."""
    columns: tuple[Columns, ...] = ()
    shares: tuple[Share, ...] = ()
    """Empty: nothing was sampled."""
    trend: tuple[PastRun, ...] = ()
    """The last runs, this one last."""
