"""What a finished training comes to in words: what was measured, worst first, and what to do with it."""

from collections.abc import Iterator
from statistics import fmean

from thinkmix.flows.pages.formatting import grouped
from thinkmix.flows.pages.training.change import NOTICEABLE, Change, changes_of
from thinkmix.flows.pages.verdict import WORST_FIRST, Signal, Verdict
from thinkmix.schemas.errors import Forgotten, ThinkingModeFailed, ThinkmixError
from thinkmix.schemas.gates import Level
from thinkmix.templates.chat.families.known import family_of
from thinkmix.train.output.result import ModeAnswers, TrainResult

_FEW_ROWS = 20
_MUCH_LEFT_OUT = 0.05
_RIGHT = 0.9
"""Share of answers that do as asked from which a switch works, whatever less a plan was content with."""


def signals(result: TrainResult) -> tuple[Signal, ...]:
    """Return all that was judged, what failed first, then what to look at, then the rest."""
    moved = changes_of(result)
    found = [*_learning(result, moved), *_sources(result, moved), *_switch(result), *_rest(result)]
    return tuple(sorted(found, key=lambda signal: WORST_FIRST[signal.level]))


def verdict(result: TrainResult) -> Verdict:
    """Return whether the weights may be used, and why in up to three sentences."""
    judged = [signal.level for signal in signals(result)]
    why = " ".join(filter(None, (_learnt(result), _held(result), _switched(result))))
    if "fail" in judged:
        return Verdict("bad", "Do not use these weights.", "do not use", why)
    if "warn" in judged:
        return Verdict("warn", "Look before you use these weights.", "look first", why)
    return Verdict("good", "These weights may be used.", "may be used", why)


def failure(error: ThinkmixError) -> Verdict:
    """Return what a training came to that wrote nothing."""
    what = "The training failed"
    if isinstance(error, Forgotten):
        what = "The model forgot a protected source"
    elif isinstance(error, ThinkingModeFailed):
        what = "The model does not think as it is asked to"
    return Verdict("bad", f"{what}: nothing was written.", "the training failed", _sentence(str(error)))


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}{'' if words.endswith('.') else '.'}"


def _learning(result: TrainResult, moved: list[Change]) -> Iterator[Signal]:
    name = "Held-out loss"
    if not moved:
        yield Signal(
            "warn",
            name,
            "was not measured, so nobody knows what the model makes of rows that it has not seen: build the "
            "mixture with eval_share, and train with eval_rows above 0",
        )
        return
    whole = moved[0]
    where = f"{whole.told} on {whole.rows} rows that were not trained on"
    if whole.went == "fell":
        yield Signal("pass", name, f"fell, {where}")
    elif whole.went == "stayed":
        yield Signal("warn", name, f"did not move, {where}: train longer, or with a higher learning rate")
    else:
        yield Signal("fail", name, f"rose, {where}: lower learning_rate, or take fewer steps")
    if whole.rows < _FEW_ROWS:
        told = f"{whole.rows} are few to judge by: raise eval_rows, or the recipe's eval_share"
        yield Signal("warn", "Held-out rows", told)
    until = [point for point in result.evals if point.step <= result.kept_step]
    lowest = min(until, key=lambda point: point.total.loss)
    if whole.went == "fell" and lowest.total.loss <= whole.after - NOTICEABLE:
        yield Signal(
            "warn",
            "Length of the run",
            f"the held-out loss was lowest at step {lowest.step} ({lowest.total.loss:.3f}) and rose since: "
            "fewer steps would have done more",
        )


def _sources(result: TrainResult, moved: list[Change]) -> Iterator[Signal]:
    for source, kept in result.protected.items():
        name = f"Protected source {source}"
        room = f"{kept.before:.3f} → {kept.after:.3f}, and it might rise by {kept.tolerance:g}"
        if not kept.after <= kept.before + kept.tolerance:
            yield Signal("fail", name, f"was forgotten: {room}")
        elif not kept.worst <= kept.before + kept.tolerance:
            yield Signal("warn", name, f"was forgotten on the way ({kept.worst:.3f}) and is not now: {room}")
        else:
            yield Signal("pass", name, f"held: {room}")
    free = [change for change in moved[1:] if change.tolerance is None]
    risen = [change for change in free if change.went == "rose"]
    for change in risen:
        yield Signal("warn", f"{change.kind.capitalize()}: {change.name}", _rose(change))
    if free and not risen:
        yield Signal("pass", "Sources and modes", f"none got worse: {', '.join(each.name for each in free)}")


