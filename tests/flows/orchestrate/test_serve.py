"""Builds by the clock and by hand: recipes that are served, by this machine or by a team's workers."""

import json
import signal
import threading
import urllib.error
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import Popen

import pytest

from tests.harness.builders import thinkmix, write_recipe
from tests.harness.prefect_server import Api, holders, running, wait_for
from tests.harness.receiver import SECRET, Receiver, receiver
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.flows.recipe.recipes import load
from thinkmix.flows.store.paths import open_version
from thinkmix.flows.store.versions import problems
from thinkmix.schemas.errors import RecipeError, SchedulerError

CLI = ("-c", "from thinkmix.flows.cli import main; main()")
EVERY_NIGHT = ("--cron", "0 2 * * *", "--timezone", "Asia/Shanghai")


@pytest.fixture
def recipes(tmp_path: Path) -> tuple[str, str]:
    """Two files that state the same mixture."""
    return tuple(str(write_recipe(tmp_path / f"{name}.yaml", name="twin")) for name in "ab")


@pytest.fixture(scope="module")
def refusing() -> Iterator[str]:
    """The address of a server that is healthy, but lets nobody in."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path.endswith("/health") else 401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{listening.server_address[1]}/api"
    listening.shutdown()
    listening.server_close()
    thread.join()


def test_serving_needs_a_server_that_stays(tmp_path: Path):
    """Without PREFECT_API_URL the command says which server to start, and ends with exit code 12."""
    env = {"PREFECT_HOME": str(tmp_path)}
    ended = thinkmix("serve", "sample-7-3", "--store", tmp_path / "store", env=env)
    assert ended.returncode == 12, ended.stderr
    assert "prefect server start --host 127.0.0.1" in ended.stderr
    assert not (tmp_path / "store").exists()


def test_server_that_does_not_answer_or_let_in_is_named(refusing: str):
    """No listener is one sentence, a wrong password another."""
    from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings  # noqa: PLC0415

    from thinkmix.flows.orchestrate.scheduler import check_server  # noqa: PLC0415 - imports prefect

    for url, words in (("http://127.0.0.1:9/api", "no Prefect server answers at"), (refusing, r"\(401\)")):
        with (
            temporary_settings({PREFECT_API_URL: url, PREFECT_CLIENT_MAX_RETRIES: 0}),
            pytest.raises(SchedulerError, match=words),
        ):
            check_server()


@pytest.mark.parametrize(
    ("cron", "timezone", "words"),
    [
        ("at two", "UTC", "--cron: "),
        ("0 2 * *", "UTC", "--cron: "),
        ("0 2 * * *", "Mars/Base", "--timezone: "),
    ],
)
def test_impossible_times_are_refused(cron: str, timezone: str, words: str):
    """The flag is named."""
    from thinkmix.flows.orchestrate.serve import deployment, nightly  # noqa: PLC0415 - imports prefect

    with pytest.raises(RecipeError, match=words):
        deployment(*nightly(["sample-7-3"]), Path("store"), cron=cron, timezone=timezone)


def test_one_mixture_is_served_once(recipes: tuple[str, str]):
    """Two recipes of one mixture would wait for each other's lock; one name is not for two."""
    from thinkmix.flows.orchestrate.serve import nightly  # noqa: PLC0415 - imports prefect

    with pytest.raises(RecipeError, match="both build twin; serve one of them"):
        nightly(recipes)
    with pytest.raises(RecipeError, match="--name is for one recipe, got 2"):
        nightly(recipes, "night")
    assert [found.name for found in nightly(recipes[:1], "night")] == ["night"]


class Served:
    """A recipe that `thinkmix serve` serves, and the chat that is told of its builds."""

    def __init__(self, api: Api, file: Path, store: Path, chat: Receiver, process: Popen) -> None:
        self.api, self.file, self.store, self.chat, self.process = api, file, store, chat, process

    @property
    def deployment(self) -> dict:
        """Return the deployment as the server knows it."""
        name = load(str(self.file)).recipe.name
        found = self.api.ask("deployments/filter", {"deployments": {"name": {"any_": [name]}}})
        return found[0] if found else {}

    def start(self, **parameters: object) -> str:
        """Ask for a run, with parameters in place of those of the deployment."""
        known = self.deployment
        stated = {**known["parameters"], **parameters}
        return self.api.ask(f"deployments/{known['id']}/create_flow_run", {"parameters": stated})["id"]

    def end(self, number: int, log: Path) -> None:
        """Send a signal, and check that the process ends with its status, in one sentence."""
        self.process.send_signal(number)
        assert self.process.wait(20) == 128 + number
        said = log.read_text()
        assert said.splitlines()[-1] == "thinkmix: stopped; what was published before is untouched"
        for words in ("Traceback", "never awaited", "Exception"):
            assert words not in said


