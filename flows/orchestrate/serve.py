"""Builds every night on one machine: recipes as deployments of a Prefect server, run by this process."""

import asyncio
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from thinkmix.flows.orchestrate.settings import settle_prefect

settle_prefect()

# the settings above are read when prefect is imported
from prefect.client.schemas.schedules import CronSchedule  # noqa: E402
from prefect.deployments.runner import RunnerDeployment  # noqa: E402
from prefect.runner import Runner  # noqa: E402
from prefect.schedules import Cron  # noqa: E402
from prefect.types.entrypoint import EntrypointType  # noqa: E402
from pydantic import ValidationError  # noqa: E402

from thinkmix.flows.executor.engine import LOCAL, Executor  # noqa: E402
from thinkmix.flows.orchestrate.build import build_mixture, settle_killed  # noqa: E402
from thinkmix.flows.recipe.recipes import Located, load, shipped_recipes  # noqa: E402
from thinkmix.flows.runs.running import Scheduled, record_killed  # noqa: E402
from thinkmix.flows.store.store import Store  # noqa: E402
from thinkmix.flows.system.stopping import Stopped, interrupt_as_usual  # noqa: E402
from thinkmix.schemas.errors import RecipeError, StoreBusy  # noqa: E402


@dataclass(frozen=True)
class Nightly:
    """A recipe that is built whenever the clock says so."""

    name: str
    """Name of the deployment."""
    file: Path
    """The recipe's file, which every scheduled run reads anew."""
    located: Located


def nightly(recipes: Sequence[str], name: str | None = None) -> list[Nightly]:
    """Return the recipes to serve, each a name that is shipped or a file.

    Args:
        recipes: at least one.
        name: of the deployment, if it is not to be called like the mixture.

    Raises:
        RecipeError: if one cannot be read, two build the same mixture, or one name is given to several.
    """
    if name is not None and len(recipes) > 1:
        msg = f"--name is for one recipe, got {len(recipes)}; without it each is named like its mixture"
        raise RecipeError(msg)
    found: dict[str, Nightly] = {}
    for stated in recipes:
        located = load(stated)
        mixture = located.recipe.name
        if mixture in found:
            msg = f"{found[mixture].file} and {stated} both build {mixture}; serve one of them"
            raise RecipeError(msg)
        file = (shipped_recipes().get(stated) or Path(stated)).resolve()
        found[mixture] = Nightly(name or mixture, file, located)
    return list(found.values())


def deployment(
    stated: Nightly,
    store: Path,
    *,
    cron: str,
    timezone: str,
    workers: int | None = None,
    engine: Executor = LOCAL,
) -> RunnerDeployment:
    """Return a recipe's deployment: a form filled in with the recipe, and a schedule that follows its file.

    Raises:
        RecipeError: if there is no such time or time zone.
    """
    try:
        CronSchedule(cron=cron, timezone=timezone)
    except ValidationError as error:
        finding = error.errors(include_url=False)[0]
        words = finding["msg"].removeprefix("Value error, ")
        msg = f"--{finding['loc'][0]}: {words}"
        raise RecipeError(msg) from None
    parameters = {
        "recipe": stated.located.recipe.model_dump(mode="json"),
        "store": str(store),
        "base": str(stated.located.base),
        "workers": workers,
        "engine": engine.model_dump(mode="json"),
        "train": stated.located.train and stated.located.train.model_dump(mode="json"),
    }
    schedule = Cron(cron, timezone=timezone, slug="nightly", parameters={"follow": str(stated.file)})
    return RunnerDeployment.from_flow(
        build_mixture,
        name=stated.name,
        schedule=schedule,
        parameters=parameters,
        description=stated.located.recipe.title or None,
        tags=["thinkmix"],
        entrypoint_type=EntrypointType.MODULE_PATH,
    )


def settle_all(served: Sequence[Nightly], store: Store) -> None:
    """Settle what builds left that were killed together with the process that served them."""
    for stated in served:
        mixture = stated.located.recipe.name
        try:
            with store.lock(mixture):
                record_killed(store, mixture, Scheduled(killed=settle_killed))
        except StoreBusy:  # it lives
            continue


def serve(deployments: Sequence[RunnerDeployment]) -> None:
    """Run what is scheduled and what people start by hand, one build at a time, until told to end.

    The limit is this process's own. One that the server keeps (`concurrency_limit`) ends running builds when
    the server is restarted, and blocks the next ones for minutes after a kill.

    Raises:
        Stopped: when it is told to end.
    """
    runner = _Runner(pause_on_shutdown=False, limit=1)
    for stated in deployments:
        runner.add_deployment(stated)
    interrupt_as_usual()
    try:
        asyncio.run(runner.start())
    except KeyboardInterrupt:
        raise Stopped(runner.ended_by) from None


class _Runner(Runner):
    """Prefect's runner, ended by SIGTERM as by an interrupt; its own handler leaves tracebacks of asyncio."""

    ended_by = signal.SIGINT

    def handle_sigterm(self, *_: object, **__: object) -> None:
        self.ended_by = signal.SIGTERM
        signal.raise_signal(signal.SIGINT)