def _rose(change: Change) -> str:
    advice = f"; --protected {change.key}=0.05 stops a run that forgets it" if change.kind == "source" else ""
    return f"got worse, {change.told}{advice}"


def _switch(result: TrainResult) -> Iterator[Signal]:
    name = "Thinking on and off"
    if not _has_switch(result):
        yield Signal("pass", name, f"{result.template} has one mode only, so there is no switch to check")
    elif result.switch is None:
        yield Signal(
            "warn",
            name,
            "was not checked, so nobody knows whether the model still thinks when asked to, and only then: "
            "train with --mode-prompts 32",
        )
    else:
        for asked, counts in (("on", result.switch.thinking), ("off", result.switch.non_thinking)):
            share = counts.right / max(counts.answers, 1)
            level: Level = "pass" if share >= _RIGHT else "warn"
            level = level if share >= result.plan.mode_least else "fail"
            yield Signal(level, f"Thinking {asked}", _answered(counts, result))


def _answered(counts: ModeAnswers, result: TrainResult) -> str:
    told = f"{counts.right} of {counts.answers} answers do as asked"
    if counts.right / max(counts.answers, 1) < max(_RIGHT, result.plan.mode_least):
        told += f" (the plan wants {result.plan.mode_least:.0%} at the least)"
    cut = counts.opened - counts.closed
    return f"{told}; {cut} traces were cut off at {result.plan.mode_tokens} tokens" if cut else told


def _rest(result: TrainResult) -> Iterator[Signal]:
    steps, losses, counts = len(result.losses), result.losses, result.counts
    if result.kept_step < steps:
        yield Signal(
            "warn",
            "Weights",
            f"those of step {result.kept_step} of {steps} were written: later ones forgot a protected source",
        )
    if steps > 1:
        tenth = -(-steps // 10)
        first, last = fmean(losses[:tenth]), fmean(losses[-tenth:])
        if last > first:
            yield Signal("warn", "Training loss", f"rose from {first:.3f} to {last:.3f}: lower learning_rate")
    left_out = counts.too_long / max(counts.rows + counts.too_long, 1)
    if counts.too_long:
        told = (
            f"{grouped(counts.too_long)} of {grouped(counts.rows + counts.too_long)} training rows are over "
            f"max_tokens ({grouped(result.plan.max_tokens)}) and were left out"
        )
        yield Signal("warn" if left_out > _MUCH_LEFT_OUT else "pass", "Long rows", told)
    if result.model.name == "tiny-random":
        yield Signal(
            "warn",
            "Model",
            "tiny-random began with random weights and cannot answer anything: this run shows that training "
            "works, and no more",
        )


def _has_switch(result: TrainResult) -> bool:
    return family_of(result.template).thinks == "hybrid"


def _learnt(result: TrainResult) -> str:
    moved = changes_of(result)
    if not moved:
        return "The held-out loss was not measured."
    whole = moved[0]
    if whole.went == "stayed":
        return f"The held-out loss stayed at {whole.after:.3f}."
    return f"The held-out loss {whole.went} from {whole.before:.3f} to {whole.after:.3f}."


def _held(result: TrainResult) -> str:
    lost = [
        source for source, kept in result.protected.items() if not kept.after <= kept.before + kept.tolerance
    ]
    if lost:
        return f"Forgotten: {', '.join(lost)}."
    if not result.protected:
        return ""
    one = len(result.protected) == 1
    return "The protected source held." if one else f"All {len(result.protected)} protected sources held."


def _switched(result: TrainResult) -> str:
    if not _has_switch(result):
        return ""
    if result.switch is None:
        return "Whether it thinks as it is asked to was not checked."
    judged = {signal.level for signal in _switch(result)}
    if judged == {"pass"}:
        return "It thinks when asked to, and only then."
    return "It does not always think as it is asked to."
