"""The published JSON schemas of the reports, made from the models themselves."""

from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.schemas.report import Report
from thinkmix.schemas.run import RunReport


def json_schema(model: type[Report | RunReport]) -> dict[str, object]:
    """Return the JSON schema of what a report is written as; its id ends in the version of the layout.

    The recipe, which a report holds as it was written, is described as a recipe is.
    """
    name = "report" if issubclass(model, RunReport) else "version-report"
    layout = model.model_fields["version"].default
    made = model.model_json_schema(mode="serialization")
    recipe = Recipe.model_json_schema(mode="serialization")
    made["$defs"] |= recipe.pop("$defs") | {"Recipe": recipe}
    facts = made if model is Report else made["$defs"]["Report"]
    facts["properties"]["recipe"] = {"$ref": "#/$defs/Recipe"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:thinkmix:{name}:{layout}",
        **made,
    }
