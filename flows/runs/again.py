"""A version's report once more: as its newest run told it and people decided since, or from its own facts."""

from pathlib import Path

from pydantic import ValidationError

from thinkmix.flows.runs.history import seen_now
from thinkmix.flows.store.versions import problems
from thinkmix.schemas.errors import StoreCorrupt
from thinkmix.schemas.report import Report
from thinkmix.schemas.run import RunReport


def run_of(version: Path) -> RunReport:
    """Return what is known of a version: its newest run, or its facts without gates and comparisons.

    Raises:
        StoreCorrupt: if there is no run, and the version's facts cannot be read.
    """
    if run := seen_now(version):
        return run
    try:
        report = Report.model_validate_json((version / "report.json").read_bytes())
    except (OSError, ValidationError) as error:
        known = ", ".join(problems(version)[:3]) or "it is of another release"
        msg = f"{version / 'report.json'} cannot be read as a report: {known}"
        raise StoreCorrupt(msg) from error
    good = all(check.passed for check in report.checks)
    return RunReport(
        run="",
        started="",
        seconds=0,
        status="published" if good else "blocked",
        candidate=version.name,
        baseline=None,
        gates=(),
        changes=None,
        trend=(),
        approval=None,
        report=report,
    )
