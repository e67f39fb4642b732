"""The flow under a real scheduler: its runs, those that were killed, and a server of its own."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.store import Store, open_version, problems
from tests.builders import python, thinkmix, write_recipe
from tests.prefect_server import CANARY, Api, holders, wait_for
from tests.receiver import SECRET, receiver

STARTED = "2026-01-02T02:00:00+00:00"
STAGES = {
    *("resolve math", "resolve chat", "fetch math", "fetch chat", "validate math", "validate chat"),
    *("compare", "decontaminate", "dedup", "draw", "settle", "save", "gather", "audit", "publish"),
}


def leave(api: Api, store: Path, mixture: str) -> str:
    """Leave what a build leaves that is killed: a run that the server believes in, and the note of it."""
    flow = api.ask("flows/", {"name": "build-mixture"})["id"]
    parameters = {"recipe": {"name": mixture}}
    body = {"flow_id": flow, "parameters": parameters, "state": {"type": "RUNNING"}}
    flow_run = api.ask("flow_runs/", body)["id"]
    note = {"mixture": mixture, "started": STARTED, "pid": 1, "boot": "b", "born": "7", "flow_run": flow_run}
    (store / mixture).mkdir(parents=True)
    (store / mixture / "running.json").write_text(json.dumps(note))
    return flow_run


@pytest.fixture(scope="module")
def run(api: Api, sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, object]]:
    """One build through the command line with that server; what it printed and where its store is."""
    stated = write_recipe(sources / "watched.yaml", name="watched_mix")
    store = tmp_path_factory.mktemp("watched")
    killed, living = leave(api, store, "watched_mix"), leave(api, store, "another")
    with receiver() as chat:
        env = {**api.env, "THINKMIX_WEBHOOK": chat.url}
        ended = thinkmix("build", stated, "--store", store, "--workers", 1, env=env, timeout=200)
        yield {"ended": ended, "store": store, "killed": killed, "living": living, "env": env, "chat": chat}


def test_build_runs_as_a_flow(api: Api, run: dict):
    """With PREFECT_API_URL set the build is a run of that server: completed, with a task for each stage."""
    ended = run["ended"]
    assert ended.returncode == 0, ended.stderr
    version = open_version(run["store"] / "watched_mix")
    assert problems(version) == []
    assert version.name in ended.stdout
    (flow_run,) = runs_of(api, "watched_mix", "COMPLETED")
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


def runs_of(api: Api, mixture: str, state: str) -> list[dict]:
    """Return the runs of a mixture in some state."""
    found = api.runs(state={"type": {"any_": [state]}})
    return [flow_run for flow_run in found if flow_run["parameters"].get("recipe", {}).get("name") == mixture]


@pytest.mark.acceptance("A27")
def test_killed_build_is_settled_and_living_ones_are_not(api: Api, run: dict):
    """The lock proves that the build noted before is dead: it is crashed, in the history, and told of."""
    crashed = api.ask(f"flow_runs/{run['killed']}")["state"]
    assert (crashed["type"], crashed["message"][:23]) == ("CRASHED", "Its process was killed:")
    assert api.ask(f"flow_runs/{run['living']}")["state"]["type"] == "RUNNING"
    history = Store(run["store"]).runs("watched_mix")
    assert [line["error"] for line in history][:2] == ["killed", None]
    assert not (run["store"] / "watched_mix" / "running.json").exists()
    assert (
        run["chat"]
        .texts()[0]
        .startswith(f"*watched_mix* failed\n\nits process was killed; it had started at {STARTED}")
    )


def test_ledger_and_summary_are_artifacts(api: Api, run: dict):
    """The ledger is a table of the run, the summary a text; both are numbers and names."""
    assert run["ended"].returncode == 0
    artifacts = {found["key"]: found for found in api.ask("artifacts/filter", {})}
    table = artifacts["watched-mix-ledger"]["data"]
    lines = json.loads(table, parse_constant=pytest.fail)  # NaN and Infinity are not JSON
    assert {"stage", "source", "reason", "rows", "tokens"} <= set(lines[0])
    assert sum(line["rows"] for line in lines if line["stage"] == "validate") == 134
    (folder,) = (run["store"] / "watched_mix" / "runs").iterdir()
    assert artifacts["watched-mix-summary"]["data"] == (folder / "summary.md").read_text()
    assert "50.00%" in artifacts["watched-mix-summary"]["data"]
    assert artifacts["watched-mix-report"]["data"] == f"[report.html]({(folder / 'report.html').as_uri()})"
    assert run["chat"].texts()[1].startswith("*watched_mix* published")


def test_failed_build_is_a_failed_run(api: Api, run: dict, sources: Path):
    """What a person must fix keeps its exit code and its sentence, and the run is marked as failed."""
    stated = write_recipe(sources / "greedy.yaml", name="watched_mix", size=10_000, when_short="fail")
    ended = thinkmix("build", stated, "--store", run["store"], "--workers", 1, env=run["env"], timeout=200)
    assert ended.returncode == 8, ended.stderr
    assert ended.stderr.rstrip().splitlines()[-1].startswith("thinkmix: too little for a size of 10000")
    assert len(runs_of(api, "watched_mix", "FAILED")) == 1
    assert run["chat"].texts()[-1].startswith("*watched_mix* failed\n\nmixture_error: too little for a size")
    assert problems(open_version(run["store"] / "watched_mix")) == []


@pytest.mark.acceptance("A26")
@pytest.mark.parametrize("secret", [CANARY, SECRET])
def test_secrets_are_nowhere(api: Api, run: dict, secret: str):
    """Token and webhook in the environment of a build are in no store, no log and no database."""
    assert holders(run["store"], secret) == []
    assert holders(api.home, secret) == []
    assert secret not in run["ended"].stdout + run["ended"].stderr
    assert secret not in json.dumps(api.runs()) + json.dumps(api.ask("logs/filter", {"limit": 200}))


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
    assert holders(tmp_path, CANARY) == []


NIGHTS = """
import sys
from pathlib import Path
from flows.build import build_mixture
from flows.recipes import load
for stated in sys.argv[2:]:
    found = load(stated)
    build_mixture(found.recipe, Path(sys.argv[1]), found.base, 1, train=found.train)
"""
"""Builds recipes one after the other, as a served process does."""


def test_training_is_a_run_of_its_own(api: Api, sources: Path, tmp_path: Path):
    """One that fails is a failed run within a night that has published; the next night makes up for it."""
    pytest.importorskip("peft", reason="needs thinkmix[train]")
    store, plan = tmp_path / "store", {"max_steps": 1, "batch": 2048, "max_tokens": 2048, "eval_rows": 0}
    tunings = [
        {"model": "tiny-random", "plan": {**plan, "rank": rank}, "when": "missing"} for rank in (40, 2)
    ]
    recipes = [
        write_recipe(sources / f"tuned{night}.yaml", name="tuned", train=tuning)
        for night, tuning in enumerate(tunings)
    ]
    ended = python("-c", NIGHTS, store, *recipes, env=api.env, timeout=200)
    assert ended.returncode == 0, ended.stderr
    assert [line["status"] for line in Store(store).trainings("tuned")] == ["failed", "trained"]
    assert len(runs_of(api, "tuned", "COMPLETED")) == 2
    flow = api.ask("flows/name/train-mixture")["id"]
    trainings = [found for found in api.runs() if found["flow_id"] == flow]
    ranks = {found["state_type"]: found["parameters"]["plan"]["rank"] for found in trainings}
    assert ranks == {"FAILED": 40, "COMPLETED": 2}
    assert all(found["parent_task_run_id"] for found in trainings)
