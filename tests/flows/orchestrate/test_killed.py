"""Builds that are killed with -9 beside others that live: the dead are settled, the living left alone."""

import json
import os
import signal
from pathlib import Path

import pytest

from tests.harness.builders import thinkmix, write_recipe
from tests.harness.prefect_server import Api, running, wait_for
from thinkmix.flows.store.paths import open_version
from thinkmix.flows.store.store import Store
from thinkmix.flows.store.versions import problems

CLI = ("-c", "from thinkmix.flows.cli import main; main()")


def noted(store: Path, mixture: str) -> str | None:
    """Return the scheduler's run of the build that holds a mixture's lock."""
    content = Store(store).log.noted_running(mixture)
    return json.loads(content)["flow_run"] if content else None


@pytest.mark.acceptance("A27")
@pytest.mark.deep
def test_only_the_killed_build_is_crashed(api: Api, sources: Path, tmp_path: Path):
    """The next build of its mixture settles it, while one of another mixture is stopped halfway."""
    store = tmp_path / "store"
    for name in ("dead", "alive"):
        write_recipe(sources / f"{name}.yaml", name=name)

    def command(name: str) -> tuple[object, ...]:
        return ("build", sources / f"{name}.yaml", "--store", store, "--workers", 1)

    with (
        running(tmp_path / "alive.log", *CLI, *command("alive"), env=api.env) as alive,
        running(tmp_path / "dead.log", *CLI, *command("dead"), env=api.env) as dead,
    ):
        living = wait_for(lambda: noted(store, "alive"), 90)
        os.kill(alive.pid, signal.SIGSTOP)
        killed = wait_for(lambda: noted(store, "dead"), 90)
        os.killpg(dead.pid, signal.SIGKILL)
        dead.wait(20)
        assert api.ask(f"flow_runs/{killed}")["state_type"] == "RUNNING"
        again = thinkmix(*command("dead"), env=api.env, timeout=200)
        assert again.returncode == 0, again.stderr
        assert api.ask(f"flow_runs/{killed}")["state_type"] == "CRASHED"
        assert api.ask(f"flow_runs/{living}")["state_type"] == "RUNNING"
        os.kill(alive.pid, signal.SIGCONT)
        assert alive.wait(120) == 0, (tmp_path / "alive.log").read_text()
    assert api.ended(living)["state_type"] == "COMPLETED"
    assert [line["error"] for line in Store(store).log.runs("dead")] == ["killed", None]
    assert [line["error"] for line in Store(store).log.runs("alive")] == [None]
    assert all(problems(open_version(store / name)) == [] for name in ("dead", "alive"))
