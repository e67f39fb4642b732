"""A hub to fetch from, and patience that does not sleep."""

from pathlib import Path

import pytest
from huggingface_hub import constants

from tests.harness.loopback_hub import serve
from thinkmix.flows.sources.patience import Patience


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A running hub that both clients are pointed at, with nobody logged in."""
    with serve() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", running.endpoint)
        monkeypatch.setenv("MODELSCOPE_HOME", str(tmp_path / "modelscope-home"))
        for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "MODELSCOPE_API_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
        yield running


@pytest.fixture
def waits() -> list[float]:
    """The waits that were not waited."""
    return []


@pytest.fixture
def quick(waits) -> Patience:
    """Five tries without a pause."""
    return Patience(sleep=waits.append)


@pytest.fixture
def into(tmp_path) -> Path:
    """A cache folder."""
    return tmp_path / "cache"
