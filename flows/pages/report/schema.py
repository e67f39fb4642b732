"""The published JSON schemas of the reports, made from the models themselves."""

from thinkmix.schemas.report import Report
from thinkmix.schemas.run import RunReport


def json_schema(model: type[Report | RunReport]) -> dict[str, object]:
    """Return the JSON schema of what a report is written as; its id ends in the version of the layout."""
    name = "report" if issubclass(model, RunReport) else "version-report"
    layout = model.model_fields["version"].default
    made = model.model_json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:thinkmix:{name}:{layout}",
        **made,
    }
