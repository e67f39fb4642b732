"""Thirty runs of rows that change and things that break: nothing is lost, and a clean build agrees."""

import json
from functools import partial
from pathlib import Path

import pytest
from huggingface_hub import constants

from tests.harness import daily_runs
from tests.harness.loopback_hub import serve
from thinkmix.flows import sources
from thinkmix.flows.build import fetch
from thinkmix.flows.sources.patience import Patience


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Live through some runs with a hub of their own."""

    def call(**settings: int) -> dict:
        with serve() as hub:
            monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
            monkeypatch.setattr(constants, "HF_TOKEN_PATH", "/nonexistent/token")
            impatient = Patience(sleep=lambda seconds: None)
            for room, name in ((sources, "resolve"), (fetch, "fetch_files")):
                monkeypatch.setattr(room, name, partial(getattr(room, name), patience=impatient))
            return daily_runs.live(tmp_path, hub, **settings)

    return call


def violations(told: dict) -> list[str]:
    """Return what did not hold, with the run and its fault."""
    listed = enumerate(told["nights"], 1)
    return [
        f"run {n}, {daily_run['fault']}: {what}"
        for n, daily_run in listed
        for what in daily_run["violations"]
    ]


ROOM = 4
"""What a store that is collected every night may take, in stores that hold one run alone."""


def widest(told: dict) -> float:
    """Return what the store took at most after a run's collection, in stores that hold one run alone."""
    return max(daily_run["bytes"] for daily_run in told["nights"]) / told["bytes"]["clean"]


@pytest.mark.acceptance("A29")
def test_four_nights(live) -> None:
    """A kill, rot, a hub that is away and a damaged pointer, a run each, end as a clean build would."""
    told = live(rows=600, daily_runs=4, seed=0)
    assert violations(told) == []
    assert [daily_run["fault"] for daily_run in told["nights"]] == [
        "kill",
        "rot",
        "hub_down",
        "damaged_pointer",
    ]
    assert told["same"]
    assert sum(daily_run["freed"] for daily_run in told["nights"]) > 0
    assert widest(told) < ROOM


@pytest.mark.acceptance("A29")
@pytest.mark.deep
@pytest.mark.timeout(1_500)
def test_thirty_nights(live) -> None:
    """Rows that change, a fault and a collection every night: nothing lost, bounded, the same digest."""
    told = live(rows=2_000, daily_runs=30, seed=0)
    print(json.dumps(told, indent=1))  # noqa: T201 - the figures of docs/reliability.md, with `pytest -s`
    assert violations(told) == []
    assert len({daily_run["fault"] for daily_run in told["nights"]}) >= 11
    assert told["same"]
    assert told["approved"] == 3
    assert widest(told) < ROOM
