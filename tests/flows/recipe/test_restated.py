"""Recipes of older releases are compared by what they mean today."""

import pytest
from pydantic import ValidationError

from tests.harness.trained import manifest
from thinkmix.curation.audit.provenance import changed_fields, settings
from thinkmix.flows.recipe.restated import restate


def test_a_setting_that_came_later_is_no_change() -> None:
    """An older manifest does not state it, and means its default."""
    now = manifest()
    said = {name: value for name, value in now.recipe.items() if name not in ("max_turns", "gates")}
    then = now.model_copy(update={"recipe": said})
    assert "max_turns" in changed_fields(then, now)
    assert restate(then) == now
    assert settings(restate(then), restate(now)) == ()


def test_a_recipe_that_this_release_does_not_read_is_refused() -> None:
    """A setting that is gone could mean anything."""
    now = manifest()
    then = now.model_copy(update={"recipe": {**now.recipe, "colour": "red"}})
    with pytest.raises(ValidationError, match="colour"):
        restate(then)
