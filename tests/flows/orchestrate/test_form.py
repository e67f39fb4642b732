"""The form that Prefect makes of a build's parameters: every field says what it is and what it may hold."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def fields() -> dict[str, dict]:
    """Every field of the form, by the place it is found at."""
    from prefect.utilities.callables import parameter_schema  # noqa: PLC0415 - seconds, here not at start

    from thinkmix.flows.orchestrate.build import build_mixture  # noqa: PLC0415

    schema = parameter_schema(build_mixture).model_dump()
    found = dict(schema["properties"])
    for model, definition in schema["definitions"].items():
        found |= {f"{model}.{name}": field for name, field in definition.get("properties", {}).items()}
    return found


def alternatives(field: dict) -> Iterator[dict]:
    """Yield the ways to fill in a field, or an item or value of it."""
    inner = [*field.get("anyOf", []), *field.get("oneOf", [])]
    inner += [value for key in ("items", "additionalProperties") if isinstance(value := field.get(key), dict)]
    for kind in inner:
        yield from alternatives(kind)
    if "type" in field:
        yield field


def unbounded(kind: dict) -> bool:
    """Return whether one could fill in a number, a text or a list of any size."""
    names = set(kind)
    match kind["type"]:
        case "integer" | "number":
            return not (names & {"minimum", "exclusiveMinimum"} and names & {"maximum", "exclusiveMaximum"})
        case "string":
            return not names & {"enum", "const", "pattern", "maxLength", "format"}
        case "array":
            return not names & {"maxItems", "prefixItems"}
    return False


def test_every_field_explains_itself(fields: dict[str, dict]):
    """A field of the form has a title and a sentence."""
    assert {"recipe", "store", "MixPlan.shares", "HubSource.revision", "Alpaca.type"} <= set(fields)
    assert [place for place, field in fields.items() if not field.get("title") and "$ref" not in field] == []
    assert [place for place, field in fields.items() if not field.get("description", "").strip()] == []


def test_every_field_has_bounds(fields: dict[str, dict]):
    """A number has a least and a largest value, a text or list a longest length."""
    del fields["Executor.memory"]  # words with a unit, or a number of bytes: the model checks both
    bare = {place for place, field in fields.items() if any(map(unbounded, alternatives(field)))}
    assert bare == set()
