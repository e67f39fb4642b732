"""The JSON schema of recipes, for editors that complete and check what is written, and show what it means."""

from typing import Any

from thinkmix.flows.recipe.training import RecipeFile
from thinkmix.schemas.formats.auto import Auto
from thinkmix.schemas.formats.contract import Format
from thinkmix.schemas.formats.recognition import FORMATS

_SOURCES = ("LocalSource", "HubSource", "ModelScopeSource")


def recipe_schema() -> dict[str, Any]:
    """Return the JSON schema of what a recipe's file may say, every setting with its description."""
    made = RecipeFile.model_json_schema(mode="validation")
    for source in _SOURCES:
        fields = made["$defs"][source]["properties"]
        fields["format"] = _or_name(fields["format"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:thinkmix:recipe",
        **made,
        "title": "Recipe of Thinkmix",
    }


def _or_name(stated: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a format that may be its name alone."""
    kinds: list[type[Format]] = [*FORMATS, Auto]
    names = [str(kind.model_fields["type"].default) for kind in kinds]
    about = {name: value for name, value in stated.items() if name in ("title", "description")}
    settings = {name: value for name, value in stated.items() if name not in about}
    return {**about, "anyOf": [{"type": "string", "enum": names}, settings]}
