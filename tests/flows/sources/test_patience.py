"""How often something is tried, and how long between."""

import pytest

from thinkmix.flows.sources.patience import Patience, Transient, retry
from thinkmix.schemas.errors import SourceCorrupt, SourceUnavailable


def failing(times: int, **settings):
    """Return a function that fails `times` times before it succeeds."""
    left = [times]

    def action() -> str:
        left[0] -= 1
        if left[0] >= 0:
            raise Transient("no luck", **settings)
        return "done"

    return action


@pytest.mark.parametrize("times", range(5))
def test_up_to_four_failures_are_overcome(quick, waits, times):
    """The fifth try is the last; each failure before it costs one wait."""
    assert retry(failing(times), what="it", patience=quick) == "done"
    assert len(waits) == times


def test_the_last_failure_decides_the_error(quick):
    """The error has the class that the failure names, and does not drag the failure along."""
    with pytest.raises(SourceUnavailable, match="it: no luck; gave up after 5 tries"):
        retry(failing(5), what="it", patience=quick)
    with pytest.raises(SourceCorrupt) as caught:
        retry(failing(5, final=SourceCorrupt), what="it", patience=quick)
    assert caught.value.__context__ is None


def test_waits_grow_and_are_the_same_in_every_run():
    """Twice as long each time, within half of that; the same key waits the same, other keys do not."""
    waits = [Patience().wait("a", attempt, None) for attempt in range(4)]
    assert waits == [Patience().wait("a", attempt, None) for attempt in range(4)]
    assert waits != [Patience().wait("b", attempt, None) for attempt in range(4)]
    assert [0.5 <= wait / (0.5 * 2**attempt) < 1.5 for attempt, wait in enumerate(waits)] == [True] * 4


def test_all_waits_together_are_bounded():
    """Without a request of the hub, five tries wait less than twelve seconds in all."""
    assert sum(Patience().wait(key, attempt, None) for key in "a" for attempt in range(4)) < 12
    assert Patience(first_wait=1e6).wait("a", 3, None) == 60


def test_a_hub_that_asks_for_too_long_is_given_up(quick, waits):
    """An hour is not waited, and the error says how long it would have been."""
    with pytest.raises(SourceUnavailable, match="asks to wait 3600 s"):
        retry(failing(1, wait=3600), what="it", patience=quick)
    assert waits == []
