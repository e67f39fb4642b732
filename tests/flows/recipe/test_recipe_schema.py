"""The JSON schema of recipes: an editor accepts what a build accepts, and explains every setting."""

import json
from collections.abc import Iterator

import jsonschema
import pytest
import yaml

from tests.harness.builders import ROOT, statement
from thinkmix.flows.recipe.recipe_schema import recipe_schema
from thinkmix.flows.recipe.recipes import shipped_recipes


def valid(recipe: object) -> bool:
    """Return whether an editor would find nothing wrong."""
    schema = recipe_schema()
    return jsonschema.Draft202012Validator(schema).is_valid(recipe)


def test_the_published_schema_is_current(run) -> None:
    """It is what `thinkmix schema recipe` prints."""
    published = json.loads((ROOT / "docs/recipe.schema.json").read_text(encoding="utf-8"))

    assert published == recipe_schema(), "run: thinkmix schema recipe > docs/recipe.schema.json"
    assert json.loads(run("schema", "recipe")[1]) == published


@pytest.mark.parametrize("name", shipped_recipes())
def test_shipped_recipes_fit_the_schema(name: str) -> None:
    """With formats that are a name, and those that have settings."""
    assert valid(yaml.safe_load(shipped_recipes()[name].read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "changes",
    [
        {"colour": "red"},
        {"max_tokens": "many"},
        {"name": "My Mix"},
        {"template": "llama"},
        {"sources": [{"name": "a", "kind": "local", "files": ["x"], "format": "sharegtp"}]},
        {
            "sources": [
                {"name": "a", "kind": "local", "files": ["x"], "format": {"type": "qa", "qestion": "q"}}
            ]
        },
        {"gates": {"rows": {"action": "stop"}}},
    ],
)
def test_what_a_build_refuses_an_editor_marks(changes: dict[str, object]) -> None:
    """Unknown settings and formats, wrong types, names and choices."""
    assert valid(statement())
    assert not valid(statement() | changes)


def test_every_setting_is_described() -> None:
    """Hovering over any of them says what it is."""
    schema = recipe_schema()

    def settings() -> Iterator[tuple[str, dict]]:
        yield from schema["properties"].items()
        for kind, definition in schema["$defs"].items():
            for name, field in definition.get("properties", {}).items():
                yield f"{kind}.{name}", field

    assert [place for place, field in settings() if not field.get("description")] == []
