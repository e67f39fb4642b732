"""Curves of a training: thinned steps, a band around them, and what is marked."""

from math import inf, nan

import pytest

from tests.harness.charts import classes, numbers, parsed, places, texts
from thinkmix.flows.pages.charts.curve import Point, curve, thin_out
from thinkmix.flows.pages.charts.picture import WIDTH


def single(*values: float) -> list[Point]:
    """Return points of one step each."""
    return [Point(step, value, value, value) for step, value in enumerate(values, start=1)]


def test_thinned_steps_keep_their_mean_and_their_bounds():
    """Ten values in four points: groups of three, the last of what is left; no number is passed over."""
    points = thin_out([1, 2, 3, 4, 4, 4, nan, 8, 9, 5], first=11, most=4)
    assert points == [Point(13, 2, 1, 3), Point(16, 4, 4, 4), Point(19, 8.5, 8, 9), Point(20, 5, 5, 5)]
    assert thin_out([], most=4) == []
    assert len(thin_out([0.5] * 12_345)) <= 80


def test_a_lower_loss_lies_lower():
    """The line goes from left to right, and a value halfway lies halfway, with a dot at each."""
    chart = curve(single(3.0, 2.0, 1.0), label="x")
    (left, high), (middle, half), (right, low) = places(chart)
    assert left < middle < right < WIDTH
    assert (high + low) / 2 == pytest.approx(half, abs=0.1)
    assert high < half < low
    assert numbers(chart, "circle", "cy") == [high, half, low]


def test_many_steps_have_a_band_and_no_dots():
    """Where a point stands for several steps, their lowest and highest are drawn around the line."""
    chart = curve(thin_out([1, 2] * 80), label="x")
    assert classes(chart, "path") == ["band", "line"]
    band = next(parsed(chart).iter("path")).get("d")
    assert (band.count("L"), band[-1]) == (2 * len(places(chart)) - 1, "Z")
    assert numbers(chart, "circle", "r") == []


def test_the_step_that_was_kept_has_a_ring_unless_it_is_the_last():
    """The ring lies around the dot of that step."""
    chart = curve(single(3.0, 2.0, 1.0), kept=2, label="x")
    assert classes(chart, "circle") == [None, None, None, "ring"]
    across, down = (numbers(chart, "circle", name) for name in ("cx", "cy"))
    assert (across[3], down[3]) == (across[1], down[1])
    assert "ring" not in classes(curve(single(3.0, 2.0, 1.0), kept=3, label="x"), "circle")


@pytest.mark.parametrize("points", [[], single(2.0), single(0.0), [Point(n, n, 0, 9) for n in range(80)]])
def test_a_curve_of_any_number_of_points_is_drawn(points):
    """None, one or many: a picture, with its limit as a dashed line within it where there is one."""
    assert "limit" not in classes(curve(points, label="x"), "line")
    (limit,) = (
        line
        for line in parsed(curve(points, label="x", limit=2.5)).iter("line")
        if line.get("class") == "limit"
    )
    assert 0 < float(limit.get("y1")) < 126


@pytest.mark.parametrize("limit", [nan, inf])
def test_a_limit_that_is_no_number_is_not_drawn(limit: float):
    """A loss that was no number before the training has no bound to be drawn."""
    assert curve(single(2.0), label="x", limit=limit) == curve(single(2.0), label="x")


@pytest.mark.parametrize("value", [0.0002, 35.0, 3e12])
def test_a_scale_that_begins_at_zero_says_so(value: float):
    """The lowest number is 0, and stands at the foot."""
    chart = curve(single(value, value), label="x", zero=True)
    lowest = next(parsed(chart).iter("text"))
    assert (lowest.text, lowest.get("y")) == ("0", "126.0")
    assert max(numbers(chart, "circle", "cy")) < 20


def test_a_run_of_one_step_names_it():
    """The only step stands below its point, in the middle."""
    chart = curve([Point(120_000, 2.0, 2.0, 2.0)], label="x", decimals=2)
    assert texts(chart)[-2:] == ["120k", "step"]
    assert "2.00" in texts(chart)
