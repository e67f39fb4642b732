"""The plan follows from what was measured by the rule that is written down, and from nothing else."""

import numpy as np
import pytest

from thinkmix.schemas.training import TrainPlan
from thinkmix.train.quantize.quant_plan import (
    Delta,
    ModuleError,
    RowLosses,
    Rule,
    cheapest_format,
    cheapest_plan,
    decide,
    prominent,
)


def losses(mean, *, rows=16, spread=0.0):
    """Give rows of ten tokens with this loss a token, which differs by `spread` from one row to the next."""
    return RowLosses(10 * (mean + spread * np.resize([1, -1], rows)), np.full(rows, 10))


def module(name, error, *, size=100, **errors):
    told = {"nf4_double": error, "nf4": error, "fp4": 1.3 * error, "int8": error / 16, **errors}
    return ModuleError(module=name, shape=(size, 100), errors=told)


EVEN = [module(f"layer{n}", 0.1) for n in range(8)]
ODD = [module("bad", 0.3), module("worse", 0.4), *EVEN]


def formats(four_bit, eight_bit=1.0):
    return {"nf4_double": four_bit, "nf4": four_bit, "fp4": four_bit, "int8": losses(eight_bit)}


def test_the_standard_error_is_how_much_draws_differ():
    """Over 2,000 samples of 50 uneven rows, the error told is that of the samples to a tenth."""
    random = np.random.default_rng(1)
    told, found = [], []
    for _ in range(2000):
        counts = random.integers(5, 100, 50)
        base = random.normal(2, 1, 50) * counts
        delta = RowLosses(base + random.normal(0.01, 0.1, 50) * counts, counts).against(
            RowLosses(base, counts)
        )
        told.append(delta.error)
        found.append(delta.delta)
    assert np.mean(told) == pytest.approx(np.std(found), rel=0.1)
    assert np.mean(found) == pytest.approx(0.01, abs=0.002)


def test_a_difference_that_is_the_same_everywhere_has_no_error():
    """Every token loses 0.1: so does their mean, for certain."""
    delta = losses(1.1, spread=0.5).against(losses(1.0, spread=0.5))
    assert (delta.loss, delta.delta, delta.error) == (
        pytest.approx(1.1),
        pytest.approx(0.1),
        pytest.approx(0),
    )


@pytest.mark.parametrize(
    ("errors", "want"),
    [
        ({}, "nf4_double"),
        ({"nf4_double": 0.2}, "nf4"),
        ({"fp4": 0.0}, "fp4"),
        ({"nf4_double": 0.102}, "nf4_double"),
    ],
)
def test_the_form_is_the_smallest_that_loses_about_the_least(errors, want):
    """Double quantisation unless it loses more; Float4 where weights already are of that form."""
    assert cheapest_format([module(f"layer{n}", 0.1, **errors) for n in range(3)]) == want


@pytest.mark.parametrize(
    ("modules", "extra_bits", "want"),
    [
        (EVEN, 12, ()),
        (ODD, 12, ("worse", "bad")),
        (ODD, 1.2, ("worse",)),
        (ODD, 0.1, ()),
        ([module("vast", 0.9, size=5000), *ODD], 1.0, ("worse",)),
    ],
)
def test_layers_that_stand_out_are_kept_as_far_as_they_fit(modules, extra_bits, want):
    """The greatest error first; one that does not fit leaves room for the next; none where all are alike."""
    assert prominent(modules, "nf4_double", Rule(extra_bits=extra_bits, prominence=1.1)) == want


@pytest.mark.parametrize(
    ("helps", "asked", "want"),
    [
        ({("worse", "bad"), ("worse",)}, [("worse", "bad")], ("worse", "bad")),
        ({("worse",)}, [("worse", "bad"), ("worse",)], ("worse",)),
        (set(), [("worse", "bad"), ("worse",)], ()),
    ],
)
def test_only_layers_that_were_measured_to_help_are_kept(helps, asked, want):
    """All are tried, then the first half; what lowers no loss is not proposed, and all is told."""
    base, quantised = losses(1.0), losses(1.1, spread=0.01)

    def measure(format, kept):
        assert format == "nf4_double"
        return losses(1.05, spread=0.01) if kept in helps else losses(1.1, spread=0.02)

    rule = Rule(extra_bits=12, tolerance=10)
    got = decide(base, formats(quantised), ODD, rule=rule, measure=measure)
    assert list(got.tried) == asked
    assert got.quant_plan.plan["keep_16bit"] == want
    assert TrainPlan.model_validate(got.quant_plan.plan).keep_16bit == want


def test_nothing_is_kept_where_nothing_is_lost():
    """A loss that is not measurably above that of the model as it is leaves nothing to win."""

    def never(format, kept):
        raise AssertionError

    quantised = losses(1.001, spread=0.5)
    got = decide(losses(1.0), formats(quantised), ODD, rule=Rule(extra_bits=12), measure=never)
    assert (got.quant_plan.plan["method"], got.quant_plan.plan["keep_16bit"]) == ("qlora4", ())
    assert "not measurably above" in got.quant_plan.why[1]


@pytest.mark.parametrize(
    ("four", "eight", "want"),
    [
        (0.02, 0.0, {"method": "qlora4", "quant": "nf4", "double_quant": False, "keep_16bit": ("a",)}),
        (0.03, 0.01, {"method": "qlora8"}),
        (0.03, 0.021, {"method": "lora"}),
        (-0.5, 0.0, {"method": "qlora4", "quant": "nf4", "double_quant": False, "keep_16bit": ("a",)}),
    ],
)
def test_the_plan_is_the_smallest_within_the_tolerance(four, eight, want):
    """4 bit where it costs little enough, else 8 bit, else nothing is quantised."""
    costs = [Delta(loss=1, delta=delta, error=0.001, rows=9, trained_tokens=90) for delta in (four, eight)]
    got, why = cheapest_plan("nf4", ("a",), four_bit=costs[0], eight_bit=costs[1], tolerance=0.02)
    assert got == want
    assert "the tolerance of 0.02" in why
