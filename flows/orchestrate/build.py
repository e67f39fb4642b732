"""The Prefect flow around a build: it schedules, watches and records; the truth stands in the manifest."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TypeVar

from pydantic import Field, ValidationError, create_model

from thinkmix.flows.orchestrate.settings import settle_prefect

settle_prefect()

# the settings above are read when prefect is imported
from prefect import Flow, flow, get_run_logger, task  # noqa: E402
from prefect.artifacts import create_markdown_artifact, create_table_artifact  # noqa: E402
from prefect.cache_policies import NO_CACHE  # noqa: E402
from prefect.client.schemas.objects import FlowRun, State  # noqa: E402
from prefect.runtime import flow_run as current  # noqa: E402
from prefect.states import Completed, Failed, get_state_exception  # noqa: E402

from thinkmix.flows.build.pipeline import Built, build  # noqa: E402
from thinkmix.flows.build.watch import Watch  # noqa: E402
from thinkmix.flows.executor.engine import LOCAL, Executor  # noqa: E402
from thinkmix.flows.orchestrate import automations  # noqa: E402
from thinkmix.flows.pages.verdict import verdict  # noqa: E402
from thinkmix.flows.recipe import recipe_errors  # noqa: E402
from thinkmix.flows.recipe.recipe import Recipe  # noqa: E402
from thinkmix.flows.recipe.recipes import load  # noqa: E402
from thinkmix.flows.recipe.training import TrainingSettings  # noqa: E402
from thinkmix.flows.runs import webhook  # noqa: E402
from thinkmix.flows.runs.failure import why  # noqa: E402
from thinkmix.flows.runs.running import Running, Scheduled  # noqa: E402
from thinkmix.flows.runs.summary import ledger_table  # noqa: E402
from thinkmix.flows.store.store import Store  # noqa: E402
from thinkmix.flows.system.progress import Event, Notify, listener  # noqa: E402
from thinkmix.flows.training.after_build import after_build  # noqa: E402
from thinkmix.flows.training.train_after import TrainingAfterBuild  # noqa: E402
from thinkmix.schemas.errors import (  # noqa: E402
    Blocked,
    RecipeError,
    ThinkmixError,
)
from thinkmix.schemas.training import TrainPlan  # noqa: E402
from thinkmix.train.output.result import TrainResult  # noqa: E402

Arguments = ParamSpec("Arguments")
Outcome = TypeVar("Outcome")


Workers = Annotated[int, Field(ge=1, le=256)]
Model = Annotated[str, Field(min_length=1, max_length=1000)]


def _tell_failure(flow: Flow[..., object], flow_run: FlowRun, state: State) -> None:
    error = get_state_exception(state)
    if isinstance(error, BaseException):
        webhook.tell_failure(_mixture(flow_run), error)


def _tell_crash(flow: Flow[..., object], flow_run: FlowRun, state: State) -> None:
    """Called by the process that crashed, or by the one that watched over it; else the server may tell."""
    if not automations.server_tells():
        started = flow_run.start_time or flow_run.expected_start_time
        webhook.tell_killed(_mixture(flow_run), f"{started or 'no known time'}")


def _run_name() -> str:
    """Return what a run is called while it goes on: its mixture, and the day (UTC) that it was meant for."""
    started = current.scheduled_start_time or datetime.now(UTC)
    return f"{_mixture_of(current.parameters)} {started:%Y-%m-%d}"


@flow(
    name=automations.FLOW,
    flow_run_name=_run_name,
    validate_parameters=False,  # done below, in words that name the field and the way out
    persist_result=False,
    on_failure=[_tell_failure],
    on_crashed=[_tell_crash],
)
def build_mixture(
    recipe: Recipe,
    store: Path,
    base: Path = Path(),
    workers: Workers | None = None,
    engine: Executor = LOCAL,
    follow: Path | None = None,
    keep: Annotated[int, Field(ge=1, le=10_000)] | None = None,
    train: TrainingSettings | None = None,
    frozen: bool = False,
) -> str:
    """Build a mixture and publish it as the current version of the store.

    Args:
        recipe: What to build: sources, cleaning, and the shares of the mixture.
        store: Folder of the store.
        base: Folder that the recipe's relative file patterns start from.
        workers: Worker processes of this machine; unset means as many as cores and memory allow.
        engine: Who works on the shards: processes of this machine, or a Dask cluster.
        follow: File of a recipe that is read when the run starts and built instead of the one above; the
            schedule sets it. Leave it empty to build what the form says.
        keep: After publishing, collect the store and keep so many good versions; unset collects nothing.
        train: Train on the version when it is published; unset trains nothing. One that fails leaves the
            version as it is.
        frozen: Build only from the commits and files that the current version was made from.

    Returns:
        The digest that names the version.

    Raises:
        ThinkmixError: for everything that a person must fix.
    """
    # a state in place of a result: its words are what the scheduler's pages and automations show of the run
    ended: Any = _ended({**locals()})
    digest: str = ended
    return digest


def _ended(given: Mapping[str, object]) -> State[Any]:
    """Build, tell, collect the store and train, in this order; return the state that the run ends in."""
    try:
        form = _filled_in(given)
        if form["follow"] is not None:
            located = load(str(form["follow"]))
            form |= {"recipe": located.recipe, "base": located.base, "train": located.train}
        settings = ("recipe", "store", "base", "workers", "engine", "frozen")
        built = _built(**{name: form[name] for name in settings})
        _tell(built)
        after_build(
            built,
            Store(form["store"]),
            form["base"],
            keep=form["keep"],
            training=form["train"],
            train=_as_subflow,
        )
    except Blocked as error:
        return _named("blocked", Failed(name=automations.BLOCKED, message=why(error), data=error))
    except ThinkmixError as error:
        return _named("failed", Failed(message=f"{error.code}: {why(error)}", data=error))
    found = verdict(built.run)
    message = f"{found.headline} {found.sentence} Report: {built.folder / 'report.html'}"
    return _named(built.status, Completed(message=message, data=built.digest))


def _built(
    recipe: Recipe, store: Path, base: Path, workers: int | None, engine: Executor, frozen: bool
) -> Built:
    """Build and publish, each stage a task of the running flow.

    Raises:
        ThinkmixError: for everything that a person must fix.
    """
    return build(
        recipe,
        Store(store.resolve()),
        base=base,
        processes=workers,
        engine=engine,
        watch=Watch(as_task, _logged(listener()), Scheduled(current.id, settle_killed)),
        frozen=frozen,
    )


def _tell(built: Built) -> None:
    """Show what the run came to in the scheduler's pages, and to people in their chat."""
    _publish_artifacts(built)
    webhook.tell(built.run, built.folder)