@pytest.fixture(scope="module")
def served(api: Api, sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The small mixture, served at two in Shanghai."""
    file = write_recipe(sources / "nightly.yaml", name="nightly")
    store = tmp_path_factory.mktemp("nightly")
    log = store / "serve.log"
    with receiver() as chat:
        command = (*CLI, "serve", file, "--store", store, "--workers", 1, *EVERY_NIGHT)
        with running(log, *command, env={**api.env, "THINKMIX_WEBHOOK": chat.url}) as process:
            kept = Served(api, file, store, chat, process)

            def found() -> object:
                assert process.poll() is None, log.read_text()
                return kept.deployment

            assert wait_for(found, 90), log.read_text()
            yield kept


def test_nights_are_scheduled(served: Served):
    """The deployment gets runs at the hour of its time zone, and those read the recipe's file."""
    known = served.deployment
    (schedule,) = known["schedules"]
    assert (schedule["schedule"]["cron"], schedule["schedule"]["timezone"]) == ("0 2 * * *", "Asia/Shanghai")
    filters = {"deployment_id": {"any_": [known["id"]]}, "state": {"type": {"any_": ["SCHEDULED"]}}}
    scheduled = wait_for(lambda: served.api.runs(**filters), 90)
    assert scheduled
    assert {found["expected_start_time"][10:16] for found in scheduled} == {"T18:00"}
    assert {found["parameters"]["follow"] for found in scheduled} == {str(served.file)}


def test_form_is_filled_in_with_the_recipe(served: Served):
    """The deployment's parameters are the recipe, field by field, so that the form shows it."""
    stated = served.deployment["parameters"]
    assert Recipe.model_validate(stated["recipe"]) == load(str(served.file)).recipe
    assert (stated["base"], stated["workers"]) == (str(served.file.parent), 1)
    assert "follow" not in stated


def test_impossible_parameters_are_refused_by_the_form(served: Served):
    """The server itself refuses values out of range, before anything runs."""
    recipe = json.loads(json.dumps(served.deployment["parameters"]["recipe"]))
    recipe["dedup"]["threshold"] = 5
    with pytest.raises(urllib.error.HTTPError) as refused:
        served.start(recipe=recipe)
    assert refused.value.code in (409, 422)
    assert "threshold" in refused.value.read().decode()


def test_night_builds_what_the_file_says_by_then(served: Served):
    """A run with the schedule's parameters reads the file again; its artifacts and its message follow."""
    write_recipe(served.file, name="nightly", seed=7)
    ended = served.api.ended(served.start(follow=str(served.file)))
    assert ended["state_type"] == "COMPLETED", ended["state"]
    version = open_version(served.store / "nightly")
    assert problems(version) == []
    assert json.loads((version / "manifest.json").read_text())["recipe"]["seed"] == 7
    artifacts = {found["key"]: found for found in served.api.ask("artifacts/filter", {})}
    (folder,) = (served.store / "nightly" / "runs").iterdir()
    assert artifacts["nightly-summary"]["data"].startswith((folder / "summary.md").read_text())
    assert artifacts["nightly-ledger"]["type"] == "table"
    assert str(folder / "report.html") in artifacts["nightly-summary"]["data"]
    assert [text.split("\n")[0][:19] for text in served.chat.texts()] == ["*nightly* published"]
    assert holders(served.api.home, SECRET) + holders(served.store, SECRET) == []


def test_serving_ends_with_one_sentence(api: Api, sources: Path, tmp_path: Path):
    """Ctrl-C ends it quietly, without a trace of asyncio, as soon as it serves."""
    file = write_recipe(sources / "ended.yaml", name="ended")
    log = tmp_path / "serve.log"
    with running(log, *CLI, "serve", file, "--store", tmp_path / "store", env=api.env) as process:
        kept = Served(api, file, tmp_path, None, process)
        assert wait_for(lambda: kept.deployment, 90), log.read_text()
        kept.end(signal.SIGINT, log)


def test_serving_that_has_built_ends_with_one_sentence(served: Served):
    """The signal of a service manager ends it as quietly; this is the last test of the file."""
    served.end(signal.SIGTERM, served.store / "serve.log")
