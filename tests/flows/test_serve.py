"""Builds by the clock and by hand: recipes that are served, by this machine or by a team's workers."""

import json
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.recipes import load
from flows.store import open_version, problems
from schemas.recipe import Recipe
from tests.builders import write_recipe
from tests.prefect_server import Api, holders, running, wait_for
from tests.receiver import SECRET, Receiver, receiver

CLI = ("-c", "from flows.cli import main; main()")
EVERY_NIGHT = ("--cron", "0 2 * * *", "--timezone", "Asia/Shanghai")


class Served:
    """A recipe that `thinkmix serve` serves, and the chat that is told of its builds."""

    def __init__(self, api: Api, file: Path, store: Path, chat: Receiver) -> None:
        self.api, self.file, self.store, self.chat = api, file, store, chat

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


@pytest.fixture(scope="module")
def served(api: Api, sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The small mixture, served at two in Shanghai."""
    file = write_recipe(sources / "nightly.yaml", name="nightly")
    store = tmp_path_factory.mktemp("nightly")
    log = store / "serve.log"
    with receiver() as chat:
        command = (*CLI, "serve", file, "--store", store, "--workers", 1, *EVERY_NIGHT)
        with running(log, *command, env={**api.env, "THINKMIX_WEBHOOK": chat.url}) as process:
            kept = Served(api, file, store, chat)

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
    """A run with the schedule's parameters reads the file anew; its artifacts and its message follow."""
    write_recipe(served.file, name="nightly", seed=7)
    ended = served.api.ended(served.start(follow=str(served.file)))
    assert ended["state_type"] == "COMPLETED", ended["state"]
    version = open_version(served.store / "nightly")
    assert problems(version) == []
    assert json.loads((version / "manifest.json").read_text())["recipe"]["seed"] == 7
    artifacts = {found["key"]: found for found in served.api.ask("artifacts/filter", {})}
    (folder,) = (served.store / "nightly" / "runs").iterdir()
    assert artifacts["nightly-summary"]["data"] == (folder / "summary.md").read_text()
    assert artifacts["nightly-ledger"]["type"] == "table"
    assert str(folder / "report.html") in artifacts["nightly-report"]["description"]
    assert [text.split("\n")[0][:19] for text in served.chat.texts()] == ["*nightly* published"]
    assert holders(served.api.home, SECRET) + holders(served.store, SECRET) == []
