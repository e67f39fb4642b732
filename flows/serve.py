"""Builds every night on one machine: recipes as deployments of a Prefect server, run by this process."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.settings import settle_prefect

settle_prefect()

# the settings above are read when prefect is imported
from prefect import serve as run_deployments  # noqa: E402
from prefect.client.orchestration import get_client  # noqa: E402
from prefect.client.schemas.schedules import CronSchedule  # noqa: E402
from prefect.deployments.runner import RunnerDeployment  # noqa: E402
from prefect.schedules import Cron  # noqa: E402
from prefect.settings import get_current_settings  # noqa: E402
from prefect.types.entrypoint import EntrypointType  # noqa: E402
from pydantic import ValidationError  # noqa: E402

from flows import automations  # noqa: E402
from flows.build import build_mixture, settle_killed  # noqa: E402
from flows.engine import LOCAL, Engine  # noqa: E402
from flows.recipes import Located, load, shipped  # noqa: E402
from flows.running import Scheduled, settle  # noqa: E402
from flows.store import Store  # noqa: E402
from schemas.errors import RecipeError, SchedulerError, StoreBusy  # noqa: E402


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
        file = (shipped().get(stated) or Path(stated)).resolve()
        found[mixture] = Nightly(name or mixture, file, located)
    return list(found.values())


def deployment(
    stated: Nightly,
    store: Path,
    *,
    cron: str,
    timezone: str,
    workers: int | None = None,
    engine: Engine = LOCAL,
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
                settle(store, mixture, Scheduled(killed=settle_killed))
        except StoreBusy:  # it lives
            continue


def check_server() -> str:
    """Return the address of the server that runs are to be scheduled by.

    Raises:
        SchedulerError: if none is named, it does not answer, or it does not let us in.
    """
    url = get_current_settings().api.url
    if not url:
        msg = (
            "serve needs a Prefect server that stays: start `prefect server start --host 127.0.0.1` and set "
            "PREFECT_API_URL=http://127.0.0.1:4200/api"
        )
        raise SchedulerError(msg)
    with get_client(sync_client=True) as client:
        if trouble := client.api_healthcheck():
            msg = f"no Prefect server answers at {url} ({type(trouble).__name__}); see PREFECT_API_URL"
            raise SchedulerError(msg)
        try:
            client.read_flows(limit=1)
        except automations.UNREACHABLE as error:
            msg = f"the Prefect server at {url} refuses us ({_status(error)}); see PREFECT_API_AUTH_STRING"
            raise SchedulerError(msg) from None
    return url


def serve(deployments: Sequence[RunnerDeployment], *, quiet: bool = False) -> None:
    """Run what is scheduled and what people start by hand, one build at a time, until told to end.

    The limit is this process's own. One that the server keeps (`concurrency_limit`) ends running builds when
    the server is restarted, and blocks the next ones for minutes after a kill.
    """
    run_deployments(*deployments, limit=1, pause_on_shutdown=False, print_starting_message=not quiet)


def _status(error: Exception) -> str:
    response = getattr(error, "response", None)
    return str(getattr(response, "status_code", type(error).__name__))
