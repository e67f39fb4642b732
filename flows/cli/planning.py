"""`thinkmix plan`: memory and time of a training run, before anyone rents a card."""

from pathlib import Path
from typing import Annotated

import typer

from thinkmix.flows.cli.terminal import JsonOption, answer, app, console, say_json


@app.command(
    epilog="Example: thinkmix plan build/store/math-7-3 --model 8B --gpu 24GB --tokens-per-second 3000"
)
def plan(
    version: Annotated[
        Path | None,
        typer.Argument(
            help="A version's or a mixture's folder; the plan uses its row lengths.", metavar="[VERSION]"
        ),
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            "--model", "-m", help="A model's folder or config.json, or the size of a Qwen3: 8B, 30B-A3B."
        ),
    ] = "Qwen3-8B",
    gpu: Annotated[
        str | None, typer.Option(help="Plan for one card: its name (4090) or its size (24GB).")
    ] = None,
    method: Annotated[
        str | None, typer.Option(help="Propose this method: lora, qlora4, qlora8, freeze or full.")
    ] = None,
    plan_file: Annotated[
        Path | None, typer.Option("--plan", help="YAML file with the training plan.", exists=True)
    ] = None,
    batch: Annotated[int | None, typer.Option(min=16, help="Most tokens that are read at once.")] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=16, help="Longest row; longer ones are left out, and counted.")
    ] = None,
    checkpointing: Annotated[
        bool | None, typer.Option(help="Recompute activations instead of storing them.")
    ] = None,
    tokens: Annotated[
        int | None, typer.Option(min=1, help="Tokens that are read at once, if no version is given.")
    ] = None,
    tokens_per_second: Annotated[
        float | None, typer.Option(min=0.001, help="Speed of the card, for the hours.")
    ] = None,
    seed_table: Annotated[
        bool, typer.Option("--seed-table", help="Print a widely copied table, with its errors marked.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show how much GPU memory training needs, which cards fit, and how long it takes; load no weights."""
    from thinkmix.flows.cli.show.show_plan import show_folklore, show_outlook
    from thinkmix.flows.recipe.plans import load_plan
    from thinkmix.flows.training.planning import look_ahead
    from thinkmix.train.estimate.gpus import find_gpu

    if seed_table:
        _say_table() if as_json else show_folklore(console())
        return
    flags = {"method": method, "batch": batch, "max_tokens": max_tokens, "checkpointing": checkpointing}
    outlook = look_ahead(
        model,
        load_plan(plan_file, flags=flags),
        version=version,
        tokens=tokens,
        tokens_per_second=tokens_per_second,
        card=find_gpu(gpu) if gpu else None,
        plan_file=plan_file,
    )
    answer(outlook, show_outlook, as_json=as_json)


def _say_table() -> None:
    from thinkmix.train.estimate.folklore import NOTES, cells

    table = [
        {
            "size": cell.size,
            "method": cell.method,
            "stated_gb": cell.stated,
            "ours": cell.ours.total,
            "note": cell.note or None,
        }
        for cell in cells()
    ]
    say_json({"cells": table, "notes": NOTES})
