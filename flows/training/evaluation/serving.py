"""A model of this machine behind an endpoint: `transformers serve` in a child that ends with its context."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from thinkmix.flows.training.evaluation.endpoint import Endpoint
from thinkmix.schemas.errors import TrainError

_NEEDS = ("transformers", "torch", "accelerate", "openai", "fastapi", "uvicorn")
_PATIENCE = 900.0
"""Seconds that a model may take to load."""
_LAST = 10.0
"""Seconds that a server may take to end by itself."""


def check_folder(model: Path) -> None:
    """Refuse what `transformers serve` cannot load.

    Raises:
        TrainError: with the way out.
    """
    if (model / "adapter_config.json").is_file():
        way = f"`thinkmix merge {model} --model BASE --output FOLDER` makes a model of it"
        msg = f"{model} holds an adapter: {way}"
        raise TrainError(msg)
    if missing := [name for name in ("config.json", "tokenizer.json") if not (model / name).is_file()]:
        msg = f"{model} is not the folder of a model: it has no {' and no '.join(missing)}"
        raise TrainError(msg)


@contextmanager
def serve(model: Path, *, pythons: Sequence[Path], log: Path, seed: int) -> Iterator[Endpoint]:
    """Give the endpoint of a model's folder on a free port of 127.0.0.1; end its server afterwards.

    Args:
        model: folder of a whole model.
        pythons: interpreters that may have what `transformers serve` needs, besides our own.
        log: file for what the server says.
        seed: of the server's sampling.

    Raises:
        TrainError: if nothing can serve, or the server ends before it answers.
    """
    check_folder(model)
    python = _able([Path(sys.executable), *pythons])
    port = _free_port()
    place = str(model.resolve())
    command = [
        str(python), "-c", "from transformers.cli.transformers import main; main()", "serve", place,
        "--host", "127.0.0.1", "--port", str(port), "--default-seed", str(seed),
    ]  # fmt: skip
    with log.open("wb") as out:
        child = subprocess.Popen(
            command,
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
            start_new_session=True,
        )
        try:
            _wait(child, port, model, log)
            yield Endpoint(f"http://127.0.0.1:{port}/v1", place)
        finally:
            end(child)


def end(child: "subprocess.Popen[bytes]") -> None:
    """End a child that we started, by its id, and wait for it."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(_LAST)
        except subprocess.TimeoutExpired:
            child.kill()
    child.wait()


def _able(pythons: Sequence[Path]) -> Path:
    ask = f"import importlib.util as u, sys; sys.exit(not all(map(u.find_spec, {_NEEDS!r})))"
    for python in pythons:
        if subprocess.run([python, "-c", ask], capture_output=True, check=False).returncode == 0:
            return python
    msg = (
        "--model PATH is served by `transformers serve`, which needs openai, fastapi and uvicorn: "
        "pip install 'transformers[serving]', or name a running server with --endpoint URL"
    )
    raise TrainError(msg)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(child: "subprocess.Popen[bytes]", port: int, model: Path, log: Path) -> None:
    ends = time.monotonic() + _PATIENCE
    with httpx.Client(trust_env=False, timeout=5) as client:
        while child.poll() is None and time.monotonic() < ends:
            try:
                if client.get(f"http://127.0.0.1:{port}/health").is_success:
                    return
            except httpx.HTTPError:
                time.sleep(0.3)
    said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    msg = f"the server of {model} does not start: {said[-1] if said else 'it says nothing'}"
    raise TrainError(msg)
