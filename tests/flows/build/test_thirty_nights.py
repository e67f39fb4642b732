"""Thirty nights of rows that change and things that break: nothing is lost, and a clean build agrees."""

import json
from functools import partial
from pathlib import Path

import pytest
from huggingface_hub import constants

from tests.harness import nights
from tests.harness.loopback_hub import serve
from thinkmix.flows import sources
from thinkmix.flows.build import fetch
from thinkmix.flows.sources.patience import Patience


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Live through some nights with a hub of their own."""

    def call(**settings: int) -> dict:
        with serve() as hub:
            monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
            monkeypatch.setattr(constants, "HF_TOKEN_PATH", "/nonexistent/token")
            impatient = Patience(sleep=lambda seconds: None)
            for room, name in ((sources, "resolve"), (fetch, "fetch_files")):
                monkeypatch.setattr(room, name, partial(getattr(room, name), patience=impatient))
            return nights.live(tmp_path, hub, **settings)

    return call


def violations(told: dict) -> list[str]:
    """Return what did not hold, with the night and its fault."""
    listed = enumerate(told["nights"], 1)
    return [f"night {n}, {night['fault']}: {what}" for n, night in listed for what in night["violations"]]


ROOM = 4
"""What a store that is collected every night may take, in stores that hold one night alone."""


def widest(told: dict) -> float:
    """Return what the store took at most after a night's collection, in stores that hold one night alone."""
    return max(night["bytes"] for night in told["nights"]) / told["bytes"]["clean"]


@pytest.mark.acceptance("A29")
def test_four_nights(live) -> None:
    """A kill, rot, a hub that is away and a damaged pointer, a night each, end as a clean build would."""
    told = live(rows=600, nights=4, seed=0)
    assert violations(told) == []
    assert [night["fault"] for night in told["nights"]] == ["kill", "rot", "hub_down", "damaged_pointer"]
    assert told["same"]
    assert sum(night["freed"] for night in told["nights"]) > 0
    assert widest(told) < ROOM


@pytest.mark.acceptance("A29")
@pytest.mark.deep
@pytest.mark.timeout(1_500)
def test_thirty_nights(live) -> None:
    """Rows that change, a fault and a collection every night: nothing lost, bounded, the same digest."""
    told = live(rows=2_000, nights=30, seed=0)
    print(json.dumps(told, indent=1))  # noqa: T201 - the figures of docs/reliability.md, with `pytest -s`
    assert violations(told) == []
    assert len({night["fault"] for night in told["nights"]}) >= 11
    assert told["same"]
    assert told["accepted"] == 3
    assert widest(told) < ROOM
