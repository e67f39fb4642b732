"""`thinkmix build`: a mixture from its recipe."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thinkmix.flows.cli.terminal import (
    JsonOption,
    NotifyOption,
    StoreOption,
    WebhookOption,
    app,
    console,
    say,
    say_json,
)
from thinkmix.flows.cli.versions import show_folder

if TYPE_CHECKING:
    from thinkmix.flows.build.why import MadeAgain
    from thinkmix.flows.executor.engine import Executor
    from thinkmix.flows.recipe.recipe import Recipe
    from thinkmix.flows.recipe.training import TrainingSettings
    from thinkmix.flows.store.store import Store
    from thinkmix.flows.system.progress import Notify


WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers",
        "-w",
        min=1,
        max=256,
        help="Worker processes; as many as cores, CPU quota and memory allow if unset.",
    ),
]
MemoryOption = Annotated[
    str | None,
    typer.Option(
        help="Most memory of a worker, like 6GB; an equal part of the machine's if unset.",
        envvar="THINKMIX_WORKER_MEMORY",
    ),
]
EngineOption = Annotated[
    str | None,
    typer.Option(
        help="What works on the shards: local (this machine) or dask (a cluster).",
        envvar="THINKMIX_ENGINE",
    ),
]
SchedulerOption = Annotated[
    str | None,
    typer.Option(
        help="Address of the Dask cluster's scheduler, like tcp://10.0.0.7:8786.",
        envvar="THINKMIX_SCHEDULER",
    ),
]
ExchangeOption = Annotated[
    str | None,
    typer.Option(
        help="URL (fsspec) to exchange files through if the cluster does not see the store.",
        envvar="THINKMIX_EXCHANGE",
    ),
]


@app.command(epilog="Example: thinkmix build sample-7-3 --store build/store")
def build(
    recipe: Annotated[str, typer.Argument(help="Name of a shipped recipe, or path of a YAML file.")],
    store: StoreOption = Path("build/store"),
    workers: WorkersOption = None,
    worker_memory: MemoryOption = None,
    engine: EngineOption = None,
    scheduler: SchedulerOption = None,
    exchange: ExchangeOption = None,
    unit: Annotated[
        str | None, typer.Option(help="Override what shares count: examples, tokens or trainable_tokens.")
    ] = None,
    size: Annotated[
        int | None, typer.Option(min=1, help="Override the size of the mixture, in its unit.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Override the seed of sampling.")] = None,
    keep: Annotated[
        int | None,
        typer.Option(min=1, help="After publishing, collect the store and keep this many versions (see gc)."),
    ] = None,
    direct: Annotated[
        bool,
        typer.Option(
            "--direct", help="Run without Prefect, even if there is a server, and leave no record there."
        ),
    ] = False,
    plan: Annotated[
        bool,
        typer.Option("--plan", help="Show what would be fetched and made again, and why; write nothing."),
    ] = False,
    frozen: Annotated[
        bool,
        typer.Option(
            "--frozen", help="Refuse to build unless every source is what the current version was made from."
        ),
    ] = False,
    explain_cache: Annotated[
        bool,
        typer.Option(
            "--explain-cache",
            help="Show for each stage which arguments, modules and libraries changed.",
        ),
    ] = False,
    webhook: WebhookOption = None,
    notify: NotifyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Build a mixture and publish it as the store's current version.

    Runs as a flow of the Prefect server that PREFECT_API_URL or Prefect's active profile names; where none
    is named, without Prefect. Whatever fails, the version that was current before stays current.
    """
    from thinkmix.curation.text.imports import without_gc

    with without_gc():
        from thinkmix.flows.executor.engine import executor_from_flags as stated_engine
        from thinkmix.flows.orchestrate.settings import server
        from thinkmix.flows.recipe.recipes import load, override
        from thinkmix.flows.runs.webhook import STATED, check_webhook
        from thinkmix.flows.store.store import Store, make_root

    if webhook:
        STATED.set(check_webhook(webhook, notify))
    with without_gc():  # models of all row formats are built here
        located = load(recipe)
    stated = override(located.recipe, unit=unit, size=size, seed=seed)
    if plan:
        _say_plan(stated, store.resolve(), located.base, as_json=as_json, frozen=frozen)
        return
    place = stated_engine(kind=engine, memory=worker_memory, scheduler=scheduler, exchange=exchange)
    store = store.resolve()
    make_root(store)
    known = Store(store).cache.recorded(stated.name) if explain_cache else None
    with _watched(quiet=as_json) as listener:
        if direct or not server():
            _build_directly(
                stated,
                store,
                located.base,
                workers,
                place,
                notify=listener,
                keep=keep,
                train=located.train,
                frozen=frozen,
            )
        else:
            _build_as_flow(stated, store, located.base, workers, place, keep, located.train, frozen=frozen)
    made = _made(known, Store(store), stated.name) if explain_cache else None
    version = Store(store).versions.current(stated.name)
    with without_gc():
        if made is not None and not as_json:
            _say_made(made)
        if version is not None:
            more = {} if made is None else {"made": [one.model_dump(mode="json") for one in made]}
            show_folder(version, as_json=as_json, more=more)


