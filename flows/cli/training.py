"""`thinkmix train`: an adapter from a verified version."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.terminal import JsonOption, VersionArgument, app, console, say_json


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
    result = finetune(version, model=model, plan=stated, output=output, console=console(stderr=True))
    if as_json:
        say_json(result.model_dump(mode="json"))
    else:
        show_training(result, output.resolve(), console())
