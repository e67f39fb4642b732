"""`thinkmix train` and `thinkmix merge`: from a verified version to an adapter, and from that to a model."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from thinkmix.flows.cli.fields import FieldsCommand
from thinkmix.flows.cli.terminal import JsonOption, StoreOption, VersionArgument, answer, app, console, say

if TYPE_CHECKING:
    from thinkmix.schemas.training import TrainPlan

BASE_HELP = "tiny-random, a local folder, or the hub id of a dense Qwen3."


class _PlanCommand(FieldsCommand):
    @staticmethod
    def record() -> "type[TrainPlan]":
        from thinkmix.schemas.training import TrainPlan

        return TrainPlan


def _list_presets(wanted: bool) -> None:
    if wanted:
        from thinkmix.schemas.training import Method
        from thinkmix.train.estimate.presets import LAYERS, preset

        for size in LAYERS:
            for method in get_args(Method):
                settings = preset(size, method)
                told = " ".join(f"{name}={value}" for name, value in (settings or {}).items())
                say(f"{size:>5}  {method:<7} {told or 'does not fit one GPU'}")
        raise typer.Exit


@app.command(
    cls=_PlanCommand,
    epilog="Example: thinkmix train build/store/sample-7-3 --model tiny-random --max-steps 40 --output a",
)
def train(
    context: typer.Context,
    version: VersionArgument,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="New folder for the adapter or the model.", file_okay=False),
    ],
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help=BASE_HELP, show_default="the base of --adapter, else tiny-random"),
    ] = None,
    adapter: Annotated[
        Path | None,
        typer.Option(
            "--adapter",
            help="Folder of an adapter to train further, ours or one of peft; it keeps its rank and layers.",
            file_okay=False,
        ),
    ] = None,
    plan: Annotated[
        Path | None, typer.Option(help="YAML file with the training plan; flags override it.", exists=True)
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="Size of Qwen3, such as 8B: sets what neither plan nor flags set.", metavar="SIZE"),
    ] = None,
    list_presets: Annotated[
        bool,
        typer.Option(
            "--list-presets", help="Show what each preset sets.", callback=_list_presets, is_eager=True
        ),
    ] = False,
    restart: Annotated[
        bool,
        typer.Option("--restart", help="Start over: drop the checkpoints that a killed run left of OUTPUT."),
    ] = False,
    token_cache: Annotated[
        Path | None,
        typer.Option(
            "--token-cache",
            help="Folder in which encoded rows are kept for later runs; one in the store if unset.",
            file_okay=False,
        ),
    ] = None,
    report_to: Annotated[
        list[str] | None,
        typer.Option(
            "--report-to",
            help="Monitor that is told of each step: tensorboard, mlflow, swanlab or wandb; repeatable.",
            metavar="MONITOR",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Train on a verified version, an adapter or whole weights; only completions carry loss.

    A run that was killed goes on where its last checkpoint (--save-every) left it. Of several processes
    that torchrun starts, the first one speaks.
    """
    from thinkmix.flows.cli.show.show import show_training
    from thinkmix.flows.recipe.plans import load_plan
    from thinkmix.flows.training.monitors.watching import monitors_named, watched
    from thinkmix.flows.training.pace import noted, progress_bar, speaks
    from thinkmix.flows.training.run import run_training

    stated = load_plan(plan, preset=preset, flags=context.obj)
    chosen = monitors_named(report_to or ())
    with progress_bar(console(stderr=True, quiet=not speaks())) as drawn:
        seen = noted(drawn)
        with watched(seen, chosen, version=version, model=model, plan=stated, output=output) as view:
            result = run_training(
                version,
                model=model,
                plan=stated,
                output=output,
                view=view,
                adapter=adapter,
                restart=restart,
                cache=token_cache,
            )
    if not speaks():
        return
    answer(result, partial(show_training, output=output.resolve()), as_json=as_json)


@app.command(epilog="Example: thinkmix merge build/adapter --model Qwen/Qwen3-8B --output build/model")
def merge(
    adapter: Annotated[Path, typer.Argument(help="Folder that `thinkmix train` wrote.", metavar="ADAPTER")],
    model: Annotated[str, typer.Option("--model", "-m", help=f"What it was trained on: {BASE_HELP}")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="New folder for the model.", file_okay=False)
    ],
    measure_on: Annotated[
        Path | None,
        typer.Option(
            "--measure-on",
            help="After 4 or 8 bit training: version whose rows show by how much merging moves the loss.",
            show_default="what it was trained on, if the store has it",
            metavar="VERSION",
            exists=True,
        ),
    ] = None,
    store: StoreOption = Path("build/store"),
) -> None:
    """Merge an adapter into its 16 bit base: one model, for transformers 4.57 and 5.x and servers on them.

    Of an adapter trained beside 4 or 8 bit weights it says by how much the loss moves, and on how many rows.
    """
    from thinkmix.flows.training.run import merge_adapter, merge_moves

    merge_adapter(adapter, model=model, output=output)
    say(f"model  {output.resolve()}")
    if moves := merge_moves(adapter, output, model=model, store=store, version=measure_on):
        say(f"  {moves}")
