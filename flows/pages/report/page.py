"""The audit as a page: one self-contained HTML file, everything escaped, nothing fetched, no script."""

from pathlib import Path

from thinkmix.flows.pages.charts.row_flow import row_flow
from thinkmix.flows.pages.charts.row_flow_chart import row_flow_chart
from thinkmix.flows.pages.render import render
from thinkmix.flows.pages.report import plots, sections
from thinkmix.flows.pages.report.commands import next_commands
from thinkmix.flows.pages.report.content import content
from thinkmix.flows.pages.verdict import last_good, signals, verdict, verdict_of_failed
from thinkmix.schemas.run import Current, FailedRun, RunReport
from thinkmix.schemas.stated import Stated, stated_settings

_WIDE, _NARROW = 880, 350
"""Widths of the flow of the rows: on a screen or paper, and on a phone."""


def render_page(run: RunReport, place: Path | None = None) -> str:
    """Return a run's report as HTML that needs no network and runs no script.

    Args:
        run: what is told.
        place: the mixture's folder, for the commands on the page; unset if the version is not in a store.
    """
    report = run.report
    places = _places(report.recipe)
    flow = row_flow(report.ledger.stages, places)
    widths = (_WIDE, _NARROW) if flow.read.total() else ()
    return render(
        "report.html.jinja",
        run=run,
        report=report,
        verdict=verdict(run),
        signals=signals(run),
        commands=next_commands(run, place),
        key_figures=sections.key_figures(run),
        last_good=last_good(run),
        places=places,
        flow=flow,
        row_flows=[row_flow_chart(flow, places, width=width) for width in widths],
        shares=sections.shares(report, places),
        thinking=sections.thinking(report),
        causes=sections.causes(run.changes) if run.changes else None,
        because=sections.because,
        difference=sections.difference,
        reasons=sections.reasons(report.ledger.stages, report.recipe),
        lengths=plots.lengths(report.lengths, places),
        traces=plots.traces(report.thinking, places),
        content=content(run),
        spreads=plots.spreads(report.spreads, places),
        sizes=plots.cluster_sizes(report.clusters),
        trends=plots.trends(run.trend) if len(run.trend) > 1 else [],
        past_runs=plots.run_rows(run.trend),
        kept=sections.samples(report, kept=True),
        dropped=sections.samples(report, kept=False),
        recipe=sections.recipe_text(report.recipe),
    )


def render_failed(run: FailedRun, current: Current | None) -> str:
    """Return the page of a run that made no version.

    Args:
        run: what it left.
        current: the version that is current all the same.
    """
    return render(
        "report_failed.html.jinja",
        run=run,
        report=run,
        current=current,
        verdict=verdict_of_failed(run.sentence, current),
        places=_places(run.recipe),
        reasons=sections.reasons(run.ledger.stages, run.recipe),
        trends=plots.trends(run.trend) if len(run.trend) > 1 else [],
        past_runs=plots.run_rows(run.trend),
        recipe=sections.recipe_text(run.recipe),
    )


def _places(recipe: Stated) -> dict[str, int]:
    """Return which of the sources each one is."""
    return {source.name: place for place, source in enumerate(stated_settings(recipe).sources)}
