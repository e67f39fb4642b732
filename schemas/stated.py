"""A recipe as the files of a version keep it, and the little of it that those read who build nothing."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, JsonValue

from thinkmix.schemas.record import Record


class StatedSource(Record):
    """What is read of a source; the rest of what its recipe says is passed over."""

    model_config = ConfigDict(extra="ignore")

    name: str
    kind: str
    format: Mapping[str, JsonValue]
    soft_switch: str = "plain"


class StatedRecipe(Record):
    """What is read of a recipe; the rest is passed over."""

    model_config = ConfigDict(extra="ignore")

    title: str
    template: str
    sources: tuple[StatedSource, ...]


def stated_settings(recipe: Mapping[str, JsonValue]) -> StatedRecipe:
    """Return what is read of a recipe.

    Raises:
        ValidationError: if it does not say it; a `Stated` does.
    """
    return StatedRecipe.model_validate(recipe)


def _checked(recipe: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    stated_settings(recipe)
    return recipe


Stated = Annotated[Mapping[str, JsonValue], AfterValidator(_checked)]
"""Every setting of a recipe in plain JSON, which `thinkmix.flows.recipe.recipe.Recipe` reads."""
