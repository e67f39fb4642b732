"""The `thinkmix` command: what a person or a scheduler types; every command imports only what it needs."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from flows.engine import Engine
    from flows.progress import Notify
    from schemas.recipe import Recipe

app = typer.Typer(
    name="thinkmix",
    help="Build, prove and hand over data mixtures for fine-tuning Qwen3.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a traceback with locals would print tokens and rows
    rich_markup_mode="rich",
    add_completion=False,
)

StoreOption = Annotated[
    Path, typer.Option("--store", "-s", help="Folder of the store.", envvar="THINKMIX_STORE", file_okay=False)
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print JSON for machines instead of text for people.")
]
VersionArgument = Annotated[
    Path,
    typer.Argument(
        help="A version's folder, or a mixture's folder for its current version.", metavar="VERSION"
    ),
]


@app.command(epilog="Example: thinkmix build sample-7-3 --store build/store")
def build(
    recipe: Annotated[str, typer.Argument(help="Name of a shipped recipe, or path of a YAML file.")],
    store: StoreOption = Path("build/store"),
    workers: Annotated[
        int | None,
        typer.Option("--workers", "-w", min=1, max=256, help="Worker processes; one per core if unset."),
    ] = None,
    worker_memory: Annotated[
        str | None,
        typer.Option(
            help="Most memory of a worker, like 6GB; an equal part of the machine's if unset.",
            envvar="THINKMIX_WORKER_MEMORY",
        ),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            help="Who works on the shards: local (this machine) or dask (a cluster).",
            envvar="THINKMIX_ENGINE",
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            help="Address of the Dask cluster's scheduler, like tcp://10.0.0.7:8786.",
            envvar="THINKMIX_SCHEDULER",
        ),
    ] = None,
    exchange: Annotated[
        str | None,
        typer.Option(
            help="URL (fsspec) to exchange files through if the cluster does not see the store.",
            envvar="THINKMIX_EXCHANGE",
        ),
    ] = None,
    unit: Annotated[
        str | None, typer.Option(help="Override what shares count: examples, tokens or trainable_tokens.")
    ] = None,
    size: Annotated[
        int | None, typer.Option(min=1, help="Override the size of the mixture, in its unit.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Override the seed of the draw.")] = None,
    direct: Annotated[
        bool, typer.Option("--direct", help="Run without Prefect: no server, no record of the run there.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Build a mixture and publish it as the store's current version.

    Runs as a Prefect flow: against the server at PREFECT_API_URL if that is set, otherwise against
    a temporary one. Whatever fails, the version that was current before stays current.
    """
    from flows.engine import stated as stated_engine
    from flows.recipes import load, override
    from flows.store import Store

    located = load(recipe)
    stated = override(located.recipe, unit=unit, size=size, seed=seed)
    place = stated_engine(kind=engine, memory=worker_memory, scheduler=scheduler, exchange=exchange)
    store = store.resolve()
    with _watched(quiet=as_json) as notify:
        if direct:
            from flows.pipeline import build as build_directly

            build_directly(
                stated, Store(store), base=located.base, processes=workers, engine=place, notify=notify
            )
        else:
            _build_as_flow(stated, store, located.base, workers, place)
    version = Store(store).current(stated.name)
    if version is not None:
        _show_version(version, as_json=as_json)


@app.command(epilog="Example: thinkmix verify build/store/sample-7-3")
def verify(version: VersionArgument, as_json: JsonOption = False) -> None:
    """Hash every file of a version again and say what is wrong; exit code 5 if anything is."""
    from flows.store import open_version, problems

    folder = open_version(version)
    found = problems(folder)
    if as_json:
        _print_json({"version": folder.name, "problems": found})
    elif found:
        _print(f"{folder.name} is damaged:")
        for problem in found:
            _print(f"  {problem}")
    else:
        _print(f"{folder.name} is whole: every file is what the manifest says")
    if found:
        raise typer.Exit(5)


@app.command(epilog="Example: thinkmix explain 3f2a9c --in build/store/sample-7-3")
def explain(
    row_id: Annotated[str, typer.Argument(help="Id of a row or an example; its first digits are enough.")],
    version: Annotated[
        Path, typer.Option("--in", help="A version's folder, or a mixture's folder.", metavar="VERSION")
    ],
    as_json: JsonOption = False,
) -> None:
    """Say what became of a row, which row won over it, how alike they are and the text they share."""
    from flows.explain import explain as explain_row
    from flows.show import show_explanation
    from flows.store import open_version

    explanation = explain_row(open_version(version), row_id)
    if as_json:
        _print_json(explanation.model_dump(mode="json"))
    else:
        show_explanation(explanation, _console())


