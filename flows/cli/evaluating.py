"""`thinkmix evaluate`: held-out rows asked of a model, or of two beside each other."""

from pathlib import Path
from typing import Annotated

import typer

from thinkmix.flows.cli.terminal import JsonOption, VersionArgument, app, console, say_json


@app.command(
    epilog="Example: thinkmix evaluate build/store/sample-7-3 --model build/model --against Qwen3-4B --perf"
)
def evaluate(
    version: VersionArgument,
    endpoint: Annotated[
        str | None,
        typer.Option(help="Address of a server, up to /v1; OPENAI_API_KEY holds its key.", metavar="URL"),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            "-m",
            help="Folder of a whole model, served on 127.0.0.1 by `transformers serve`.",
            metavar="PATH",
            file_okay=False,
        ),
    ] = None,
    against: Annotated[
        str | None, typer.Option(help="Compare with this model: an address or a folder.", metavar="URL|PATH")
    ] = None,
    name: Annotated[str | None, typer.Option(help="What the model is called at --endpoint.")] = None,
    against_name: Annotated[str | None, typer.Option(help="What the model is called at --against.")] = None,
    evalscope: Annotated[
        Path | None,
        typer.Option(help="EvalScope's environment, interpreter or command; the one on PATH if unset."),
    ] = None,
    benchmarks: Annotated[
        bool, typer.Option("--benchmarks/--no-benchmarks", help="Run EvalScope on the held-out rows.")
    ] = True,
    perf: Annotated[bool, typer.Option("--perf", help="Measure speed by `evalscope perf`, too.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Most rows of a source and a mode.")] = 50,
    seed: Annotated[int, typer.Option(min=0, help="Decides which rows, and the intervals.")] = 0,
    max_tokens: Annotated[int, typer.Option(min=1, help="Most tokens of an answer, trace included.")] = 2048,
    parallel: Annotated[int, typer.Option(min=1, help="Requests at a time for --perf.")] = 1,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder of the page; that of --model if unset.", file_okay=False),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Ask a version's held-out rows of a model: benchmarks by EvalScope, two models compared, and speed."""
    from thinkmix.flows.cli.show.events import bars
    from thinkmix.flows.cli.show.show_evaluation import show_evaluation
    from thinkmix.flows.system.progress import silent
    from thinkmix.flows.training.evaluation.run import Rival, rival
    from thinkmix.flows.training.evaluation.run import evaluate as run
    from thinkmix.flows.training.evaluation.scope import find_evalscope
    from thinkmix.schemas.errors import NotFound, RecipeError

    if (endpoint is None) == (model is None):
        msg = "name either --endpoint URL or --model PATH"
        raise RecipeError(msg)
    folder = output or model
    if folder is None:
        msg = "--endpoint has no folder for the page: name one with --output"
        raise RecipeError(msg)
    if not benchmarks and (perf or against is None):
        msg = "--no-benchmarks leaves --against alone to do, and EvalScope measures --perf"
        raise RecipeError(msg)
    other = rival(against, against_name) if against else None
    if other and other.path and not other.path.is_dir():
        msg = f"--against {against}: neither an address nor a folder"
        raise NotFound(msg)
    if model and not model.is_dir():
        msg = f"--model {model}: no such folder; a model of a hub is asked at the --endpoint of its server"
        raise NotFound(msg)
    scope = find_evalscope(evalscope) if benchmarks else None
    watched = console(stderr=True)
    with bars(watched) as notify:
        told = run(
            version,
            Rival(url=endpoint, path=model, name=name),
            against=other,
            evalscope=scope,
            perf=perf,
            limit=limit,
            seed=seed,
            max_tokens=max_tokens,
            parallel=parallel,
            output=folder,
            notify=notify if watched.is_terminal else silent,
        )
    if as_json:
        say_json({**told.model_dump(mode="json"), "output": str(folder.resolve())})
    else:
        show_evaluation(told, folder.resolve(), console())
