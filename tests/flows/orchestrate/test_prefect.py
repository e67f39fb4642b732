"""The flow under a real scheduler: its runs, those that were killed, and a server of its own."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.builders import python, recipe, thinkmix, write_recipe
from tests.harness.prefect_server import CANARY, Api, holders, wait_for
from tests.harness.receiver import SECRET, receiver
from thinkmix.flows.store.paths import open_version
from thinkmix.flows.store.store import Store
from thinkmix.flows.store.versions import problems

STARTED = "2026-01-02T02:00:00+00:00"
STAGES = {
    *("resolve math", "resolve chat", "fetch math", "fetch chat", "validate math", "validate chat"),
    *(
        "compare",
        "decontaminate",
        "dedup",
        "sample",
        "assign outcomes",
        "write rejects",
        "publish shards",
        "audit",
        "publish",
    ),
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
    """Three builds through the command line with that server: what each printed, and where their store is.

    One process types them, for it takes seconds to import Prefect: one that is good, one that fails and one
    that is blocked.
    """
    store = tmp_path_factory.mktemp("watched")
    gates = {"quarantine": {"action": "fail", "limit": 0}}
    files = (
        write_recipe(sources / "watched.yaml", name="watched_mix"),
        write_recipe(sources / "greedy.yaml", name="watched_mix", size=10_000, when_short="fail"),
        write_recipe(sources / "strict.yaml", name="strict", gates=gates),
    )
    killed, living = leave(api, store, "watched_mix"), leave(api, store, "another")
    with receiver() as chat:
        flags = ["--store", str(store), "--workers", "1", "--webhook", chat.url]
        typed = json.dumps([["build", str(file), *flags] for file in files])
        done = python("-m", "tests.harness.typed", input=typed, env=api.env, timeout=280)
        assert done.returncode == 0, done.stderr
        ended = dict(zip(("watched", "greedy", "strict"), json.loads(done.stdout), strict=True))
        said = done.stdout + done.stderr
        yield {**ended, "said": said, "store": store, "killed": killed, "living": living, "chat": chat}


def test_build_runs_as_a_flow(api: Api, run: dict):
    """With PREFECT_API_URL set the build is a run of that server: completed, with a task for each stage."""
    assert run["watched"]["code"] == 0, run["watched"]["err"]
    version = open_version(run["store"] / "watched_mix")
    assert problems(version) == []
    assert version.name in run["watched"]["out"]
    (flow_run,) = runs_of(api, "watched_mix", "COMPLETED")
    assert flow_run["parameters"]["workers"] == 1
    assert re.fullmatch(r"watched_mix \d{4}-\d\d-\d\d published", flow_run["name"])
    assert flow_run["state"]["message"].startswith("This version may be trained on.")
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


def test_log_has_rows_and_reasons(api: Api, run: dict):
    """A run logs for each stage and source what was read, kept and dropped, and nothing of tasks."""
    (flow_run,) = runs_of(api, "watched_mix", "COMPLETED")
    asked = {"logs": {"flow_run_id": {"any_": [flow_run["id"]]}}, "limit": 200}
    lines = [line["message"] for line in api.ask("logs/filter", asked)]
    ledger = json.loads((open_version(run["store"] / "watched_mix") / "report.json").read_text())["ledger"]
    for count in ledger["stages"]:
        said = [line for line in lines if line.startswith(f"{count['stage']} {count['source']}: ")]
        assert len(said) == 1
        assert f"{count['read']['rows']:,} row" in said[0]
        assert f"{count['kept']['rows']:,} kept" in said[0]
        for reason, amount in count["dropped"].items():
            assert f"{reason} {amount['rows']:,}" in said[0]
    assert [line for line in lines if "Finished in state Completed()" in line] == []


@pytest.mark.acceptance("A27")
def test_killed_build_is_settled_and_living_ones_are_not(api: Api, run: dict):
    """The lock proves that the build noted before is dead: it is crashed, in the history, and told of."""
    crashed = api.ask(f"flow_runs/{run['killed']}")["state"]
    assert (crashed["type"], crashed["message"][:23]) == ("CRASHED", "Its process was killed:")
    assert api.ask(f"flow_runs/{run['living']}")["state"]["type"] == "RUNNING"
    history = Store(run["store"]).log.runs("watched_mix")
    assert [line["error"] for line in history][:2] == ["killed", None]
    assert not (run["store"] / "watched_mix" / "running.json").exists()
    assert (
        run["chat"]
        .texts()[0]
        .startswith(f"*watched_mix* failed\n\nits process was killed; it had started at {STARTED}")
    )


def test_ledger_and_summary_are_artifacts(api: Api, run: dict):
    """The ledger is a table of the run, the summary a text; both are numbers and names."""
    assert run["watched"]["code"] == 0
    artifacts = {found["key"]: found for found in api.ask("artifacts/filter", {})}
    table = artifacts["watched-mix-ledger"]["data"]
    lines = json.loads(table, parse_constant=pytest.fail)  # NaN and Infinity are not JSON
    assert {"stage", "source", "reason", "rows", "tokens"} <= set(lines[0])
    assert sum(line["rows"] for line in lines if line["stage"] == "validate") == 134
    folder = min((run["store"] / "watched_mix" / "runs").iterdir())
    shown = artifacts["watched-mix-summary"]["data"]
    assert shown.startswith((folder / "summary.md").read_text())
    assert "50.00%" in shown
    assert f"`{folder / 'report.html'}`" in shown  # a link to a file would be stripped by the page
    for key in ("watched-mix-ledger", "watched-mix-summary"):
        assert artifacts[key]["description"].startswith("watched_mix: may be trained on")
    assert run["chat"].texts()[1].startswith("*watched_mix* published")


def test_failed_build_is_a_failed_run(api: Api, run: dict):
    """What a person must fix keeps its exit code and its sentence, and the run is marked as failed."""
    assert run["greedy"]["code"] == 8, run["greedy"]["err"]
    last = run["greedy"]["err"].rstrip().splitlines()[-1]
    assert last.startswith("thinkmix: too little for a size of 10000")
    (failed,) = runs_of(api, "watched_mix", "FAILED")
    assert (failed["name"].split()[-1], failed["state_name"]) == ("failed", "Failed")
    assert failed["state"]["message"].startswith("mixture_error: too little for a size of 10000")
    assert run["chat"].texts()[2].startswith("*watched_mix* failed\n\nmixture_error: too little for a size")
    assert problems(open_version(run["store"] / "watched_mix")) == []


def test_blocked_build_has_a_state_of_its_own(api: Api, run: dict):
    """A version that waits for a person is no crash: its run says so in name, state and message."""
    assert run["strict"]["code"] == 3, run["strict"]["err"]
    assert "Traceback" not in run["said"]
    (blocked,) = runs_of(api, "strict", "FAILED")
    assert (blocked["name"].split()[-1], blocked["state_name"]) == ("blocked", "Blocked")
    assert "the limit is 0 %" in blocked["state"]["message"]


FORM = """
import json, sys
from thinkmix.flows.orchestrate.build import build_mixture
stated = json.load(sys.stdin)
build_mixture(stated, sys.argv[1], workers=1)
"""
"""Starts a run with what a form sends."""


def test_form_that_says_something_impossible_ends_in_a_sentence(api: Api, tmp_path: Path):
    """What only the recipe as a whole can tell is one sentence of the run's state, without a traceback."""
    stated = recipe(name="wrong").model_dump(mode="json")
    stated["mix"]["shares"] = {"math": 0.7, "chat": 0.7}
    ended = python("-c", FORM, tmp_path, input=json.dumps(stated), env=api.env)
    said = [line for line in ended.stderr.splitlines() if "fractions must sum to 1" in line]
    assert "shares sum to 1.4" in said[-1]
    (failed,) = runs_of(api, "wrong", "FAILED")
    words = "recipe_error: recipe.mix.shares: shares sum to 1.4, and fractions must sum to 1: "
    assert failed["state"]["message"].startswith(words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.acceptance("A26")
@pytest.mark.parametrize("secret", [CANARY, SECRET])
def test_secrets_are_nowhere(api: Api, run: dict, secret: str):
    """The token in the environment of a build and its webhook are in no store, no log and no database."""
    assert holders(run["store"], secret) == []
    assert holders(api.home, secret) == []
    assert secret not in run["said"]
    assert secret not in json.dumps(api.runs()) + json.dumps(api.ask("logs/filter", {"limit": 200}))


PLAIN = """
import sys
from thinkmix.flows.cli import main
try:
    main()
finally:
    assert "prefect" not in sys.modules
"""
"""The command line, in a process that must do without Prefect."""


def test_build_without_a_server_starts_none(sources: Path, tmp_path: Path):
    """Where nobody names a server a build runs without Prefect, and leaves nothing of it anywhere."""
    stated = write_recipe(sources / "alone.yaml", name="alone")
    env = {"HF_TOKEN": CANARY, "HOME": str(tmp_path / "home")}
    ended = python("-c", PLAIN, "build", stated, "--store", tmp_path / "store", "--workers", 1, env=env)
    assert ended.returncode == 0, ended.stderr
    assert problems(open_version(tmp_path / "store" / "alone")) == []
    assert "may be trained on" in ended.stdout
    assert not (tmp_path / "store" / ".cache" / "prefect").exists()
    assert not (tmp_path / "home").exists()
    assert holders(tmp_path, CANARY) == []


@pytest.mark.parametrize(
    ("env", "words"),
    [
        (
            {"PREFECT_API_URL": "http://127.0.0.1:9/api"},
            "no Prefect server answers at http://127.0.0.1:9/api",
        ),
        ({"PREFECT_PROFILE": "far"}, "no Prefect server answers at http://127.0.0.1:7/api"),
    ],
)
def test_server_that_is_away_is_one_sentence(env: dict, words: str, sources: Path, tmp_path: Path):
    """A build whose server, of the environment or of a profile, does not answer ends before it begins."""
    (tmp_path / "profiles.toml").write_text('[profiles.far]\nPREFECT_API_URL = "http://127.0.0.1:7/api"\n')
    stated = write_recipe(sources / "away.yaml", name="away")
    home = {"PREFECT_HOME": str(tmp_path)}
    ended = thinkmix("build", stated, "--store", tmp_path / "store", "--json", env={**home, **env})
    assert (ended.returncode, json.loads(ended.stdout)["code"]) == (12, "scheduler_error")
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "store" / "away").exists()


