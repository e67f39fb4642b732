"""Histograms, bars and trends: what is drawn, in what size and colour, of any number of values."""

import pytest

from tests.harness.charts import classes, numbers, parsed, places, texts
from tests.harness.reports import full_run
from thinkmix.flows.build.pipeline import Built
from thinkmix.flows.pages.charts.bars import counts, grouped_bars
from thinkmix.flows.pages.charts.histogram import histogram
from thinkmix.flows.pages.charts.picture import WIDTH
from thinkmix.flows.pages.charts.trend import trend
from thinkmix.schemas.run import PastRun


@pytest.fixture(scope="module")
def daily_runs(built: Built) -> tuple[PastRun, ...]:
    """Thirty runs that ended in all ways."""
    return full_run(built.run.report).trend


def test_a_chart_is_an_image_with_a_text_in_the_colour_of_its_source():
    """The SVG scales, has an alternative text, takes its colours from the page, and needs no id or font."""
    chart = histogram(["1k", "2k"], [3, 1], place=7, label='Tokens of "a" <b>\x1b')
    drawn = parsed(chart)
    assert (drawn.get("role"), drawn.get("aria-label")) == ("img", 'Tokens of "a" <b>·')
    assert drawn.get("viewBox") == f"0 0 {WIDTH} 156"
    assert classes(chart, "g") == ["k1", "k1"]
    assert texts(chart) == ["75%", "1k", "25%", "2k"]
    for needless in ("id=", "style=", "font", "clip", "xmlns", "<title", "var("):
        assert needless not in chart
    assert chart == histogram(["1k", "2k"], [3, 1], place=7, label='Tokens of "a" <b>\x1b')


def test_bars_of_a_histogram_stand_on_one_line_and_are_as_high_as_their_counts():
    """A bin with nothing in it has a name, and neither a bar nor a part."""
    chart = histogram(["1k", "2k", "4k"], [50, 0, 100], place=0, label="x")
    high = numbers(chart, "rect", "height")
    assert high[0] == pytest.approx(high[1] / 2, abs=0.1)
    assert numbers(chart, "rect", "y") == [-tall for tall in high]
    assert {group.get("transform").split()[1] for group in parsed(chart).iter("g")} == {"132)"}
    assert texts(chart) == ["33%", "1k", "2k", "67%", "4k"]


def test_bars_are_as_long_as_their_numbers_and_stay_in_the_picture():
    """A part twice as large has a bar twice as long, and the longest one leaves room for its number."""
    chart = grouped_bars(["1", "2"], [(0, [0.5, 0.25]), (7, [1.0, 0.0])], label="a <b>")
    assert classes(chart, "rect") == ["k0", "k1"] * 2
    long = numbers(chart, "rect", "width")
    assert long == pytest.approx([long[1] / 2, long[1], long[1] / 4, 0], abs=0.1)
    begin = next(parsed(chart).iter("g")).get("transform").removeprefix("translate(").split()[0]
    assert float(begin) + long[1] < WIDTH - 25
    assert texts(chart) == ["1", "50%", "100%", "2", "25%", "0%"]


def test_counts_are_seen_whether_large_or_tiny():
    """A million and one both have a bar; names are cut and hold no tag or control character."""
    chart = counts(["a" * 90, "\x1b<i>"], [1_000_000, 1], label="x")
    assert min(numbers(chart, "rect", "width")) > 5
    assert texts(chart) == ["a" * 23 + "…", "1\u202f000\u202f000", "·<i>", "1"]


def test_a_trend_marks_every_run_and_draws_a_line_through_those_that_have_a_figure(daily_runs):
    """Thirty runs have thirty marks in the colours of their endings, and one line past those that failed."""
    chart = trend(daily_runs, [daily_run.examples for daily_run in daily_runs], label="x")
    assert classes(chart, "path") == ["line", *(f"s-{daily_run.status}" for daily_run in daily_runs)]
    assert len(places(chart)) == len([daily_run for daily_run in daily_runs if daily_run.status != "failed"])
    failed = [path.get("d") for path in parsed(chart).iter("path") if path.get("class") == "s-failed"]
    assert [mark.split("m")[0].split()[1] for mark in failed] == ["122.0"] * 2


def test_the_scale_of_a_trend_shows_one_percent_as_little(daily_runs):
    """From 35,000 to 35,350 is nearly a level line, between lines of the scale that bear round numbers."""
    chart = trend(daily_runs[-1:] * 2, [35_000, 35_350], label="x")
    assert texts(chart) == ["32k", "34k", "36k", "38k"]
    (_, before), (_, after) = places(chart)
    assert 0 < before - after < 15
    for figures, word in (([0, 3], "2"), ([0.04, 0.05], "0.05"), ([2e9, 3e9], "2.5G"), ([0, 0], "0")):
        assert word in texts(trend(daily_runs[-1:] * 2, figures, label="x"))


@pytest.mark.parametrize(
    "draw",
    [
        lambda: grouped_bars([], [], label="none"),
        lambda: counts([], [], label="none"),
        lambda: histogram([], [], place=0, label="none"),
        lambda: histogram(["1k"], [0], place=0, label="zero"),
        lambda: grouped_bars(["\x1b[31m", ""], [(0, [0.0, 0.0])], label="zero"),
        lambda: counts(["2 rows"], [2_000_000_000], label="many"),
        lambda: trend([], [], label="none"),
    ],
)
def test_charts_of_nothing_and_of_very_much_are_drawn(draw):
    """No number of bins, rows or runs ends a report."""
    assert parsed(draw()).tag == "svg"
