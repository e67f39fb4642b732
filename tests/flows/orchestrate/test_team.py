"""Builds by a team: deployments from prefect.yaml, a worker that runs them, a server that watches over it."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.harness.builders import ROOT, python
from tests.harness.prefect_server import Api, running, server, wait_for
from tests.harness.receiver import Receiver, receiver
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.flows.recipe.recipes import load
from thinkmix.flows.store.paths import open_version
from thinkmix.flows.store.store import Store
from thinkmix.flows.store.versions import problems

STATED = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]


def test_shipped_deployment_follows_the_shipped_recipe():
    """The recipe that the form is filled in with is that of the file which the schedule reads."""
    (deployment,) = STATED
    (schedule,) = deployment["schedules"]
    assert (schedule["cron"], schedule["timezone"]) == ("0 2 * * *", "Asia/Shanghai")
    assert deployment["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}
    followed = load(str(ROOT / schedule["parameters"]["follow"]))
    assert Recipe.model_validate(deployment["parameters"]["recipe"]) == followed.recipe
    assert ROOT / deployment["parameters"]["base"] == followed.base


class Team:
    """A deployment of prefect.yaml, with a worker for it and a chat that is told of its builds."""

    def __init__(self, api: Api, store: Path, chat: Receiver) -> None:
        self.api, self.store, self.chat = api, store, chat

    def prefect(self, *args: object) -> None:
        """Run Prefect's command line in the project's root."""
        ended = python("-m", "prefect", "--no-prompt", *args, env=self.api.env)
        assert ended.returncode == 0, ended.stdout + ended.stderr

    def start(self, **parameters: object) -> str:
        """Ask for a run into the store of the test."""
        (known,) = self.api.ask("deployments/filter", {})
        stated = {**known["parameters"], "store": str(self.store), "workers": 1, **parameters}
        return self.api.ask(f"deployments/{known['id']}/create_flow_run", {"parameters": stated})["id"]

    def pid(self, flow_run: str) -> int:
        """Return the process of a run once it builds."""

        def noted() -> int:
            note = json.loads(Store(self.store).log.noted_running("sample-7-3") or b"{}")
            return note.get("pid", 0) if note.get("flow_run") == flow_run else 0

        found = wait_for(noted, 90)
        assert found
        return found


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """`prefect deploy --all` on a server whose automations tell the chat of crashes."""
    home = tmp_path_factory.mktemp("home")
    with server(home) as api, receiver() as chat:
        made = Team(api, tmp_path_factory.mktemp("team"), chat)
        made.prefect("work-pool", "create", "thinkmix", "--type", "process")
        made.prefect("deploy", "--all")
        automate = (
            "from datetime import timedelta; "
            "from thinkmix.flows.orchestrate.automations import create_automations; "
            "from thinkmix.flows.runs.webhook import configured; "
            "[create_automations(configured(), silence=timedelta(seconds=100)) for _ in range(2)]"
        )
        ended = python("-c", automate, env={**api.env, "THINKMIX_WEBHOOK": chat.url})
        assert ended.returncode == 0, ended.stderr
        yield made


@pytest.fixture
def worker(team: Team) -> Iterator[int]:
    """A worker; its process, which leads a group."""
    command = ("-m", "prefect", "worker", "start", "--pool", "thinkmix")
    env = {**team.api.env, "THINKMIX_WEBHOOK": team.chat.url, "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}
    with running(team.api.home / "worker.log", *command, env=env) as process:
        yield process.pid


@pytest.mark.deep
def test_worker_builds_what_is_deployed(team: Team, worker: int):
    """One run at a time: what is asked for meanwhile is cancelled; the first is built, shown and told of."""
    (known,) = team.api.ask("deployments/filter", {})
    assert known["global_concurrency_limit"]["limit"] == 1
    scheduled = wait_for(lambda: team.api.runs(state={"type": {"any_": ["SCHEDULED"]}}), 60)
    assert {found["expected_start_time"][10:16] for found in scheduled} == {"T18:00"}
    first = team.start(follow=known["schedules"][0]["parameters"]["follow"])
    team.pid(first)
    second = team.api.ended(team.start())
    assert (second["state_type"], second["state"]["message"]) == (
        "CANCELLED",
        "Deployment concurrency limit reached.",
    )
    ended = team.api.ended(first, 200)
    assert ended["state_type"] == "COMPLETED", ended["state"]
    assert problems(open_version(team.store / "sample-7-3")) == []
    keys = {found["key"] for found in team.api.ask("artifacts/filter", {})}
    assert {"sample-7-3-ledger", "sample-7-3-summary"} <= keys
    assert [text.split("\n")[0][:22] for text in team.chat.texts()] == ["*sample-7-3* published"]


@pytest.mark.acceptance("A27")
@pytest.mark.deep
def test_killed_build_is_crashed_and_told_of_once(team: Team, worker: int):
    """The worker notices, the server tells, the next build goes through and settles the history."""
    told = len(team.chat.messages)
    killed = team.start()
    os.kill(team.pid(killed), signal.SIGKILL)
    assert team.api.ended(killed)["state_type"] == "CRASHED"
    ended = team.api.ended(team.start(), 200)
    assert ended["state_type"] == "COMPLETED", ended["state"]
    assert [line["error"] for line in Store(team.store).log.runs("sample-7-3")][-2:] == ["killed", None]
    assert [text for text in team.chat.texts()[told:] if "killed or fell silent" in text] == [
        "*sample-7-3* failed: its process was killed or fell silent. What was published before is untouched."
    ]


@pytest.mark.acceptance("A27")
@pytest.mark.deep
@pytest.mark.timeout(600)
def test_run_that_fell_silent_is_crashed_by_the_server(team: Team):
    """With worker and build gone only the server is left to notice; it lets a healthy run of that age be."""
    told = len(team.chat.messages)
    command = ("-m", "prefect", "worker", "start", "--pool", "thinkmix")
    with running(team.api.home / "doomed.log", *command, env=team.api.env) as process:
        lost = team.start()
        pid = team.pid(lost)
        os.killpg(process.pid, signal.SIGKILL)
        os.kill(pid, signal.SIGKILL)
    started = time.monotonic()
    healthy = (
        "import time; from prefect import flow; from thinkmix.flows.orchestrate.automations import FLOW; "
        "flow(lambda: time.sleep(150), name=FLOW)()"
    )
    env = {**team.api.env, "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}
    with running(team.api.home / "healthy.log", "-c", healthy, env=env) as process:
        ended = team.api.ended(lost, 240)
        assert process.wait(200) == 0
    assert (ended["state_type"], ended["state"]["message"]) == (
        "CRASHED",
        "No sign of life: its process is gone.",
    )
    assert time.monotonic() - started > 150
    states = {found["id"]: found["state_type"] for found in team.api.runs(deployment_id={"is_null_": True})}
    assert set(states.values()) == {"COMPLETED"}
    assert wait_for(lambda: len(team.chat.messages) > told, 30)
