"""What a recipe's file may say beside the mixture: the training that follows; no version tells of it."""

from typing import Annotated, Any, Literal

from pydantic import Field, PlainSerializer, model_validator

from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.schemas.record import Record
from thinkmix.schemas.training import TrainPlan

Size = Literal["0.6B", "1.7B", "4B", "8B", "14B", "32B"]
"""Size of a dense Qwen3, by its name."""

Monitor = Annotated[str, Field(min_length=1, max_length=40)]
"""Name of a monitor."""


def _stated(plan: TrainPlan) -> dict[str, Any]:
    return plan.model_dump(mode="json", exclude_unset=True)


class TrainingSettings(Record):
    """How versions of a mixture are trained on when they are published."""

    model: str = Field(min_length=1, max_length=1000)
    """What is trained: a hub id, a folder (a relative one starts at the recipe's), or tiny-random."""
    plan: Annotated[TrainPlan, PlainSerializer(_stated)] = TrainPlan()
    """How it is trained."""
    preset: Size | None = None
    """Size of Qwen3 whose preset sets what the plan leaves open; unset means the plan's defaults."""
    report_to: tuple[Annotated[str, Field(min_length=1, max_length=40)], ...] = Field(
        default=(), max_length=8
    )
    """Monitors that are told of each step: tensorboard, mlflow, swanlab, wandb."""
    when: Literal["published", "missing"] = "published"
    """When to train: after a build that published a new version, or after any build whose version is good and
    was not trained in this way yet."""


class RecipeFile(Recipe):
    """A recipe file: the mixture, and what happens after it is published."""

    train: TrainingSettings | None = None
    """Train on every new good version; unset trains nothing."""

    @model_validator(mode="after")
    def _rules_that_drop_are_proven(self) -> "RecipeFile":
        if refused := self.refused_drops():
            raise ValueError(refused[0])
        return self

    @property
    def recipe(self) -> Recipe:
        """Return what decides the mixture, and nothing else."""
        return Recipe(**{name: getattr(self, name) for name in Recipe.model_fields})
