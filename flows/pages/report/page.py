"""The audit as a page: one self-contained HTML file, everything escaped, nothing fetched, no script."""

from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from jinja2 import BytecodeCache, Environment, FileSystemBytecodeCache, PackageLoader, StrictUndefined
from jinja2.bccache import Bucket

from thinkmix.flows.pages.charts import COLOURS
from thinkmix.flows.pages.report import plots, sections
from thinkmix.flows.pages.report.commands import next_commands
from thinkmix.flows.pages.report.road import road
from thinkmix.flows.pages.svg import drawable
from thinkmix.flows.pages.verdict import duration, last_good, moment, signals, verdict, verdict_of_failed
from thinkmix.schemas.formats.recognition import settled_statement
from thinkmix.schemas.run import Current, FailedRun, RunReport
from thinkmix.schemas.stated import Stated, stated

_WIDE, _NARROW = 880, 350
"""Widths of the road of the rows: on a screen or paper, and on a phone."""


def render_page(run: RunReport, place: Path | None = None) -> str:
    """Return a run's report as HTML that needs no network and runs no script.

    Args:
        run: what is told.
        place: the mixture's folder, for the commands on the page; unset if the version lies in no store.
    """
    report = run.report
    places = _places(report.recipe)
    drawn = [road(report.ledger.stages, places, width=width) for width in (_WIDE, _NARROW)]
    return (
        environment()
        .get_template("report.html.jinja")
        .render(
            run=run,
            report=report,
            verdict=verdict(run),
            signals=signals(run),
            commands=next_commands(run, place),
            key_figures=sections.key_figures(run),
            last_good=last_good(run),
            places=places,
            roads=[picture for picture in drawn if picture],
            shares=sections.shares(report, places),
            thinking=sections.thinking(report),
            causes=sections.causes(run.changes) if run.changes else None,
            reasons=sections.reasons(report.ledger.stages),
            lengths=plots.lengths(report.lengths, places),
            traces=plots.traces(report.thinking, places),
            spreads=plots.spreads(report.spreads, places),
            sizes=plots.cluster_sizes(report.clusters),
            trends=plots.trends(run.trend) if len(run.trend) > 1 else [],
            nights=plots.night_rows(run.trend),
            kept=sections.samples(report, kept=True),
            dropped=sections.samples(report, kept=False),
            recipe=sections.recipe_text(report.recipe),
        )
    )


def render_failed(run: FailedRun, current: Current | None) -> str:
    """Return the page of a run that made no version.

    Args:
        run: what it left.
        current: the version that is current all the same.
    """
    return (
        environment()
        .get_template("report_failed.html.jinja")
        .render(
            run=run,
            report=run,
            current=current,
            verdict=verdict_of_failed(run.sentence, current),
            places=_places(run.recipe),
            reasons=sections.reasons(run.ledger.stages),
            trends=plots.trends(run.trend) if len(run.trend) > 1 else [],
            nights=plots.night_rows(run.trend),
            recipe=sections.recipe_text(run.recipe),
        )
    )


def _places(recipe: Stated) -> dict[str, int]:
    """Return which of the sources each one is."""
    return {source.name: place for place, source in enumerate(stated(recipe).sources)}


class _Compiled(FileSystemBytecodeCache):
    """Compiled templates of this user; a disk that is full or cannot be written costs the compilation."""

    def load_bytecode(self, bucket: Bucket) -> None:
        """Read a template, if it can be read."""
        with suppress(OSError):
            super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Write a template, if it can be written."""
        with suppress(OSError):
            super().dump_bytecode(bucket)


def _compiled() -> BytecodeCache | None:
    """Return where compiled templates are kept: Jinja's own folder, which no other user may write to.

    Not in the store: it is shared, and what is read here is code. A template that changed is compiled again.
    """
    try:
        return _Compiled()
    except (OSError, RuntimeError):  # no temporary folder that is this user's alone
        return None


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Return what renders pages: everything escaped, with the words that their templates use."""
    made = Environment(
        loader=PackageLoader("thinkmix.templates", "pages"),
        bytecode_cache=_compiled(),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "grouped": plots.grouped,
        "moment": moment,
        "duration": duration,
        "difference": sections.difference,
        "cause": lambda cause: sections.CAUSES.get(cause, cause),
        "sentence": sections.sentence,
        "layout": settled_statement,
        "finding": sections.finding,
        "context": sections.context,
        "clip": lambda text, longest: drawable(text, longest=longest),
        "colour": lambda place: place % COLOURS,
    }
    return made
