"""What the clock tells of a training run: pace and time left by tokens, and timing.json."""

from dataclasses import replace

import pytest

from thinkmix.flows.pages.training.timing import Stopwatch, Timing, write_timing
from thinkmix.flows.training.pace import time_left
from thinkmix.train.output.result import Progress, Start


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        """Return the seconds that are set."""
        return self.now


TOLD = Progress(
    step=3, steps=4, loss=1.0, learning_rate=1e-3, tokens=260, trained_tokens=90, total_tokens=1260
)


@pytest.fixture
def resumed():
    """A run that went on after its second step, loaded for a minute, and made a step in 4 seconds."""
    clock = Clock()
    watch = Stopwatch(clock)
    clock.now += 60
    watch.begin(Start(step=2, steps=4, tokens=200, trained_tokens=70, total_tokens=1260))
    clock.now += 4
    watch.note(TOLD)
    return watch, clock


def test_pace_counts_only_the_steps_of_this_run(resumed):
    """Neither tokens that were read before the resumption nor the time of loading are in it."""
    watch, clock = resumed
    assert watch.pace == 60 / 4
    clock.now += 6
    watch.note(replace(TOLD, step=4, tokens=1260, trained_tokens=490))
    assert watch.pace == 1060 / 10
    assert [(step.step, step.seconds, step.tokens, step.trained_tokens) for step in watch.steps] == [
        (3, 4, 60, 20),
        (4, 6, 1000, 400),
    ]


def test_time_left_follows_from_the_tokens_that_are_left(resumed):
    """One step of four is left, but most of the tokens: 1,000 at 15 a second take 67 seconds."""
    watch, _ = resumed
    assert time_left(TOLD, watch.pace) == "0:01:07 left"
    assert time_left(TOLD, 0.0) == ""


def test_times_are_written_whole_beside_the_weights(resumed, tmp_path, monkeypatch):
    """The file says when the run went on, how long it all took, and what it needed; nothing else is left."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    watch, clock = resumed
    clock.now += 10
    write_timing(watch.timing("cpu"), tmp_path)
    (written,) = tmp_path.iterdir()
    told = Timing.model_validate_json(written.read_bytes())
    assert (told.resumed_at, told.seconds, told.processes) == (2, 74, 2)
    assert (told.steps, told.began) == (tuple(watch.steps), watch.began)
    assert told.device
    assert told.peak_device_memory is None
    assert 2**20 < told.peak_memory < 2**45
