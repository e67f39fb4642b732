"""Manifests of older releases with every setting that a recipe has today, so that two can be compared."""

from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.schemas.manifest import Manifest


def restate(manifest: Manifest) -> Manifest:
    """Return the manifest with a recipe that states every setting; what is not stated has its default.

    Raises:
        ValidationError: if the recipe says what no recipe of this release may say.
    """
    recipe = Recipe.model_validate(manifest.recipe)
    return manifest.model_copy(update={"recipe": recipe.model_dump(mode="json")})
