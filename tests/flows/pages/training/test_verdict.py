"""What a finished training comes to: every reason for green, amber and red, and what to do about it."""

import math

import pytest

from tests.harness.trained import STEPS, answers, curve, point, trained
from thinkmix.flows.pages.training.change import Change, changes, changes_of, format_change
from thinkmix.flows.pages.training.verdict import failure, signals, verdict
from thinkmix.schemas.errors import Forgotten, ThinkingModeFailed, TrainError
from thinkmix.schemas.training import TrainPlan
from thinkmix.train.output.result import Guarded

GOOD = trained()


def switched(on: int, off: int):
    """Return the report of a switch at which so many answers of 16 did as asked."""
    assert GOOD.switch
    return GOOD.switch.model_copy(
        update={"thinking": answers(on, thinks=True), "non_thinking": answers(off, thinks=False)}
    )


def guarded(*, worst: float, after: float):
    return {"chat": Guarded(tolerance=0.05, before=1.4, worst=worst, after=after)}


def ended(total: float, **sources: float):
    """Return a curve that ends with these losses."""
    first, last = GOOD.evals[0], GOOD.evals[-1]
    there = {name: kept.loss for name, kept in last.by_source.items()} | sources
    return (first, point(STEPS, total=total, sources=there, modes={"thinking": 1.8, "non_thinking": 1.38}))


def plan(**settings: object) -> TrainPlan:
    return GOOD.plan.model_copy(update=settings)


def counts(**settings: object):
    return GOOD.counts.model_copy(update=settings)


def test_a_run_of_which_everything_was_checked_may_be_used():
    """Held-out loss fell, the protected source held, thinking goes on and off: green, in three sentences."""
    found = verdict(GOOD)
    assert (found.colour, found.headline) == ("good", "These weights may be used.")
    assert found.sentence == (
        "The held-out loss fell from 2.000 to 1.400. The protected source held. "
        "It thinks when asked to, and only then."
    )
    assert {signal.level for signal in signals(GOOD)} == {"pass"}


@pytest.mark.parametrize(
    ("changed", "colour", "name", "sentence"),
    [
        ({"evals": ()}, "warn", "Held-out loss", "was not measured, so nobody knows"),
        (
            {"evals": ended(1.995)},
            "warn",
            "Held-out loss",
            "did not move, 2.000 → 1.995 (−0.005)",
        ),
        ({"evals": ended(2.02)}, "bad", "Held-out loss", "rose, 2.000 → 2.020 (+0.020) on 112 rows"),
        ({"evals": ended(math.nan)}, "bad", "Held-out loss", "rose, 2.000 → nan"),
        (
            {"evals": ended(1.5, tools=1.95)},
            "warn",
            "Source: tools",
            "got worse, 1.900 → 1.950 (+0.050)",
        ),
        (
            {"protected": guarded(worst=1.46, after=1.46)},
            "bad",
            "Protected source chat",
            "was forgotten: 1.",
        ),
        (
            {"protected": guarded(worst=1.46, after=1.4)},
            "warn",
            "Protected source chat",
            "on the way (1.460)",
        ),
        ({"kept_step": 150}, "warn", "Weights", "those of step 150 of 200 were written"),
        ({"switch": None}, "warn", "Thinking on and off", "train with --mode-prompts 32"),
        (
            {"switch": switched(14, 16)},
            "bad",
            "Thinking on",
            "14 of 16 answers do as asked (the plan wants 90%",
        ),
        ({"switch": switched(16, 14)}, "bad", "Thinking off", "14 of 16 answers do as asked"),
        (
            {"switch": switched(14, 16), "plan": plan(mode_least=0.5)},
            "warn",
            "Thinking on",
            "14 of 16 answers do as asked (the plan wants 50% at the least)",
        ),
        (
            {"switch": switched(15, 16), "plan": plan(mode_least=1.0)},
            "bad",
            "Thinking on",
            "15 of 16 answers do as asked (the plan wants 100% at the least)",
        ),
        ({"losses": (1.0, 1.1)}, "warn", "Training loss", "rose from 1.000 to 1.100"),
        ({"counts": counts(rows=90, too_long=10)}, "warn", "Long rows", "10 of 100 training rows are over"),
        ({"model": GOOD.model.model_copy(update={"name": "tiny-random"})}, "warn", "Model", "random weights"),
    ],
)
def test_each_reason_to_look_has_its_colour_and_its_words(changed, colour: str, name: str, sentence: str):
    """One thing is otherwise than in a good run: the first signal says what, and the verdict follows it."""
    result = GOOD.model_copy(update=changed)
    first = signals(result)[0]
    assert (first.name, first.level) == (name, {"bad": "fail", "warn": "warn"}[colour])
    assert sentence in first.sentence
    found = verdict(result)
    headline = {"bad": "Do not use these weights.", "warn": "Look before you use these weights."}[colour]
    assert (found.colour, found.headline) == (colour, headline)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"evals": ()}, "The held-out loss was not measured."),
        ({"evals": ended(2.3)}, "The held-out loss rose from 2.000 to 2.300."),
        ({"evals": ended(2.0)}, "The held-out loss stayed at 2.000."),
        ({"protected": guarded(worst=1.5, after=1.5)}, "Forgotten: chat."),
        ({"switch": None}, "Whether it thinks as it is asked to was not checked."),
        ({"switch": switched(3, 16)}, "It does not always think as it is asked to."),
    ],
)
def test_the_verdict_says_why(changed, sentence: str):
    """The line below the headline says of loss, protected sources and switch what became of each."""
    assert sentence in verdict(GOOD.model_copy(update=changed)).sentence


