"""Recipes as the files of a version keep them: any JSON that says what a report is read for."""

from collections.abc import Callable

import pytest
from pydantic import JsonValue, ValidationError

from thinkmix.schemas.record import Record
from thinkmix.schemas.stated import Stated, stated_settings

SOURCE = {"name": "math", "kind": "hub", "format": {"type": "auto"}, "colour": "red"}
RECIPE: dict[str, JsonValue] = {"title": "", "seed": 1, "template": "qwen3", "sources": [SOURCE], "later": {}}


class Kept(Record):
    """A file with a recipe in it."""

    recipe: Stated


def test_a_recipe_is_kept_as_it_was_written() -> None:
    """Its settings stay in their order, those that this release does not know with them."""
    kept = Kept.model_validate_json(Kept(recipe=RECIPE).model_dump_json())
    assert list(kept.recipe.items()) == list(RECIPE.items())


def test_what_is_read_of_a_recipe_has_names() -> None:
    """A setting that came later has its default; others are passed over."""
    found = stated_settings(RECIPE)
    assert (found.template, [(one.name, one.kind, one.soft_switch) for one in found.sources]) == (
        "qwen3",
        [("math", "hub", "plain")],
    )


@pytest.mark.parametrize(
    "harm",
    [
        lambda recipe: recipe.pop("sources"),
        lambda recipe: recipe.update(sources="math"),
        lambda recipe: recipe.update(sources=[{"kind": "hub"}]),
        lambda recipe: recipe.pop("template"),
    ],
    ids=["no sources", "no list", "no name", "no template"],
)
def test_a_file_whose_recipe_cannot_be_read_is_refused(
    harm: Callable[[dict[str, JsonValue]], object],
) -> None:
    """Whoever reads it hears so at once, and not where a page is sampled of it."""
    recipe = dict(RECIPE)
    harm(recipe)
    with pytest.raises(ValidationError, match="recipe"):
        Kept(recipe=recipe)
