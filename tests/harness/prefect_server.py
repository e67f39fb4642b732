"""A Prefect server on a free port of the loopback interface, and programs that run beside it."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import HTTPError, URLError

from tests.harness.builders import ROOT
from thinkmix.flows.orchestrate.settings import _DEFAULTS

CANARY = "hf_canaryCANARYcanary0123456789"
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


class Api:
    """The scheduler's API, asked over HTTP."""

    def __init__(self, url: str, home: Path) -> None:
        self.url, self.home = url, home

    def ask(self, path: str, body: object = None) -> object:
        """Get a path, or post a body to it."""
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/{path}", content, {"Content-Type": "application/json"})
        for left in reversed(range(5)):
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return json.load(answer)
            except HTTPError as error:
                if error.code != 503 or not left:  # its database is locked: Prefect's own client asks again
                    raise
                time.sleep(1)
        raise AssertionError

    def runs(self, **filters: object) -> list[dict]:
        """Return flow runs, newest first."""
        return self.ask("flow_runs/filter", {"sort": "START_TIME_DESC", "limit": 50, "flow_runs": filters})

    def ended(self, flow_run: str, seconds: float = 120) -> dict:
        """Wait until a run has ended, and return it."""

        def over() -> object:
            found = self.ask(f"flow_runs/{flow_run}")
            return found if found["state_type"] in ENDED else None

        found = wait_for(over, seconds)
        assert found, self.ask(f"flow_runs/{flow_run}")
        return found

    @property
    def env(self) -> dict[str, str]:
        """Point a process at this server, with a token that nobody may ever see."""
        return {"PREFECT_API_URL": self.url, "PREFECT_HOME": str(self.home), "HF_TOKEN": CANARY}


def wait_for(what: Callable[[], object], seconds: float) -> object:
    """Ask again until there is an answer, and return it; None after `seconds`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := what():
            return answer
        time.sleep(0.25)
    return None


def holders(folder: Path, secret: str) -> list[Path]:
    """Return the files below a folder that hold a secret."""
    paths = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    assert paths
    return [path for path in paths if secret.encode() in path.read_bytes()]


@contextmanager
def running(log: Path, *args: object, env: dict[str, str]) -> Iterator[subprocess.Popen]:
    """Run a program that goes on until it is ended, with its whole process group."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, *map(str, args)],
            cwd=ROOT, env={**os.environ, **env}, stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):  # it has ended by itself, and was waited for
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(20)


def free_port() -> int:
    """Return a port below those that the kernel hands out: other tests get none of these meanwhile."""
    for port in random.sample(range(20_000, 32_000), 50):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError


@contextmanager
def server(home: Path, *, ui: bool = False) -> Iterator[Api]:
    """Run a server with the settings that the program recommends, its database in a folder of its own."""
    port = free_port()
    api = Api(f"http://127.0.0.1:{port}/api", home)
    env = {
        **_DEFAULTS,
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "5",
        "PREFECT_SERVER_API_PORT": str(port),  # `--port` would not reach the page
        "PREFECT_SERVER_UI_API_URL": "/api",
    }
    command = ("-m", "prefect", "server", "start", "--host", "127.0.0.1", *(() if ui else ("--no-ui",)))
    with running(home / "server.log", *command, env=env) as process:

        def healthy() -> bool:
            assert process.poll() is None, (home / "server.log").read_text()
            try:
                return api.ask("health") is True
            except (URLError, OSError):
                return False

        assert wait_for(healthy, 120), (home / "server.log").read_text()
        yield api
