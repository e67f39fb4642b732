"""The flow under a real scheduler: runs, schedules, the form of its parameters, and a server of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError

import pytest

from flows.settings import _DEFAULTS
from flows.store import open_version, problems
from schemas.recipe import Recipe
from tests.builders import ROOT, statement, thinkmix, write_recipe

CANARY = "hf_canaryCANARYcanary0123456789"
STAGES = {
    *("resolve math", "resolve chat", "fetch math", "fetch chat", "validate math", "validate chat"),
    *("compare", "dedup", "draw", "settle", "save", "join", "gather", "audit", "publish"),
}


class Api:
    """The scheduler's API, asked over HTTP."""

    def __init__(self, url: str, home: Path) -> None:
        self.url, self.home = url, home

    def ask(self, path: str, body: object = None) -> object:
        """Get a path, or post a body to it."""
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/{path}", content, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def runs(self, **filters: object) -> list[dict]:
        """Return flow runs, newest first."""
        return self.ask("flow_runs/filter", {"sort": "START_TIME_DESC", "limit": 50, "flow_runs": filters})

    @property
    def env(self) -> dict[str, str]:
        """Point a process at this server, with a token that nobody may ever see."""
        return {"PREFECT_API_URL": self.url, "PREFECT_HOME": str(self.home), "HF_TOKEN": CANARY}