@app.command(epilog="Example: thinkmix report build/store/sample-7-3")
def report(version: VersionArgument, as_json: JsonOption = False) -> None:
    """Show a version's audit in short, and where the whole page lies."""
    from flows.store import open_version

    folder = open_version(version)
    if as_json:
        sys.stdout.write((folder / "report.json").read_text(encoding="utf-8"))
    else:
        _show_version(folder, as_json=False)


@app.command(
    epilog="Example: thinkmix train build/store/sample-7-3 --model tiny-random --max-steps 40 --output a"
)
def train(
    version: VersionArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="New folder for the adapter.", file_okay=False)
    ],
    model: Annotated[
        str,
        typer.Option("--model", "-m", help="tiny-random, a local folder, or the hub id of a dense Qwen3."),
    ] = "tiny-random",
    plan: Annotated[
        Path | None, typer.Option(help="YAML file with the training plan; flags override it.", exists=True)
    ] = None,
    max_steps: Annotated[int | None, typer.Option(min=1, help="Optimiser steps.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="How often every row is seen.")] = None,
    rank: Annotated[int | None, typer.Option(min=1, help="Rank of the adapter.")] = None,
    alpha: Annotated[
        int | None, typer.Option(min=1, help="Scale of the adapter, divided by its rank.")
    ] = None,
    learning_rate: Annotated[float | None, typer.Option(min=0, help="Peak learning rate.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Tokens (or examples) in a batch.")] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=16, help="Longest row; longer ones are left out, never cut.")
    ] = None,
    eval_rows: Annotated[
        int | None, typer.Option(min=0, help="Held-out rows of each source measured before and after.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Decides the order of rows and the first weights.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Train a LoRA adapter on a verified version; the loss lies on completions only."""
    from flows.finetune import finetune, load_plan
    from flows.show import show_training

    stated = load_plan(
        plan,
        max_steps=max_steps,
        epochs=epochs,
        rank=rank,
        alpha=alpha,
        learning_rate=learning_rate,
        batch=batch,
        max_tokens=max_tokens,
        eval_rows=eval_rows,
        seed=seed,
    )
    result = finetune(version, model=model, plan=stated, output=output, console=_console(stderr=True))
    if as_json:
        _print_json(result.model_dump(mode="json"))
    else:
        show_training(result, output.resolve(), _console())


@app.command(epilog="Example: thinkmix recipes math-7-3 > mine.yaml")
def recipes(name: Annotated[str | None, typer.Argument(help="Print this recipe.")] = None) -> None:
    """List the shipped recipes, or print one as a start for your own."""
    from flows.recipes import load, shipped

    if name is None:
        for known in shipped():
            _print(f"{known:<14} {load(known).recipe.title}")
        return
    load(name)
    sys.stdout.write(shipped()[name].read_text(encoding="utf-8"))


@contextmanager
def _watched(*, quiet: bool) -> "Iterator[Notify]":
    from flows.progress import LISTENER, bars, silent

    if quiet:
        yield silent
        return
    with bars(_console(stderr=True)) as notify:
        token = LISTENER.set(notify)
        try:
            yield notify
        finally:
            LISTENER.reset(token)


def _build_as_flow(recipe: "Recipe", store: Path, base: Path, workers: int | None, engine: "Engine") -> None:
    from flows.settings import settle_prefect

    settle_prefect(store / ".cache" / "prefect")
    if not os.environ.get("PREFECT_API_URL"):
        sys.stderr.write("starting a temporary Prefect server; --direct does without\n")
    from flows.build import build_mixture

    build_mixture(recipe, store, base, workers, engine)


def _show_version(folder: Path, *, as_json: bool) -> None:
    from flows.show import show_version, version_facts

    if as_json:
        _print_json(version_facts(folder))
    else:
        show_version(folder, _console())


def _console(*, stderr: bool = False) -> "Console":
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _print_json(value: object) -> None:
    import orjson

    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n")


def main() -> None:
    """Run the command line; a `ThinkmixError` ends it with one sentence and its exit code."""
    from schemas.errors import ThinkmixError

    try:
        app()
    except ThinkmixError as error:
        if "--json" in sys.argv:
            name, words = type(error).__name__, str(error)
            _print_json({"error": name, "code": error.code, "message": words, "exit_code": error.exit_code})
        sys.stderr.write(f"thinkmix: {error}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("thinkmix: stopped; what was published before is untouched\n")
        sys.exit(130)
