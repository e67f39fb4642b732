"""The figures of the page: each a chart, what it shows in a sentence, and its numbers as a table."""

from collections.abc import Callable, Mapping, Sequence

from thinkmix.flows.pages.charts.bars import counts, grouped_bars
from thinkmix.flows.pages.charts.histogram import histogram
from thinkmix.flows.pages.charts.trend import trend
from thinkmix.flows.pages.figure import Figure
from thinkmix.flows.pages.formatting import grouped
from thinkmix.flows.pages.verdict import duration, moment
from thinkmix.schemas.report import ClusterView, LengthView, Spread, ThinkView
from thinkmix.schemas.run import PastRun

_MEASURES = {
    "solutions_per_problem": (
        "Solutions per problem",
        "rows whose problem has so many of them in the mixture",
    ),
    "pass_rate": ("Pass rate", "how often a model solved the problem, as the source states it"),
    "language": ("Languages", "of question and answer"),
    "turns": ("Turns", "questions of the user, each with all that follows it"),
}

_SMALL = 6


def lengths(views: Sequence[LengthView], places: Mapping[str, int]) -> list[Figure]:
    """Return per source the histogram of its examples' tokens."""
    return [
        _histogram(
            view,
            places,
            of="examples",
            head="tokens",
            tail=f"99 % up to {grouped(view.p99)} · ",
            fits=tuple(
                (short(edge), _fit(fit))
                for edge, fit in zip(view.edges, view.fits, strict=False)
                if edge >= 2048
            ),
        )
        for view in sorted(views, key=lambda view: places.get(view.source, 0))
    ]


def traces(views: Sequence[ThinkView], places: Mapping[str, int]) -> list[Figure]:
    """Return per source that thinks the histogram of its traces' tokens."""
    return [
        _histogram(view, places, of="traces", head="tokens of the trace")
        for view in views
        if view.thinking and view.histogram
    ]


def _histogram(
    view: LengthView | ThinkView,
    places: Mapping[str, int],
    *,
    of: str,
    head: str,
    tail: str = "",
    fits: tuple[tuple[str, str], ...] = (),
) -> Figure:
    """Return the histogram of a source's tokens; `of` says whose, `tail` what else its note tells."""
    bins = _bins(view.edges, len(view.histogram))
    return Figure(
        title=view.source,
        note=f"median {grouped(view.median)} · 90 % up to {grouped(view.p90)} · "
        f"{tail}longest {grouped(view.longest)}",
        picture=histogram(
            bins,
            view.histogram,
            place=places.get(view.source, 0),
            label=f"Tokens of the {of} of {view.source}: {_told(bins, view.histogram)}",
        ),
        head=(head, "examples"),
        rows=_table(bins, view.histogram),
        source=view.source,
        fits=fits,
    )


def spreads(views: Sequence[Spread], places: Mapping[str, int]) -> list[Figure]:
    """Return per measure how the rows of each source that has it are spread over its groups."""
    figures = []
    for measure, (title, note) in _MEASURES.items():
        mine = [view for view in views if view.measure == measure and any(view.rows.values())]
        groups = _ordered(mine)
        if not mine:
            continue
        parts = [[view.rows.get(group, 0) / sum(view.rows.values()) for group in groups] for view in mine]
        told = "; ".join(
            f"{view.source}: "
            + ", ".join(f"{group} {part:.1%}" for group, part in zip(groups, shares, strict=True))
            for view, shares in zip(mine, parts, strict=True)
        )
        figures.append(
            Figure(
                title=title,
                note=note,
                picture=grouped_bars(
                    groups,
                    [(places.get(view.source, 0), shares) for view, shares in zip(mine, parts, strict=True)],
                    label=f"{title}, part of each source's rows. {told}",
                ),
                head=(title.lower(), *(view.source for view in mine)),
                rows=tuple((group, *(grouped(view.rows.get(group, 0)) for view in mine)) for group in groups),
            )
        )
    return figures


