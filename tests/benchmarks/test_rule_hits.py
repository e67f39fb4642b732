"""The measurement of rules: damage is planted by a seed, into clean rows, and what is found is counted."""

from random import Random

import pytest

from benchmarks.planted import PLANTS, plant
from benchmarks.rule_hits import measure, show
from tests.harness.judged import asked
from thinkmix.curation.rules.known import RULES
from thinkmix.curation.rules.near_empty_trace import NearEmptyTrace

WORDS = [
    "so",
    "this",
    "way",
    "we",
    "get",
    "that",
    "one",
    "more",
    "thing",
    "here",
    "and",
    "it's",
    "<done>",
    "now",
    "&",
]


def row(number: int):
    """Return a row of words in an order of its own."""
    chance = Random(number)
    said = [" ".join(chance.choices(WORDS, k=400)) + f" {place}." for place in range(2)]
    return asked(f"Some hens lay {number} eggs. How many nests are there?", *said)


@pytest.mark.parametrize("rule", PLANTS)
def test_damage_is_planted_by_its_seed(rule):
    """As often as asked for, into other text each time."""
    rows = [row(number) for number in range(6)]
    planted = plant(rule, rows, 4, seed=1)
    assert planted == plant(rule, rows, 4, seed=1)
    assert planted != plant(rule, rows, 4, seed=2)
    assert len(planted) == 4
    assert not any(damaged in rows for damaged in planted)


def test_every_planted_damage_is_that_of_a_rule():
    """A rule that is renamed keeps its recall."""
    assert set(PLANTS) <= {kind.name for kind in RULES}


def test_hits_and_planted_damage_are_counted_apart():
    """Damage is planted into rows in which the rule finds nothing; hits are shown with what stands around."""
    rows = [row(number) for number in range(600)]
    rows[550] = asked("What is it?", "It is 4.", "Okay.")
    record = measure(NearEmptyTrace, rows, 50, 1)
    assert (record.judged, record.hits, record.planted) == (600, 1, 50)
    assert 0 < record.found <= 50
    assert record.bytes > 600 * 2_000
    first, second, *_ = show(NearEmptyTrace, rows, 9, 1)
    assert (first, second) == ("1 hits in texts that differ", "\nnear_empty_trace 1: Okay.")
