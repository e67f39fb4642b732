"""Two models beside each other without a judge: answers that can be verified, and losses of the same rows."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from thinkmix.curation.answers.check import check
from thinkmix.curation.answers.find import final_answers, last_answer
from thinkmix.curation.answers.statuses import AGREE, NO_REFERENCE, UNPARSEABLE
from thinkmix.curation.answers.verify import decide
from thinkmix.curation.export.choices import read_choices
from thinkmix.curation.export.version import Example
from thinkmix.flows.pages.training.evaluation import Interval, LossPair, Verified

Judged = Literal["right", "wrong", "undecided"]

_DRAWS = 2000
_AT_ONCE = 100
"""Draws in memory at a time."""


class Outcome(NamedTuple):
    """What two models make of one row."""

    subset: str
    model: Judged
    against: Judged


def reference_of(example: Example) -> str | None:
    r"""Return the answer that a held-out row teaches: in `\boxed{}` or as the letter of a choice, if any."""
    response = example.messages[-1]["content"] or ""
    if choices := read_choices(_question(example), response):
        return choices.answer
    data = response.encode()
    found = last_answer(data, 0, len(data))
    return found.text or None if found else None


def judge(example: Example, reference: str, said: str) -> Judged:
    """Return whether an answer states the one that the row teaches.

    An answer that arithmetic and math-verify cannot compare is undecided, never wrong.
    """
    data = said.encode()
    stated = final_answers(data, 0, len(data))
    status = check(stated, reference, lambda: _question(example).lower().encode(), decide).status
    if status == AGREE:
        return "right"
    return "undecided" if status in (UNPARSEABLE, NO_REFERENCE) else "wrong"


def _question(example: Example) -> str:
    asked = [turn["content"] or "" for turn in example.messages[:-1] if turn["role"] == "user"]
    return asked[-1] if asked else ""


def compare_answers(outcomes: Sequence[Outcome], *, seed: int) -> dict[str, Verified]:
    """Return wins, ties and losses: of all rows under the empty name, then of each subset."""
    names = sorted({one.subset for one in outcomes})
    parts = {"": outcomes, **{name: [one for one in outcomes if one.subset == name] for name in names}}
    return {name: _verified(mine, seed) for name, mine in parts.items() if mine}


def _verified(outcomes: Sequence[Outcome], seed: int) -> Verified:
    decided = [one for one in outcomes if "undecided" not in (one.model, one.against)]
    mine = np.array([one.model == "right" for one in decided], dtype=bool)
    theirs = np.array([one.against == "right" for one in decided], dtype=bool)
    wins, losses = int((mine & ~theirs).sum()), int((theirs & ~mine).sum())
    ones = np.ones(len(decided))
    return Verified(
        rows=len(outcomes),
        undecided=len(outcomes) - len(decided),
        wins=wins,
        both=int((mine & theirs).sum()),
        neither=int((~mine & ~theirs).sum()),
        losses=losses,
        p=mcnemar(wins, losses),
        difference=bootstrap(mine.astype(float) - theirs, ones, seed=seed) if decided else None,
    )


def mcnemar(wins: int, losses: int) -> float:
    """Return the two-sided p of McNemar's exact test: a binomial test of the pairs that differ.

    McNemar 1947, Psychometrika 12, 153-157. Without a pair that differs it is 1.
    """
    from scipy.stats import binomtest  # noqa: PLC0415 - takes half a second

    return float(binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0


def bootstrap(sums: NDArray[np.float64], counts: NDArray[np.float64], *, seed: int) -> Interval:
    """Return a ratio of sums with its 95 % percentile interval over resampled rows.

    Args:
        sums: what each row adds to the numerator.
        counts: what each row adds to the denominator; above 0.
        seed: of the resampling.
    """
    random, rows = np.random.default_rng(seed), len(sums)
    drawn = np.concatenate(
        [
            sums[places].sum(axis=1) / counts[places].sum(axis=1)
            for _ in range(_DRAWS // _AT_ONCE)
            for places in [random.integers(rows, size=(_AT_ONCE, rows))]
        ]
    )
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(value=float(sums.sum() / counts.sum()), low=float(low), high=float(high))


def compare_losses(
    model: NDArray[np.float64], against: NDArray[np.float64], tokens: NDArray[np.int64], *, seed: int
) -> LossPair:
    """Return the mean losses of two models on the same rows, and the interval of their difference.

    Args:
        model: summed loss of each row, in nats.
        against: that of the other model.
        tokens: trained tokens of each row.
        seed: of the resampling.
    """
    counts = tokens.astype(np.float64)
    return LossPair(
        rows=len(tokens),
        model=float(model.sum() / counts.sum()),
        against=float(against.sum() / counts.sum()),
        difference=bootstrap(model - against, counts, seed=seed),
    )


def subset_of(example: Example) -> str:
    """Return the name of a row's source and mode, as the export for EvalScope calls it."""
    return f"{example.source}_{'thinking' if example.thinking else 'plain'}"


def as_asked(example: Example) -> list[Mapping[str, str]]:
    """Return the turns before the answer, without traces."""
    return [{"role": turn["role"], "content": turn["content"] or ""} for turn in example.messages[:-1]]
