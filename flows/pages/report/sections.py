"""What the page says in words and tables: shares, changes, reasons and samples, ready to be shown."""

from collections.abc import Mapping, Sequence
from itertools import groupby

import yaml
from pydantic import ValidationError

from thinkmix.curation.rules.known import known_reasons
from thinkmix.curation.rules.own import own_sentences
from thinkmix.flows.pages.charts.stacked import Stacked, stacked_bar
from thinkmix.flows.pages.formatting import grouped
from thinkmix.flows.pages.meaning import sentence
from thinkmix.flows.pages.render import COLOURS
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.schemas.changes import Changes, Delta
from thinkmix.schemas.ledger import StageCount
from thinkmix.schemas.report import Report, Sample
from thinkmix.schemas.run import RunReport
from thinkmix.schemas.stated import Stated

_UNITS = (("examples", "Examples"), ("tokens", "Tokens"), ("trainable_tokens", "Trainable tokens"))

CAUSES = {
    "upstream": "the source changed",
    "rule": "a rule or setting changed",
    "duplicate": "another row of its cluster came or went",
    "sample": "sampling gave its place to another row",
}
_CAUSE_COLOURS = {"upstream": 0, "rule": 1, "duplicate": 2, "sample": 5}


def shares(report: Report, places: Mapping[str, int]) -> list[Stacked]:
    """Return the mixture's composition, train and eval together, in three units."""
    bars = []
    for unit, title in _UNITS:
        amounts = dict.fromkeys(places, 0)
        for share in report.shares:
            amounts[share.source] = amounts.get(share.source, 0) + getattr(share, unit)
        bars.append(stacked_bar(title, amounts, {name: places.get(name, 0) % COLOURS for name in amounts}))
    return bars


def thinking(report: Report) -> list[Stacked]:
    """Return per source how many of its examples hold a trace."""
    counted = {view.source: (view.thinking, view.direct) for view in report.thinking}
    if not counted:
        for share in report.shares:
            traces, direct = counted.get(share.source, (0, 0))
            counted[share.source] = traces + share.thinking, direct + share.examples - share.thinking
    bars = [
        stacked_bar(source, {"thinking": traces, "not thinking": direct}, {"thinking": 3, "not thinking": 5})
        for source, (traces, direct) in counted.items()
    ]
    if len(bars) > 1:
        both = [sum(column) for column in zip(*counted.values(), strict=True)]
        whole = dict(zip(("thinking", "not thinking"), both, strict=True))
        bars.insert(0, stacked_bar("the whole mixture", whole, {"thinking": 3, "not thinking": 5}))
    return bars


def causes(changes: Changes) -> Stacked:
    """Return why rows moved, by their number."""
    rows = dict.fromkeys(CAUSES, 0)
    for move in changes.moves:
        rows[move.cause] += move.rows
    named = {CAUSES[cause]: number for cause, number in rows.items()}
    return stacked_bar(
        "Rows that moved", named, {CAUSES[cause]: tone for cause, tone in _CAUSE_COLOURS.items()}
    )


def because(cause: str) -> str:
    """Return why rows moved, in words; a cause that this release does not know is left as it is."""
    return CAUSES.get(cause, cause)


def key_figures(run: RunReport) -> list[dict[str, str]]:
    """Return the four numbers that say how large a mixture is, and how they moved."""
    now = run.trend[-1] if run.trend else None
    changed = run.changes.sources if run.changes else ()
    report = run.report
    examples = sum(share.examples for share in report.shares)
    tokens = sum(share.tokens for share in report.shares)
    trainable = sum(share.trainable_tokens for share in report.shares)
    first = report.ledger.stages[0].stage if report.ledger.stages else ""
    read = sum(count.read.rows for count in report.ledger.of(first).values())
    part = f"{trainable / tokens:.0%} of them trained on" if tokens else ""
    lost = f"{now.dropped / read:.1%} left out before sampling" if now and read else ""
    return [
        {"name": "rows read", "value": grouped(read), "note": lost, "delta": _sum(changed, "read")},
        {"name": "examples", "value": grouped(examples), "note": "", "delta": _sum(changed, "examples")},
        {"name": "tokens", "value": grouped(tokens), "note": part, "delta": _sum(changed, "tokens")},
    ]


def _sum(changes: Sequence[object], field: str) -> str:
    both = [getattr(change, field) for change in changes]
    if not both:
        return ""
    return difference(Delta(before=sum(one.before for one in both), after=sum(one.after for one in both)))


def difference(delta: Delta) -> str:
    """Return how far a figure moved: `+1 204 (+3.1 %)`, `±0`."""
    moved = delta.after - delta.before
    if not moved:
        return "±0"
    sign = "+" if moved > 0 else "−"
    percent = f" ({sign}{abs(moved) / delta.before:.1%})" if delta.before else ""
    return f"{sign}{grouped(abs(moved))}{percent}"


def reasons(stages: Sequence[StageCount], recipe: Stated) -> list[dict[str, object]]:
    """Return the reasons that dropped a row, most rows first."""
    own = own_sentences(recipe)
    rows: dict[str, dict[str, int]] = {}
    for count in stages:
        for reason, amount in count.dropped.items():
            if amount.rows:
                rows.setdefault(reason, {})[count.source] = amount.rows
    most = max((sum(mine.values()) for mine in rows.values()), default=1)
    return [
        {
            "name": name,
            "sentence": sentence(name, own),
            "rows": rows[name],
            "total": sum(rows[name].values()),
            "width": f"{100 * sum(rows[name].values()) / most:.2f}%",
        }
        for name in sorted(rows, key=lambda name: (-sum(rows[name].values()), name))
    ]


def samples(report: Report, *, kept: bool) -> list[dict[str, object]]:
    """Return samples by reason (of the mixture: by source), each with its text cut at the offending span."""
    own = own_sentences(report.recipe)
    mine = [sample for sample in report.samples if (not sample.reason) is kept]
    mine.sort(key=lambda sample: (_place(sample.reason, own), sample.source))  # stable: rows stay in order
    return [
        {
            "reason": reason,
            "source": source,
            "sentence": sentence(reason, own),
            "rows": list(map(cut_marked, rows)),
        }
        for (reason, source), rows in groupby(
            mine, key=lambda sample: (sample.reason, sample.source if kept else "")
        )
    ]


def _place(reason: str, own: Mapping[str, str]) -> tuple[int, str]:
    """Return where a reason stands: in the order of the stages, unknown ones last."""
    known = known_reasons(own)
    return (known.index(reason) if reason in known else len(known)), reason


def cut_marked(sample: Sample) -> dict[str, object]:
    """Return a sample with its text in three: before the offending words, these words, and after them."""
    start, end = sample.highlight or (len(sample.content), len(sample.content))
    start = min(max(start, 0), len(sample.content))
    end = min(max(end, start), len(sample.content))
    text = sample.content
    return {"sample": sample, "before": text[:start], "marked": text[start:end], "after": text[end:]}


def recipe_text(recipe: Stated) -> str:
    """Return the recipe as YAML in the order of its fields; shares, which have none, by name.

    One that this release does not read is shown in the order in which its file states it.
    """
    try:
        stated = Recipe.model_validate(recipe).model_dump(mode="json")
    except ValidationError:
        return str(yaml.safe_dump(dict(recipe), sort_keys=False, allow_unicode=True))
    stated["mix"]["shares"] = dict(sorted(stated["mix"]["shares"].items()))
    return str(yaml.safe_dump(stated, sort_keys=False, allow_unicode=True))
