"""From a published version to an adapter: verify first, then train."""

from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from flows.store import problems, reading
from schemas.errors import RecipeError, StoreCorrupt, TrainError
from schemas.training import TrainPlan
from train import presets
from train.fit import fit
from train.result import Progress as Step
from train.result import TrainResult
from train.staging import published, refuse_used, workspace


def load_plan(path: Path | None, *, preset: str | None = None, flags: Mapping[str, object]) -> TrainPlan:
    """Return the plan in a YAML file with the flags' values in its place, and a preset's beneath both.

    A flag that is None was not given.

    Raises:
        RecipeError: if the plan is not YAML or says something impossible; names the field.
    """
    try:
        stated = yaml.safe_load(path.read_text(encoding="utf-8")) if path else {}
        said = (stated or {}) | {name: value for name, value in flags.items() if value is not None}
        return TrainPlan.model_validate({**_preset(preset, str(said.get("method", "lora"))), **said})
    except (yaml.YAMLError, TypeError) as error:
        msg = f"{path}: not a training plan in YAML: {error}"
        raise RecipeError(msg) from None
    except ValidationError as error:
        found = [
            f"{'.'.join(map(str, item['loc'])) or 'plan'}: {item['msg'].removeprefix('Value error, ')}"
            for item in error.errors(include_url=False)
        ]
        raise RecipeError("; ".join(found)) from None


def _preset(size: str | None, method: str) -> Mapping[str, object]:
    if size is None:
        return {}
    if size not in presets.LAYERS:
        msg = f"no preset for {size}: there are {', '.join(presets.LAYERS)}"
        raise RecipeError(msg)
    if (settings := presets.preset(size, method)) is None:
        msg = f"no preset for {size} by {method}, which is more than one GPU holds: take lora or qlora4"
        raise RecipeError(msg)
    return settings


def finetune(version: Path, *, model: str, plan: TrainPlan, output: Path, console: Console) -> TrainResult:
    """Train on a version whose every byte was verified just now.

    Args:
        version: a version's folder, or a mixture's folder for its current version.
        model: `tiny-random`, a local folder, or a hub id.
        plan: how to train.
        output: new folder for the adapter.
        console: where progress is drawn.

    Raises:
        StoreCorrupt: if the version is not what its manifest says.
        TrainError: if the run cannot start or go on.
    """
    with reading(version) as folder:
        return _finetune(folder, model=model, plan=plan, output=output, console=console)


def _finetune(folder: Path, *, model: str, plan: TrainPlan, output: Path, console: Console) -> TrainResult:
    if found := problems(folder):
        msg = f"{folder.name} is damaged, so it is not trained on: {found[0]}"
        raise StoreCorrupt(msg)
    columns = (
        TextColumn("training"),
        BarColumn(bar_width=24),
        TextColumn("step {task.completed:.0f}/{task.total:.0f}"),
        TextColumn("loss {task.fields[loss]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    console.print(
        f"loading {model} to train on {folder.parent.parent.name} {folder.name[:12]}", highlight=False
    )
    with Progress(*columns, console=console) as bars:
        bar = bars.add_task("training", total=plan.max_steps or 1, loss="-")

        def told(step: Step) -> None:
            bars.update(bar, completed=step.step, total=step.steps, loss=f"{step.loss:.3f}")

        return fit(folder, digest=folder.name, plan=plan, model=model, output=output, progress=told)


def merge_adapter(adapter: Path, *, model: str, output: Path) -> None:
    """Merge an adapter into the model that it was trained on, as the new folder `output`.

    Raises:
        TrainError: if `output` is in use, there is nothing to merge, or the model is another one.
    """
    refuse_used(output)
    try:
        from train.merge import merge  # noqa: PLC0415 - torch takes seconds, and is an extra
        from train.model import quiet  # noqa: PLC0415
    except ModuleNotFoundError as error:
        msg = f"merging needs {error.name}: pip install 'thinkmix[train]'"
        raise TrainError(msg) from error
    with quiet(), workspace(output, restart=False) as work, published(output, work) as folder:
        merge(adapter, base=model, output=folder)
