"""Scales: where values lie, which round numbers stand beside them, and how these are written."""

import pytest

from thinkmix.flows.pages.charts.scale import Scale, Tick, inside, path, room


def words(low: float, high: float, about: int = 4, **settings) -> list[str]:
    """Return the numbers beside a scale."""
    return [tick.words for tick in Scale(low, high, 0, 100).ticks(about, **settings)]


def test_a_value_lies_as_far_as_it_is_large():
    """Also on a scale that grows upwards, where pixels count down."""
    down = Scale(2, 4, 126, 6)
    assert [down(value) for value in (2, 3, 4)] == [126, 66, 6]


def test_a_scale_of_one_value_has_it_in_the_middle():
    """A run of one step is one point in the middle of its picture."""
    scale = Scale(7, 7, 40, 60)
    assert scale(7) == 50
    assert scale.ticks(5, whole=True) == (Tick(50, "7"),)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0, 100, ["0", "20", "40", "60", "80", "100"]),
        (0, 0.3, ["0", "0.1", "0.2", "0.3"]),
        (0, 2e-4, ["0", "0.00005", "0.0001", "0.00015", "0.0002"]),
        (0, 1e-6, ["0", "2e-7", "4e-7", "6e-7", "8e-7", "1e-6"]),
        (0, 25_000, ["0", "5k", "10k", "15k", "20k", "25k"]),
        (1000, 1050, ["1k", "1.01k", "1.02k", "1.03k", "1.04k", "1.05k"]),
        (0, 2_000_000, ["0", "500k", "1M", "1.5M", "2M"]),
        (1e9, 3e9, ["1G", "1.5G", "2G", "2.5G", "3G"]),
        (-1, 1, ["-1", "-0.5", "0", "0.5", "1"]),
    ],
)
def test_numbers_are_round_and_as_short_as_their_difference_allows(low: float, high: float, said: list[str]):
    """A multiple of 1, 2 or 5 apart, thousands with a letter, and never two that read the same."""
    assert words(low, high) == said


def test_losses_keep_their_decimals_and_get_more_where_they_differ_by_less():
    """Two at the least; three on a scale where two would say one number twice."""
    assert words(1.4, 2, decimals=2) == ["1.40", "1.60", "1.80", "2.00"]
    assert words(1.4, 1.41, decimals=2) == ["1.400", "1.402", "1.404", "1.406", "1.408", "1.410"]


def test_steps_are_never_parts_of_one():
    """A run of three steps has three numbers."""
    assert words(1, 3, 5, whole=True) == ["1", "2", "3"]


@pytest.mark.parametrize("high", [1e-12, 3e-5, 0.07, 1, 47, 999, 1001, 250_000, 7e12])
@pytest.mark.parametrize("low", [0, 0.5, 0.999])
def test_a_scale_has_a_few_numbers_that_differ(low: float, high: float):
    """From 2 to 10 for any range, all different, all within it."""
    said = words(low * high, high)
    assert 2 <= len(said) <= 10
    assert len(set(said)) == len(said)


def test_words_have_room_in_a_wide_font_and_stay_in_the_picture():
    """The longest decides, and a number at the right end moves to the left."""
    assert room(["0", "0.00005"], least=38) > room(["0"], least=38) == 44
    assert inside(Tick(100, "200"), 400) == Tick(100, "200")
    assert inside(Tick(400, "200"), 400).at < 390


def test_a_path_leads_through_its_places():
    """Straight from one to the next; without places it is empty."""
    assert path([(1.5, 2.0), (3.0, 4.0)]) == "M1.5 2.0L3.0 4.0"
    assert path([]) == ""
