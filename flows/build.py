"""The Prefect flow around a build: it schedules, watches and records; the truth stands in the manifest."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, ParamSpec, TypeVar

from pydantic import Field

from flows.settings import settle_prefect

settle_prefect()

# the settings above are read when prefect is imported
from prefect import flow, task  # noqa: E402
from prefect.artifacts import create_markdown_artifact, create_table_artifact  # noqa: E402
from prefect.cache_policies import NO_CACHE  # noqa: E402

from flows.engine import LOCAL, Engine  # noqa: E402
from flows.pipeline import Built, build  # noqa: E402
from flows.progress import listener  # noqa: E402
from flows.retention import tidy  # noqa: E402
from flows.store import Store  # noqa: E402
from flows.summary import ledger_table, summary  # noqa: E402
from schemas.recipe import Recipe  # noqa: E402

Arguments = ParamSpec("Arguments")
Outcome = TypeVar("Outcome")


@flow(name="build-mixture", validate_parameters=True, persist_result=False)
def build_mixture(
    recipe: Recipe,
    store: Path,
    base: Path = Path(),
    workers: int | None = None,
    engine: Engine = LOCAL,
    keep: Annotated[int, Field(ge=1)] | None = None,
) -> str:
    """Build a mixture and publish it as the current version of the store.

    Args:
        recipe: What to build: sources, cleaning, and the shares of the mixture.
        store: Folder of the store.
        base: Folder that the recipe's relative file patterns start from.
        workers: Worker processes of this machine; unset means one per core.
        engine: Who works on the shards: processes of this machine, or a Dask cluster.
        keep: After publishing, collect the store and keep so many good versions; unset collects nothing.

    Returns:
        The digest that names the version.

    Raises:
        ThinkmixError: for everything that a person must fix.
    """
    built = build(
        recipe,
        Store(store),
        base=base,
        processes=workers,
        engine=engine,
        step=as_task,
        notify=listener(),
    )
    _publish_artifacts(built)
    built.check()
    if keep and built.status == "published":
        tidy(Store(store), recipe.name, keep)
    return built.digest


def as_task(name: str, function: Callable[Arguments, Outcome], /) -> Callable[Arguments, Outcome]:
    """Return `function` as a task of the running flow.

    The task takes no parameters: Prefect would walk through every one of them looking for futures.
    It caches nothing either, because its cache does not check that a file is still what it was.
    """

    def call(*args: Arguments.args, **settings: Arguments.kwargs) -> Outcome:
        @task(name=name, cache_policy=NO_CACHE, persist_result=False)
        def stage() -> Outcome:
            return function(*args, **settings)

        return stage()

    return call


def _publish_artifacts(built: Built) -> None:
    """Show ledger and summary in the scheduler's UI: our own names and numbers, never text of rows."""
    mixture = built.manifest.mixture.replace("_", "-")  # all that a key may hold
    create_table_artifact(
        key=f"{mixture}-ledger",
        table=ledger_table(built.manifest.ledger),
        description="Rows in, kept, dropped",
    )
    create_markdown_artifact(key=f"{mixture}-summary", markdown=summary(built.run), description=built.digest)
