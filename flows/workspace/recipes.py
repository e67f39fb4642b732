"""Recipes that the workspace wrote or can start from: where the file of a mixture lies."""

from pathlib import Path

from thinkmix.flows.recipe.recipes import load, shipped_recipes
from thinkmix.schemas.errors import NotFound, RecipeError


def recipe_folder(root: Path) -> Path:
    """Return the folder of the recipes that the workspace wrote."""
    return root / ".workspace" / "recipes"


def own_recipes(root: Path) -> dict[str, Path]:
    """Return the recipes that the workspace wrote, by the name of their file."""
    return {path.stem: path for path in sorted(recipe_folder(root).glob("*.yaml"))}


def recipe_of(root: Path, mixture: str) -> str:
    """Return how `thinkmix build` names the recipe that makes a mixture: a path, or a shipped name.

    Raises:
        NotFound: if the workspace knows none that makes it.
    """
    for name, path in own_recipes(root).items():
        if name == mixture or _makes(str(path), mixture):
            return str(path)
    if mixture in shipped_recipes():
        return mixture
    why = f"the workspace does not know the recipe of {mixture}: it was built from a file of yours"
    msg = f"{why}; build it with `thinkmix build FILE`, or bring the file in under New mixture"
    raise NotFound(msg)


def _makes(path: str, mixture: str) -> bool:
    try:
        return load(path).recipe.name == mixture
    except RecipeError:
        return False