def _ordered(views: Sequence[Spread]) -> list[str]:
    """Return the groups by the number they begin with, then those without one, most rows first.

    JSON that was written with sorted keys knows no other order.
    """
    rows: dict[str, int] = {}
    for view in views:
        for group, number in view.rows.items():
            rows[group] = rows.get(group, 0) + number
    return sorted(rows, key=lambda group: (_leading(group), -rows[group], group))


def _leading(group: str) -> float:
    """Return the number that a group's name begins with; infinite if it begins with none."""
    digits = group[: next((at for at, char in enumerate(group) if char not in "0123456789."), len(group))]
    try:
        return float(digits)
    except ValueError:
        return float("inf")


def cluster_sizes(view: ClusterView) -> Figure | None:
    """Return how many groups of near-duplicates have how many rows; small sizes one by one."""
    bins: dict[str, int] = {}
    for size, number in sorted((int(size), number) for size, number in view.by_size.items()):
        name = str(size) if size < _SMALL else f"{_SMALL}–99" if size < 100 else "100 and more"
        bins[f"{name} rows"] = bins.get(f"{name} rows", 0) + number
    if not bins:
        return None
    return Figure(
        title="Clusters by size",
        note="each of a cluster's rows says nearly the same; bars grow by powers of ten",
        picture=counts(
            list(bins),
            list(bins.values()),
            label=f"Clusters by size: {_told(list(bins), list(bins.values()))}",
        ),
        head=("size", "clusters"),
        rows=_table(list(bins), list(bins.values())),
    )


def trends(past_runs: Sequence[PastRun]) -> list[Figure]:
    """Return the figures of the last runs, one chart each."""
    shown: list[tuple[str, str, Callable[[PastRun], float], Callable[[float], str]]] = [
        ("Rows read", "from all sources", lambda past: past.read, grouped),
        ("Examples", "in the mixture, train and eval", lambda past: past.examples, grouped),
        ("Tokens", "in the mixture", lambda past: past.tokens, grouped),
        ("Rows left out", "before sampling, for whatever reason", lambda past: past.dropped, grouped),
        ("Minutes", "from start to end", lambda past: past.seconds / 60, lambda value: f"{value:.1f}"),
    ]
    figures = []
    for title, note, number, word in shown:
        numbers = [number(past) for past in past_runs]
        there = [value for value, past in zip(numbers, past_runs, strict=True) if past.status != "failed"]
        told = f"from {word(min(there))} to {word(max(there))}, last {word(there[-1])}" if there else "none"
        figures.append(
            Figure(
                title=title,
                note=note,
                picture=trend(past_runs, numbers, label=f"{title} of the last {len(past_runs)} runs: {told}"),
                head=(),
                rows=(),
            )
        )
    return figures


def run_rows(past_runs: Sequence[PastRun]) -> list[tuple[str, ...]]:
    """Return the runs as lines of a table, newest first."""
    return [
        (
            moment(past.started),
            past.status if not past.error else f"{past.status}: {past.error}",
            (past.version or "–")[:12],
            grouped(past.read),
            grouped(past.examples),
            grouped(past.tokens),
            grouped(past.dropped),
            grouped(past.failed),
            duration(past.seconds),
        )
        for past in reversed(past_runs)
    ]


def short(tokens: int) -> str:
    """Return a context length as people say it: 2048 is 2k."""
    return f"{tokens // 1024}k" if tokens >= 1024 else str(tokens)


def _fit(part: float) -> str:
    """Return a part in percent; only the whole is 100 %."""
    return "100%" if part >= 1 else ">99.9%" if part >= 0.9995 else f"{part:.1%}"


def _bins(edges: Sequence[int], number: int) -> list[str]:
    last = f">{short(edges[-1])}" if edges else "all"
    return [*(short(edge) for edge in edges), last][:number]


def _told(names: Sequence[str], numbers: Sequence[int]) -> str:
    return ", ".join(f"{name} {grouped(number)}" for name, number in zip(names, numbers, strict=False))


def _table(names: Sequence[str], numbers: Sequence[int]) -> tuple[tuple[str, ...], ...]:
    return tuple((name, grouped(number)) for name, number in zip(names, numbers, strict=False))
