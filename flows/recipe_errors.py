"""What is wrong with a recipe, one line per field: where it stands, what it says, what is perhaps meant."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from schemas.tuning import RecipeFile

_TAGS = ("kind", "type")
"""Fields by which a union of models is told apart."""

Step = int | str


def lines(error: ValidationError) -> list[str]:
    """Return a line for each field that is wrong."""
    found = error.errors(include_url=False)
    return [f"{_place(one['loc'])}: {_said(one)}" for one in found if not _is_echo(one, found)]


def _is_echo(one: ErrorDetails, found: Sequence[ErrorDetails]) -> bool:
    """Return whether an error only says that a list is short of the items whose own errors are listed."""
    inside = (other["loc"][: len(one["loc"])] == one["loc"] for other in found if other is not one)
    return one["type"] == "too_short" and any(inside)


def _place(loc: tuple[Step, ...]) -> str:
    return ".".join(map(str, loc)) or "recipe"


def _said(one: ErrorDetails) -> str:
    """Return what is wrong with one field."""
    if one["type"] == "extra_forbidden":
        names = _settings(one["loc"][:-1])
        return f"not a setting{_meant(str(one['loc'][-1]), names)}"
    if one["type"] == "union_tag_invalid":
        context = one.get("ctx", {})
        names = [name.strip(" '") for name in str(context.get("expected_tags", "")).split(",")]
        return f"there is no {context.get('tag', '')!r}{_meant(str(context.get('tag', '')), names)}"
    if one["type"] != "missing" and one["input"] is None:
        return "nothing is stated here; state a value, or leave the line out"
    if one["type"] == "union_tag_not_found":
        tag = str(one.get("ctx", {}).get("discriminator", "")).strip("'")
        return f"`{tag}` is missing beside its settings"
    return one["msg"].removeprefix("Value error, ")


def _meant(name: str, names: Sequence[str]) -> str:
    close = get_close_matches(name.casefold(), names, n=1, cutoff=0.6)
    if close:
        return f"; perhaps {close[0]!r} is meant"
    return f"; there are {', '.join(names)}" if names else ""


def _settings(loc: tuple[Step, ...]) -> list[str]:
    """Return the settings that the model at a place of the recipe has."""
    models: list[type[BaseModel]] = [RecipeFile]
    for step in loc:
        if isinstance(step, int):
            continue
        fields = [model.model_fields[step] for model in models if step in model.model_fields]
        tagged = [model for model in models if step in _tags(model)]
        models = [model for field in fields for model in _models(field.annotation)] or tagged
    return [name for model in models for name in model.model_fields]


def _tags(model: type[BaseModel]) -> list[object]:
    return [model.model_fields[name].default for name in _TAGS if name in model.model_fields]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - any type there is
    """Yield the models in a type, however deep in unions and lists."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)
