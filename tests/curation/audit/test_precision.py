"""The figures of precision: those of the verdicts that are kept, of the planted rows, and of the docs."""

import json
from collections import Counter

import pytest

from tests.harness.builders import ROOT
from thinkmix.curation.audit.precision import COUNTED, interval, measured_precision

VERDICTS = Counter(
    (line.split()[0], line.split()[-1])
    for line in (ROOT / "benchmarks" / "judged_pairs.txt").read_text(encoding="utf-8").splitlines()
)


@pytest.mark.parametrize("reason", sorted(COUNTED))
def test_figures_are_those_of_the_verdicts_and_of_the_planted_rows(reason: str) -> None:
    """Right, read and planted are what the files say, so that none of them drifts."""
    planted = json.loads((ROOT / "data" / "samples" / "planted.json").read_bytes()).values()
    right, wrong = VERDICTS[reason, "right"], VERDICTS[reason, "wrong"]
    assert COUNTED[reason] == (right, right + wrong, sum(source.get(reason, 0) for source in planted))


def test_reasons_are_those_that_were_read() -> None:
    """A reason without verdicts has no figure, and one with verdicts has."""
    assert {reason for reason, _ in VERDICTS} == set(COUNTED)


def test_docs_state_the_same_figures() -> None:
    """docs/recipes.md says the parts, the intervals and how many are planted."""
    text = " ".join((ROOT / "docs" / "recipes.md").read_text(encoding="utf-8").split())
    near, cap = measured_precision()
    assert f"all {near.planted + cap.planted} planted near-duplicates" in text
    assert f"of all {near.pairs} near-duplicates {near.right} ask the same" in text
    part, low, high = (f"{100 * value:.1f}" for value in (near.right / near.pairs, near.low, near.high))
    assert f"({part} %, 95 % interval {low} to {high} %)" in text
    assert f"Of {cap.pairs} `solution_cap` rows" in text
    assert f"({100 * cap.low:.1f} to {100 * cap.high:.0f} %)" in text


@pytest.mark.parametrize(("right", "judged", "low", "high"), [(8, 10, 0.490, 0.943), (0, 10, 0.0, 0.278)])
def test_interval_is_wilsons(right: int, judged: int, low: float, high: float) -> None:
    """The published values of the score interval for 8 and for none of 10."""
    assert interval(right, judged) == (pytest.approx(low, abs=5e-4), pytest.approx(high, abs=5e-4))