def _filled_in(given: Mapping[str, object]) -> dict[str, Any]:
    """Return what a form says, as the types of the flow's parameters.

    Raises:
        RecipeError: with a sentence for each field that is wrong.
    """
    stated = signature(build_mixture.fn).parameters.values()
    fields: dict[str, Any] = {
        one.name: (one.annotation, ... if one.default is Parameter.empty else one.default) for one in stated
    }
    form = create_model("Form", **fields)
    try:
        filled = form.model_validate(given)
    except ValidationError as error:
        raise RecipeError("; ".join(recipe_errors.lines(error, given, form, whole="form"))) from None
    return {name: getattr(filled, name) for name in fields}


def _named(ended: str, state: State[Any]) -> State[Any]:
    """Put how a run ended into its name, where lists of runs show it; the state says it, too."""
    automations.rename(current.id, f"{_run_name()} {ended}")
    return state


def _logged(notify: Notify) -> Notify:
    """Return who is told, and with it the log of the run: rows and reasons as each stage ends."""
    log = get_run_logger()

    def tell(event: Event) -> None:
        if event.note:
            log.info("%s", event.note)  # a terminal shows the log, too
        else:
            notify(event)

    return tell


@flow(
    name="train-mixture",
    flow_run_name="{version.parent.parent.name} {version.name:.12}",
    validate_parameters=True,
    persist_result=False,
)
def train_mixture(version: Path, model: Model, plan: TrainPlan, output: Path) -> TrainResult:
    """Train on a published version; a run of its own within that of the build.

    Args:
        version: Folder of the version.
        model: What is trained: a hub id, a folder, or tiny-random.
        plan: How it is trained.
        output: New folder for what is learnt.

    Returns:
        What the run came to.

    Raises:
        ThinkmixError: for everything that a person must fix.
    """
    return TrainingAfterBuild(version, model, plan, output).run(listener())


def _as_subflow(training_job: TrainingAfterBuild) -> TrainResult:
    return train_mixture(training_job.version, training_job.model, training_job.plan, training_job.output)


def settle_killed(left: Running, known: bool) -> None:
    """Let the scheduler know that a run of it died with its process, and people if nobody told them yet."""
    unheard = automations.settle_crashed(left.flow_run) if left.flow_run else True
    if unheard and not known:
        webhook.tell_killed(left.mixture, left.started)


def _mixture(flow_run: FlowRun) -> str:
    """Return the mixture that a run's parameters name, whatever else is wrong with them."""
    return _mixture_of(flow_run.parameters)


def _mixture_of(parameters: Mapping[str, Any]) -> str:
    recipe = parameters.get("recipe")
    name = recipe.get("name") if isinstance(recipe, dict) else getattr(recipe, "name", None)
    return name if isinstance(name, str) else "a mixture without a name"


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
    """Show ledger and summary in the scheduler's UI: our own names and numbers, never text of rows.

    Its pages open no file, so that the report's place is text to copy.
    """
    mixture = built.manifest.mixture
    key = mixture.replace("_", "-")  # all that a key may hold
    said = f"{mixture}: {verdict(built.run).short}"
    summary = (built.folder / "summary.md").read_text(encoding="utf-8")
    create_markdown_artifact(
        key=f"{key}-summary",
        markdown=f"{summary}\n\nThe whole report: `{built.folder / 'report.html'}`\n",
        description=said,
    )
    create_table_artifact(
        key=f"{key}-ledger",
        table=ledger_table(built.manifest.ledger),
        description=f"{said}; rows in, kept, dropped",
    )
