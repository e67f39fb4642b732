"""Training plans as people state them: a YAML file or a recipe, a preset beneath, flags on top."""

from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import ValidationError

from thinkmix.flows.recipe import recipe_errors
from thinkmix.flows.recipe.training import TrainingSettings
from thinkmix.schemas.errors import RecipeError
from thinkmix.schemas.training import TrainPlan
from thinkmix.train.estimate import presets


def load_plan(path: Path | None, *, preset: str | None = None, flags: Mapping[str, object]) -> TrainPlan:
    """Return the plan in a YAML file with the flags' values in its place, and a preset's beneath both.

    A flag that is None was not given.

    Raises:
        RecipeError: if the plan is not YAML or says something impossible; names the field.
    """
    try:
        stated = yaml.safe_load(path.read_text(encoding="utf-8")) if path else {}
        said = (stated or {}) | {name: value for name, value in flags.items() if value is not None}
        preset_of = _preset(preset, str(said.get("method", "lora")))
    except (yaml.YAMLError, TypeError) as error:
        msg = f"{path}: not a training plan in YAML: {error}"
        raise RecipeError(msg) from None
    return _checked({**preset_of, **said})


def plan_of(training: TrainingSettings) -> TrainPlan:
    """Return the plan that a recipe states, its preset beneath.

    Raises:
        RecipeError: if the two together say something impossible.
    """
    said = training.plan.model_dump(exclude_unset=True)
    return _checked({**_preset(training.preset, training.plan.method), **said})


def _checked(said: Mapping[str, object]) -> TrainPlan:
    try:
        return TrainPlan.model_validate(said)
    except ValidationError as error:
        raise RecipeError("; ".join(recipe_errors.lines(error, said, TrainPlan, whole="plan"))) from None


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
