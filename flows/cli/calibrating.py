"""`thinkmix calibrate`: rows for quantisers, and what quantising a model costs on them."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thinkmix.flows.cli.fields import FieldsCommand
from thinkmix.flows.cli.terminal import JsonOption, VersionArgument, answer, app, console
from thinkmix.flows.cli.training import BASE_HELP

if TYPE_CHECKING:
    from thinkmix.train.quantize.quant_plan import Rule


class _RuleCommand(FieldsCommand):
    @staticmethod
    def record() -> "type[Rule]":
        from thinkmix.train.quantize.quant_plan import Rule

        return Rule


@app.command(
    cls=_RuleCommand,
    epilog="Example: thinkmix calibrate build/store/sample-7-3 --model tiny-random --rows 64 --output c",
)
def calibrate(
    context: typer.Context,
    version: VersionArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="New folder for what is sampled.", file_okay=False)
    ],
    model: Annotated[
        str | None, typer.Option("--model", "-m", help=f"Measure this model, too: {BASE_HELP}")
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option(
            help="YAML file with a training plan: seed, longest row, precision, batch.", exists=True
        ),
    ] = None,
    rows: Annotated[int, typer.Option(min=1, max=100_000, help="Rows to sample.")] = 256,
    seed: Annotated[int | None, typer.Option(min=0, help="Decides which rows are sampled.")] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=16, help="Longest row; longer ones are left out, never cut.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Sample training rows by source, mode and length, and measure what quantising a model costs on them."""
    from thinkmix.flows.cli.show.show_calibration import show_calibration
    from thinkmix.flows.recipe.plans import load_plan
    from thinkmix.flows.training.calibrate import calibrate as sample_and_measure
    from thinkmix.train.quantize.quant_plan import Rule

    told = sample_and_measure(
        version,
        model=model,
        plan=load_plan(plan, flags={"seed": seed, "max_tokens": max_tokens}),
        rows=rows,
        rule=Rule.model_validate(context.obj),
        output=output,
        console=console(stderr=True),
    )
    answer(told, partial(show_calibration, output=output.resolve()), as_json=as_json)
