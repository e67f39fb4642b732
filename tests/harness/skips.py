"""Which tests may be skipped in continuous integration; any other skip fails there, and all are counted."""

import os
from collections.abc import Generator

import pytest

Report = pytest.TestReport | pytest.CollectReport

ALLOWED = (
    "beside the checkout",
    "DeepSpeed is not installed",
    "needs root and mount namespaces",
)
"""Parts of reasons: no rows in `../shared`, an optional library, what some containers refuse."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Report, Report]:
    """Turn the skip of a test into its failure."""
    return _judged((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, Report, Report]:
    """Turn the skip of a whole module into its failure."""
    return _judged((yield))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Generator[None]:
    """Say how many tests were skipped and why, on the line above the last one."""
    yield
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = [_reason(report) for report in skipped]
    counted = (f"{reasons.count(reason)} × {reason}" for reason in sorted(set(reasons)))
    terminalreporter.write_line(f"skipped: {len(reasons)}" + (f" ({'; '.join(counted)})" if reasons else ""))


def _judged(report: Report) -> Report:
    """Return a report as it is, or a skip that continuous integration does not allow as a failure."""
    refused = report.skipped and not hasattr(report, "wasxfail") and _in_ci()
    if refused and not any(words in _reason(report) for words in ALLOWED):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI=true does not allow for this reason: {_reason(report)}"
    return report


def _reason(report: Report) -> str:
    """Return why a test was skipped; the place of it, which pytest puts before the reason, is left out."""
    words = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return words.removeprefix("Skipped: ")


def _in_ci() -> bool:
    return os.environ.get("CI", "").lower() == "true"