def _made(known: object, store: "Store", mixture: str) -> "tuple[MadeAgain, ...]":
    """Return which outputs a build made, and why the cache did not hold them."""
    from thinkmix.flows.build.why import explain_outputs, noted_outputs

    used = store.cache.recorded(mixture)
    after = None if used == known else noted_outputs(used)
    return explain_outputs(noted_outputs(known), after) if after else ()


def _say_made(made: Sequence["MadeAgain"]) -> None:
    """Print which outputs a build made, in lines for people."""
    from thinkmix.flows.build.why import sentences

    _say_lines(sentences(made) if made else ["no output was made: nothing that decides one changed"])


def _say_lines(lines: Iterable[str]) -> None:
    """Print lines, without what would steer a terminal."""
    for line in lines:
        say("".join(char if char.isprintable() else "?" for char in line))


def _say_plan(recipe: "Recipe", store: Path, base: Path, *, as_json: bool, frozen: bool) -> None:
    """Print what a build would do."""
    from thinkmix.flows.build.dry_run import plan_build, sentences
    from thinkmix.flows.store.store import Store
    from thinkmix.schemas.plain import plain

    found = plan_build(recipe, Store(store), base, frozen=frozen)
    if as_json:
        say_json(found.model_dump(mode="json"))
        return
    for line in sentences(found):
        say(plain(line))


@contextmanager
def _watched(*, quiet: bool) -> "Iterator[Notify]":
    from thinkmix.flows.cli.show.events import bars
    from thinkmix.flows.system.progress import LISTENER, noting, silent

    if quiet:
        yield noting(silent)
        return
    with bars(console(stderr=True)) as drawn:
        notify = noting(drawn)
        token = LISTENER.set(notify)
        try:
            yield notify
        finally:
            LISTENER.reset(token)


def _build_directly(
    recipe: "Recipe",
    store: Path,
    base: Path,
    workers: int | None,
    engine: "Executor",
    *,
    notify: "Notify",
    keep: int | None = None,
    train: "TrainingSettings | None" = None,
    frozen: bool = False,
) -> None:
    """Build, tell the webhook how it went, and train on what was built, as the flow would."""
    from thinkmix.curation.text.imports import without_gc

    with without_gc():
        from thinkmix.flows.build.pipeline import build
        from thinkmix.flows.build.watch import Watch
        from thinkmix.flows.runs import webhook
        from thinkmix.flows.runs.running import Running, Scheduled
        from thinkmix.flows.store.store import Store
        from thinkmix.flows.training.after_build import after_build

    def tell_killed(left: Running, known: bool) -> None:
        if not known:
            webhook.tell_killed(left.mixture, left.started)

    try:
        built = build(
            recipe,
            Store(store),
            base=base,
            processes=workers,
            engine=engine,
            watch=Watch(notify=notify, scheduled=Scheduled(killed=tell_killed)),
            frozen=frozen,
        )
    except Exception as error:
        webhook.tell_failure(recipe.name, error)
        raise
    webhook.tell(built.run, built.folder)
    after_build(
        built,
        Store(store),
        base,
        keep=keep,
        training=train,
        train=lambda training_job: training_job.run(notify),
    )


def _build_as_flow(
    recipe: "Recipe",
    store: Path,
    base: Path,
    workers: int | None,
    engine: "Executor",
    keep: int | None,
    train: "TrainingSettings | None",
    *,
    frozen: bool = False,
) -> None:
    from thinkmix.flows.orchestrate.build import build_mixture
    from thinkmix.flows.orchestrate.scheduler import check_server

    check_server()
    build_mixture(recipe, store, base, workers, engine, keep=keep, train=train, frozen=frozen)