DAILY_RUNS = """
import sys
from pathlib import Path
import thinkmix.flows.build.pipeline
from thinkmix.flows.orchestrate.build import build_mixture
from thinkmix.flows.recipe.recipes import load
from tests.harness.builders import Inline
thinkmix.flows.build.pipeline.workers = lambda *_: Inline()
for stated in sys.argv[2:]:
    found = load(stated)
    build_mixture(found.recipe, Path(sys.argv[1]), found.base, 1, train=found.train)
"""
"""Builds recipes one after the other, as a served process does."""


def test_training_is_a_run_of_its_own(api: Api, sources: Path, tmp_path: Path):
    """One that fails is a failed run within a run that has published; the next run makes up for it."""
    pytest.importorskip("peft", reason="needs thinkmix[train]")
    store, plan = tmp_path / "store", {"max_steps": 1, "batch": 2048, "max_tokens": 2048, "eval_rows": 0}
    tunings = [
        {"model": "tiny-random", "plan": {**plan, "rank": rank}, "when": "missing"} for rank in (40, 2)
    ]
    recipes = [
        write_recipe(sources / f"tuned{daily_run}.yaml", name="tuned", train=tuning)
        for daily_run, tuning in enumerate(tunings)
    ]
    ended = python("-c", DAILY_RUNS, store, *recipes, env=api.env, timeout=200)
    assert ended.returncode == 0, ended.stderr
    assert [line["status"] for line in Store(store).log.trainings("tuned")] == ["failed", "trained"]
    assert len(runs_of(api, "tuned", "COMPLETED")) == 2
    flow = api.ask("flows/name/train-mixture")["id"]
    trainings = [found for found in api.runs() if found["flow_id"] == flow]
    ranks = {found["state_type"]: found["parameters"]["plan"]["rank"] for found in trainings}
    assert ranks == {"FAILED": 40, "COMPLETED": 2}
    assert all(found["parent_task_run_id"] for found in trainings)
