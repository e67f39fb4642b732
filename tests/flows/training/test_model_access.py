"""Whether a model can be had is known at once, and the sentence says how to get it."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants

from thinkmix.flows.training.model_access import check_access
from thinkmix.schemas.errors import TrainError

MODEL = "nobody/Qwen3-none"


@contextmanager
def answering(status: int) -> Iterator[tuple[str, list[str]]]:
    """Yield the address of a hub that answers everything with one status, and what it is asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            asked.append(f"{self.path} {self.headers.get('Authorization', 'without a token')}")
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a hub that is not there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setenv("HF_ENDPOINT", address)
    return address


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (401, "private or gated: check the name, set HF_TOKEN to a token that opens it, or name a folder"),
        (403, "private or gated: check the name, set HF_TOKEN to a token that opens it, or name a folder"),
        (404, "has none with a config.json: check the name, or name a folder that holds it"),
    ],
)
def test_a_model_that_the_hub_does_not_give_is_refused(status: int, says: str, monkeypatch):
    """By one question for its config.json."""
    with answering(status) as (address, asked):
        monkeypatch.setenv("HF_ENDPOINT", address)
        monkeypatch.setenv("HF_TOKEN", "hf_mine")
        with pytest.raises(TrainError, match=says):
            check_access(MODEL)
    assert asked == [f"/{MODEL}/resolve/main/config.json Bearer hf_mine"]


@pytest.mark.parametrize("status", [200, 500])
def test_other_answers_are_left_to_who_loads_the_model(status: int, monkeypatch):
    """The model is there, or the hub is in trouble that may pass."""
    with answering(status) as (address, asked):
        monkeypatch.setenv("HF_ENDPOINT", address)
        check_access(MODEL)
    assert len(asked) == 1


def test_what_is_on_this_machine_is_asked_of_nobody(nowhere: str, tmp_path: Path, monkeypatch):
    """A folder, the random model, and a model that was fetched before."""
    check_access(str(tmp_path))
    check_access("tiny-random")
    kept = tmp_path / "models--nobody--Qwen3-none"
    (kept / "refs").mkdir(parents=True)
    (kept / "refs" / "main").write_text("a" * 40)
    (kept / "snapshots" / ("a" * 40)).mkdir(parents=True)
    (kept / "snapshots" / ("a" * 40) / "config.json").write_text("{}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    check_access(MODEL)


def test_a_machine_that_is_told_to_ask_nobody_says_so(nowhere: str, monkeypatch):
    """With HF_HUB_OFFLINE there is no try."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(TrainError, match="HF_HUB_OFFLINE is set: unset it, or name a folder"):
        check_access(MODEL)


@pytest.mark.parametrize("words", [("train",), ("calibrate",)])
def test_training_without_a_network_ends_with_the_way_out(
    words, nowhere: str, version: Path, tmp_path: Path, run: Callable[..., tuple[int, str, str]]
):
    """In one sentence, before a library for models is loaded: it took half a minute."""
    code, _, err = run(*words, version, "--model", MODEL, "--output", tmp_path / "out")
    (told,) = [line for line in err.splitlines() if line.startswith("thinkmix: ")]
    assert code == 10
    assert f"{nowhere} does not answer (ConnectError)" in told
    assert told.endswith("name a folder that holds it, or set HF_ENDPOINT to a mirror")
