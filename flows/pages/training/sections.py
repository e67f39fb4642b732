"""What the page of a training says in numbers and tables, ready to be shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median

from thinkmix.flows.pages.charts.stacked import Stacked, stacked_bar
from thinkmix.flows.pages.formatting import grouped
from thinkmix.flows.pages.render import COLOURS
from thinkmix.flows.pages.training.change import Change, changes_of, format_change
from thinkmix.flows.pages.training.timing import Timing
from thinkmix.flows.pages.verdict import duration
from thinkmix.schemas.manifest import Manifest, Share, SourceEntry
from thinkmix.schemas.record import descriptions
from thinkmix.schemas.training import TrainPlan
from thinkmix.train.output.result import Answer, Counts, ModeReport, TrainResult

KINDS: Mapping[str, str] = {"all": "", "source": "source", "mode": "mode"}
_ASKED = {"thinking": "Asked to think", "non_thinking": "Asked not to think"}


@dataclass(frozen=True)
class Setting:
    """One field of the plan."""

    name: str
    value: str
    meaning: str
    """What it is, in a sentence."""


def key_figures(result: TrainResult, timing: Timing | None) -> list[dict[str, str]]:
    """Return the few numbers that say what a run came to and what it took."""
    counts, moved = result.counts, changes_of(result)
    share = f"{counts.trained_tokens / counts.tokens:.0%} of them trained on" if counts.tokens else ""
    found = [_loss(moved[0])] if moved else []
    found.append(_number("steps", grouped(len(result.losses)), f"{grouped(counts.rows_seen)} rows read"))
    found.append(_number("tokens read", grouped(counts.tokens), share))
    if timing:
        found.append(_number("from start to end", duration(timing.seconds), _speed(timing)))
        found.append(
            _number(
                "memory at the most",
                size(peak(timing)),
                "of the process" if timing.peak_device_memory is None else "on the accelerator",
            )
        )
    return found


def figures_so_far(
    moved: Sequence[Change], losses: Sequence[float], *, resumed_at: int
) -> list[dict[str, str]]:
    """Return the numbers of a run that failed."""
    found = [_loss(moved[0])] if moved else []
    found.append(_number("last step made", grouped(resumed_at + len(losses)), ""))
    if losses:
        found.append(_number("training loss at the last step", f"{losses[-1]:.3f}", ""))
    return found


def tokens(counts: Counts) -> Stacked:
    """Return what the batches held: tokens that carry loss, tokens that are only read, and padding."""
    parts = {
        "trained on": counts.trained_tokens,
        "prompts, only read": counts.tokens - counts.trained_tokens,
        "padding": counts.padding_tokens,
    }
    return stacked_bar(
        "Tokens in the batches", parts, {"trained on": 0, "prompts, only read": 2, "padding": 5}
    )


def samples(report: ModeReport) -> list[tuple[str, list[Answer]]]:
    """Return the answers that are shown, by what was asked for."""
    return [
        (_ASKED[mode], list(mine)) for mode, mine in groupby(report.samples, key=lambda answer: answer.mode)
    ]


def settings(plan: TrainPlan) -> tuple[list[Setting], list[Setting]]:
    """Return the fields of the plan that differ from their defaults, and the others."""
    fields, said = type(plan).model_fields, descriptions(type(plan))
    stated: list[Setting] = []
    rest: list[Setting] = []
    for name, field in fields.items():
        value = getattr(plan, name)
        meaning = " ".join(said.get(name, "").replace("`", "").split())
        (rest if value == field.default else stated).append(Setting(name, _word(value), meaning))
    return stated, rest


def parts(manifest: Manifest) -> list[tuple[SourceEntry, Share, str]]:
    """Return each source, the training rows that it gave, and their part of all tokens in percent."""
    mine = {share.source: share for share in manifest.shares if share.split == "train"}
    whole = max(sum(share.tokens for share in mine.values()), 1)
    return [
        (source, mine[source.name], f"{mine[source.name].tokens / whole:.1%}")
        for source in manifest.sources
        if source.name in mine
    ]


def shares(manifest: Manifest) -> Stacked:
    """Return the sources' parts of the tokens of all training rows."""
    given = {source.name: share.tokens for source, share, _ in parts(manifest)}
    return stacked_bar("Tokens by source", given, {name: place % COLOURS for place, name in enumerate(given)})


def peak(timing: Timing) -> int:
    """Return the bytes that a run needed at the most: on the accelerator, if it had one."""
    return timing.peak_memory if timing.peak_device_memory is None else timing.peak_device_memory


def size(number: int) -> str:
    """Return bytes for people, in GB of 10^9."""
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.0f} MB"


def _loss(change: Change) -> dict[str, str]:
    note = f"{format_change(change.moved)}, it was {change.before:.3f}"
    return _number("held-out loss", f"{change.after:.3f}", note)


def _speed(timing: Timing) -> str:
    if not timing.steps:
        return ""
    return f"{grouped(median(one.tokens / max(one.seconds, 1e-9) for one in timing.steps))} tokens a second"


def _number(name: str, value: str, note: str) -> dict[str, str]:
    return {"name": name, "value": value, "note": note, "delta": ""}


def _word(value: object) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {number:g}" for key, number in value.items()) or "none"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
