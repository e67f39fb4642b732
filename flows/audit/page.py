"""The audit as a page: one self-contained HTML file, everything escaped, nothing fetched."""

from collections.abc import Mapping, Sequence
from itertools import groupby

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from schemas.ledger import StageCount
from schemas.reasons import Reason
from schemas.recipe import Recipe
from schemas.report import LengthView, Report
from schemas.run import RunReport

_COLOURS = 6
_SMALL = 6
_MEASURES = (("examples", "Examples"), ("tokens", "Tokens"), ("trainable_tokens", "Trainable tokens"))


def render_page(told: RunReport) -> str:
    """Return a run's report as HTML that needs no network and runs no script."""
    report = told.report
    environment = Environment(
        loader=PackageLoader("templates", ""), undefined=StrictUndefined, autoescape=True, trim_blocks=True
    )
    environment.filters["grouped"] = lambda number: f"{number:,}".replace(",", "\u202f")
    return environment.get_template("report.html.jinja").render(
        report=report,
        good=told.good,
        colours={source.name: place % _COLOURS for place, source in enumerate(report.recipe.sources)},
        bars=[_bar(report, measure, title) for measure, title in _MEASURES],
        roads=[_road(count) for count in report.ledger.stages],
        reasons=_reasons(report.ledger.stages),
        lengths=[_length(view) for view in report.lengths],
        clusters=sum(report.clusters.by_size.values()),
        sizes=_sizes(report.clusters.by_size),
        samples=_samples(report),
        recipe=_recipe(report.recipe),
    )


def _recipe(recipe: Recipe) -> str:
    """Return the recipe as YAML in the order of its fields; shares, which have none, by name."""
    stated = recipe.model_dump(mode="json")
    stated["mix"]["shares"] = dict(sorted(stated["mix"]["shares"].items()))
    return str(yaml.safe_dump(stated, sort_keys=False, allow_unicode=True))


def _bar(report: Report, measure: str, title: str) -> dict[str, object]:
    amounts: dict[str, int] = {}
    for share in report.shares:
        amounts[share.source] = amounts.get(share.source, 0) + getattr(share, measure)
    total = sum(amounts.values())
    order = {source.name: place % _COLOURS for place, source in enumerate(report.recipe.sources)}
    parts = [
        {
            "source": source,
            "colour": order[source],
            "width": f"{100 * amounts[source] / max(total, 1):.4f}",
            "percent": f"{amounts[source] / max(total, 1):.1%}",
        }
        for source in order
    ]
    return {"title": title, "total": f"{total:,}".replace(",", "\u202f"), "parts": parts}


def _road(count: StageCount) -> dict[str, object]:
    share = count.kept.rows / count.read.rows if count.read.rows else 1.0
    return {
        "source": count.source,
        "stage": count.stage,
        "read": count.read,
        "kept": count.kept,
        "percent": f"{share:.1%}",
        "width": f"{100 * share:.2f}",
        "dropped": [(reason, amount.rows) for reason, amount in count.dropped.items() if amount.rows],
    }


def _reasons(stages: Sequence[StageCount]) -> list[dict[str, object]]:
    """Return the reasons that dropped a row, in the order of the stages that decide them."""
    rows: dict[str, dict[str, int]] = {}
    for count in stages:
        for reason, amount in count.dropped.items():
            if amount.rows:
                rows.setdefault(reason, {})[count.source] = amount.rows
    return [
        {"name": reason.value, "sentence": reason.sentence, "rows": rows[reason]}
        for reason in Reason
        if reason in rows
    ]


def _length(view: LengthView) -> dict[str, object]:
    most = max(view.histogram) or 1
    labels = [*(_short(edge) for edge in view.edges), f"> {_short(view.edges[-1])}"]
    bins = [
        {"label": label, "count": number, "height": f"{100 * number / most:.2f}"}
        for label, number in zip(labels, view.histogram, strict=True)
    ]
    fits = [
        f"{_short(edge)}: {fit:.1%}" for edge, fit in zip(view.edges, view.fits, strict=True) if edge >= 2048
    ]
    return {**view.model_dump(), "bins": bins, "fits": fits}


def _sizes(by_size: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return clusters counted by rows: each small size by itself, larger ones in powers of ten."""
    bins: dict[str, int] = {}
    for size, number in sorted((int(size), number) for size, number in by_size.items()):
        label = str(size) if size < _SMALL else f"{_SMALL}–99" if size < 100 else "100 and more"
        bins[label] = bins.get(label, 0) + number
    return list(bins.items())


def _samples(report: Report) -> list[Mapping[str, object]]:
    dropped = [sample for sample in report.samples if sample.reason]
    groups = groupby(dropped, key=lambda sample: (sample.reason, sample.source))
    return [
        {"reason": reason, "source": source, "sentence": Reason(reason).sentence, "rows": list(rows)}
        for (reason, source), rows in groups
    ]


def _short(tokens: int) -> str:
    return f"{tokens // 1024}k" if tokens >= 1024 else str(tokens)