def test_two_protected_sources_are_counted():
    """With more than one, the sentence says how many held."""
    both = {name: Guarded(tolerance=0.1, before=2.0, worst=2.0, after=1.9) for name in ("chat", "tools")}
    assert "All 2 protected sources held." in verdict(GOOD.model_copy(update={"protected": both})).sentence


def test_sources_that_nobody_protects_are_judged_without_a_bound():
    """Without protected sources nothing is said of them, and all others are measured none the less."""
    free = GOOD.model_copy(update={"protected": {}, "plan": plan(protected={})})
    assert "protected" not in verdict(free).sentence
    (all_of_them,) = [signal for signal in signals(free) if signal.name == "Sources and modes"]
    assert (
        all_of_them.sentence == "none got worse: chat, math, tools, rows without a trace, rows with a trace"
    )


def test_a_template_of_one_mode_has_no_switch_to_check():
    """An instruct model is not amber for want of a check that cannot be made."""
    one_mode = GOOD.model_copy(update={"template": "qwen3-instruct-2507", "switch": None})
    found = {signal.name: signal for signal in signals(one_mode)}
    assert found["Thinking on and off"].level == "pass"
    assert verdict(one_mode).colour == "good"
    assert "think" not in verdict(one_mode).sentence


def test_a_few_held_out_rows_prove_little():
    """With under twenty, a loss that fell is amber."""
    evals = tuple(
        each.model_copy(update={"total": each.total.model_copy(update={"rows": 19})}) for each in GOOD.evals
    )
    found = verdict(GOOD.model_copy(update={"evals": evals}))
    assert found.colour == "warn"
    assert "19 are few" in signals(GOOD.model_copy(update={"evals": evals}))[0].sentence


def test_a_run_that_was_too_long_says_where_it_was_best():
    """The held-out loss fell and rose again: the step of the lowest is named."""
    first, best, last = (GOOD.evals[place] for place in (0, -1, 3))
    turned = (first, best.model_copy(update={"step": 75}), last.model_copy(update={"step": STEPS}))
    found = signals(GOOD.model_copy(update={"evals": turned}))[0]
    assert (found.level, found.name) == ("warn", "Length of the run")
    assert "lowest at step 75 (1.400)" in found.sentence


def test_traces_that_were_cut_off_are_told_and_right():
    """An answer that thinks longer than it may does as asked; the sentence says how many were cut."""
    assert GOOD.switch
    thinking = GOOD.switch.thinking.model_copy(update={"closed": 5})
    result = GOOD.model_copy(update={"switch": GOOD.switch.model_copy(update={"thinking": thinking})})
    (found,) = [signal for signal in signals(result) if signal.name == "Thinking on"]
    assert (found.level, found.sentence) == (
        "pass",
        "16 of 16 answers do as asked; 11 traces were cut off at 256 tokens",
    )


@pytest.mark.parametrize(
    ("error", "headline"),
    [
        (Forgotten("forgotten at step 60"), "The model forgot a protected source: nothing was written."),
        (ThinkingModeFailed("mode switch: no"), "The model does not think as it is asked to: nothing was"),
        (TrainError("step 3: loss nan"), "The training failed: nothing was written."),
    ],
)
def test_a_failure_has_a_headline_and_the_errors_own_sentence(error, headline: str):
    """Red, in words; the sentence begins with a capital and ends with a full stop."""
    found = failure(error)
    assert found.colour == "bad"
    assert found.headline.startswith(headline)
    assert found.sentence == f"{str(error)[0].upper()}{str(error)[1:]}."


def test_changes_are_those_of_the_weights_that_were_kept():
    """With an earlier step's weights, its losses are the ones after."""
    kept = GOOD.model_copy(update={"kept_step": 100})
    assert changes_of(kept)[0].after == GOOD.evals[4].total.loss
    assert [change.key for change in changes_of(kept)] == [
        "",
        "chat",
        "math",
        "tools",
        "non_thinking",
        "thinking",
    ]
    assert [change.tolerance for change in changes_of(kept)] == [None, 0.05, None, None, None, None]
    assert changes(None, curve()[0], {}) == []


@pytest.mark.parametrize(
    ("after", "went", "word"),
    [(1.99, "fell", "−0.010"), (1.9904, "stayed", "−0.010"), (2.0, "stayed", "±0"), (2.02, "rose", "+0.020")],
)
def test_a_hundredth_of_a_nat_is_no_change(after: float, went: str, word: str):
    """Below it a loss stayed; the sign and three digits are always told."""
    change = Change("all", "", 10, 2.0, after, None)
    assert (change.went, format_change(change.moved)) == (went, word)


def test_a_protected_source_is_too_high_above_its_bound_only():
    """On the bound it is held; what is no number is not."""
    assert not Change("source", "a", 1, 1.0, 1.5, 0.5).too_high
    assert Change("source", "a", 1, 1.0, 1.6, 0.5).too_high
    assert Change("source", "a", 1, 1.0, math.nan, 0.5).too_high
    assert not Change("source", "a", 1, 1.0, 9.0, None).too_high