def wait_for(what: Callable[[], object], seconds: float) -> object:
    """Ask again until there is an answer, and return it; None after so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := what():
            return answer
        time.sleep(0.25)
    return None


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
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(20)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A server on a free port of the loopback interface, with the settings that the program recommends."""
    home = tmp_path_factory.mktemp("prefect")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    api = Api(f"http://127.0.0.1:{port}/api", home)
    env = {**_DEFAULTS, "PREFECT_HOME": str(home), "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "5"}
    command = ("-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", port, "--no-ui")
    with running(home / "server.log", *command, env=env) as server:

        def healthy() -> bool:
            assert server.poll() is None, (home / "server.log").read_text()
            try:
                return api.ask("health") is True
            except (URLError, OSError):
                return False

        assert wait_for(healthy, 120), (home / "server.log").read_text()
        yield api


@pytest.fixture(scope="module")
def run(api: Api, sources: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """One build through the command line with that server; what it printed and where its store is."""
    stated = write_recipe(sources / "watched.yaml", name="watched_mix")
    store = tmp_path_factory.mktemp("watched")
    ended = thinkmix("build", stated, "--store", store, "--workers", 1, env=api.env, timeout=200)
    return {"ended": ended, "store": store}


@pytest.fixture(scope="module")
def deployment(
    api: Api, run: dict, sources: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, object]]:
    """The flow, served every night at three; its deployment as the server knows it."""
    recipe = Recipe.model_validate(statement(name="nightly")).model_dump(mode="json")
    parameters = {"recipe": recipe, "store": str(run["store"]), "base": str(sources), "workers": 1}
    log = tmp_path_factory.mktemp("serve") / "serve.log"
    command = ("-m", "tests.serve_flow", "nightly", json.dumps(parameters))
    with running(log, *command, env=api.env) as served:

        def found() -> object:
            assert served.poll() is None, log.read_text()
            return api.ask("deployments/filter", {"deployments": {"name": {"any_": ["nightly"]}}})

        known = wait_for(found, 90)
        assert known, log.read_text()
        yield known[0]


def canaries(folder: Path) -> list[Path]:
    """Return the files below a folder that hold the token."""
    paths = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    assert paths
    return [path for path in paths if CANARY.encode() in path.read_bytes()]


def test_build_runs_as_a_flow(api: Api, run: dict):
    """With PREFECT_API_URL set the build is a run of that server: completed, with a task for each stage."""
    ended = run["ended"]
    assert ended.returncode == 0, ended.stderr
    version = open_version(run["store"] / "watched_mix")
    assert problems(version) == []
    assert version.name in ended.stdout
    done = api.runs(state={"type": {"any_": ["COMPLETED"]}})
    (flow_run,) = [found for found in done if found["parameters"]["recipe"]["name"] == "watched_mix"]
    assert flow_run["parameters"]["workers"] == 1
    tasks = wait_for(lambda: _all_done(api, flow_run["id"]), 60)
    assert {task["name"].rsplit("-", 1)[0] for task in tasks} == STAGES
    assert {task["state_type"] for task in tasks} == {"COMPLETED"}


def _all_done(api: Api, flow_run: str) -> list[dict] | None:
    tasks = api.ask("task_runs/filter", {"task_runs": {"flow_run_id": {"any_": [flow_run]}}})
    return (
        tasks
        if len(tasks) == len(STAGES) and all(task["state_type"] == "COMPLETED" for task in tasks)
        else None
    )


def test_ledger_and_summary_are_artifacts(api: Api, run: dict):
    """The ledger is a table of the run, the summary a text; both are numbers and names."""
    assert run["ended"].returncode == 0
    artifacts = {found["key"]: found for found in api.ask("artifacts/filter", {})}
    table = artifacts["watched-mix-ledger"]["data"]
    lines = json.loads(table, parse_constant=pytest.fail)  # NaN and Infinity are not JSON
    assert {"stage", "source", "reason", "rows", "tokens"} <= set(lines[0])
    assert sum(line["rows"] for line in lines if line["stage"] == "validate") == 134
    assert open_version(run["store"] / "watched_mix").name in artifacts["watched-mix-summary"]["data"]
    assert "50.00%" in artifacts["watched-mix-summary"]["data"]


def test_failed_build_is_a_failed_run(api: Api, run: dict, sources: Path):
    """What a person must fix keeps its exit code and its sentence, and the run is marked as failed."""
    stated = write_recipe(sources / "greedy.yaml", name="watched_mix", size=10_000, when_short="fail")
    ended = thinkmix("build", stated, "--store", run["store"], "--workers", 1, env=api.env, timeout=200)
    assert ended.returncode == 8, ended.stderr
    assert ended.stderr.rstrip().splitlines()[-1].startswith("thinkmix: too little for a size of 10000")
    assert len(api.runs(state={"type": {"any_": ["FAILED"]}})) == 1
    assert problems(open_version(run["store"] / "watched_mix")) == []


def test_schedule_makes_runs(api: Api, deployment: dict):
    """A deployment with a schedule really gets runs, at three each night."""
    filters = {"deployment_id": {"any_": [deployment["id"]]}, "state": {"type": {"any_": ["SCHEDULED"]}}}
    scheduled = wait_for(lambda: api.runs(**filters), 90)
    assert scheduled
    assert {found["expected_start_time"][10:16] for found in scheduled} == {"T03:00"}


def test_requested_run_is_carried_out(api: Api, deployment: dict, run: dict):
    """A run that is asked for over the API, with a parameter of its own, ends with a published version."""
    parameters = {**deployment["parameters"], "workers": 2}
    asked = api.ask(f"deployments/{deployment['id']}/create_flow_run", {"parameters": parameters})

    def ended() -> object:
        state = api.ask(f"flow_runs/{asked['id']}")["state"]
        return state if state["type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED") else None

    state = wait_for(ended, 120)
    assert state
    assert state["type"] == "COMPLETED", state
    version = open_version(run["store"] / "nightly")
    assert problems(version) == []


@pytest.mark.parametrize(
    "model", ["Recipe", "MixPlan", "DedupPlan", "LocalSource", "HubSource", "ModelScopeSource", "Engine"]
)
def test_parameters_are_a_form_with_explanations(model: str, deployment: dict):
    """Whoever starts a run in the browser finds every field of the recipe, each with its sentence."""
    schema = deployment["parameter_openapi_schema"]
    assert set(schema["properties"]) == {"recipe", "store", "base", "workers", "engine", "keep"}
    assert all(field.get("description") for field in schema["properties"].values())
    fields = schema["definitions"][model]["properties"]
    assert {name for name, field in fields.items() if not field.get("description")} - {"kind"} == set()


def test_impossible_parameters_are_refused_by_the_form(api: Api, deployment: dict):
    """The server itself refuses values out of range, before anything runs."""
    parameters = json.loads(json.dumps(deployment["parameters"]))
    parameters["recipe"]["dedup"]["threshold"] = 5
    with pytest.raises(urllib.error.HTTPError) as refused:
        api.ask(f"deployments/{deployment['id']}/create_flow_run", {"parameters": parameters})
    assert refused.value.code in (409, 422)
    assert "threshold" in refused.value.read().decode()


def test_token_is_nowhere(api: Api, run: dict, deployment: dict):
    """A token in the environment of every build is in no store, no log and no database."""
    assert canaries(run["store"]) == []
    assert canaries(api.home) == []
    assert CANARY not in run["ended"].stdout + run["ended"].stderr
    assert CANARY not in json.dumps(api.runs()) + json.dumps(api.ask("logs/filter", {"limit": 200}))


def test_build_without_a_server_brings_its_own(sources: Path, tmp_path: Path):
    """Without PREFECT_API_URL a temporary server is used: quietly, with its database inside the store."""
    stated = write_recipe(sources / "alone.yaml", name="alone")
    env = {"HF_TOKEN": CANARY, "HOME": str(tmp_path / "home")}
    ended = thinkmix("build", stated, "--store", tmp_path / "store", "--workers", 1, env=env, timeout=240)
    assert ended.returncode == 0, ended.stderr
    assert problems(open_version(tmp_path / "store" / "alone")) == []
    assert "may be trained on" in ended.stdout
    for word in ("Traceback", "analytics", "telemetry", "Error", CANARY):
        assert word not in ended.stdout + ended.stderr
    assert list((tmp_path / "store" / ".cache" / "prefect").glob("*.db"))
    assert not (tmp_path / "home" / ".prefect").exists()
    assert canaries(tmp_path) == []
