"""What is wrong with a recipe, one line per field: where it stands, what it says, and the way out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from thinkmix.curation.rules import known
from thinkmix.curation.rules.contract import Rule
from thinkmix.flows.recipe.training import RecipeFile
from thinkmix.schemas.patterns import IN_WORDS, Name, as_name
from thinkmix.schemas.plain import plain
from thinkmix.schemas.record import descriptions

_TAGS = ("kind", "type")
"""Fields by which a union of models is told apart."""

_RENAMED: Mapping[str, str] = {
    "switch_prompts": "mode_prompts",
    "switch_least": "mode_least",
    "switch_tokens": "mode_tokens",
}
"""Settings of earlier releases, and how they are called now."""

_SHOWN = 60
_LISTED = 30

_BOUNDS: Mapping[str, tuple[str, str]] = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
    "finite_number": ("a number with an end", ""),
}
_LIST, _NAMED = "a list (`[a, b]`)", "settings by name (`{a: 1}`)"
_KINDS: Mapping[str, str] = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "tuple": _LIST,
    "list": _LIST,
    "dict": _NAMED,
    "mapping": _NAMED,
    "model": _NAMED,
}
"""What is needed, by how the types of errors begin."""

Step = int | str


class _Wrong(NamedTuple):
    """One error, at its place in what was stated."""

    steps: tuple[Step, ...]
    error: ErrorDetails


def lines(
    error: ValidationError,
    stated: object,
    model: type[BaseModel] = RecipeFile,
    *,
    whole: str = "recipe",
) -> list[str]:
    """Return a line for each field that is wrong.

    Args:
        error: what was found.
        stated: what was read, plain JSON.
        model: what it should be.
        whole: what it is called where a line is about all of it.
    """
    found = [_Wrong(_steps(one, stated), one) for one in error.errors(include_url=False)]
    meant = {place for one in found if (place := _meant_place(one, model)) is not None}
    grouped: dict[tuple[Step, ...], list[ErrorDetails]] = {}
    for steps, one in found:
        inside = any(other.steps[: len(steps)] == steps and other.steps != steps for other in found)
        # an error that follows from another line may be false once that line is fixed
        if not inside and not (one["type"] == "missing" and steps in meant):
            grouped.setdefault(steps, []).append(one)
    return [f"{_place(steps, stated) or whole}: {_said(ones, model)}" for steps, ones in grouped.items()]


def _steps(one: ErrorDetails, stated: object) -> tuple[Step, ...]:
    """Return the place of an error in what was stated, without the names that pydantic gives to types."""
    steps: list[Step] = []
    here, entered = stated, True
    loc = one["loc"]
    for number, step in enumerate(loc):
        last = number == len(loc) - 1
        if isinstance(here, Mapping):
            tagged = entered and step in [here.get(tag) for tag in _TAGS] and not last
            if tagged:
                entered = False
                continue
            if step in here or (last and one["type"] == "missing"):
                steps.append(step)
                here, entered = here.get(step), True
        elif isinstance(here, Sequence) and not isinstance(here, str) and isinstance(step, int):
            steps.append(step)
            here, entered = (here[step] if step < len(here) else None), True
    if one["type"].startswith("union_tag") and isinstance(here, Mapping):
        steps.append(str(one.get("ctx", {}).get("discriminator", "")).strip("'"))
    return tuple(steps)


def _place(steps: tuple[Step, ...], stated: object) -> str:
    """Return a place as people say it: items of a list by their `name` where they have one."""
    words, here = [], stated
    for step in steps:
        item = None
        if isinstance(here, Mapping):
            item = here.get(step)
        elif isinstance(here, Sequence) and isinstance(step, int) and step < len(here):
            item = here[step]
        name = item.get("name") if isinstance(here, Sequence) and isinstance(item, Mapping) else None
        words.append(name if isinstance(name, str) and name and steps[-1] != "name" else str(step))
        here = item
    return _cut(".".join(words))


def _said(ones: Sequence[ErrorDetails], model: type[BaseModel]) -> str:
    """Return what is wrong with one field; several errors are of the ways in which it may be stated."""
    if len(ones) > 1 and all(_needed(one) for one in ones):
        needed = " or ".join(dict.fromkeys(_needed(one) for one in ones))
        return f"state {needed}, not {_value(ones[0]['input'])}"
    return _one_said(ones[0], model)


def _one_said(one: ErrorDetails, model: type[BaseModel]) -> str:
    if one["type"] == "extra_forbidden":
        return f"not a setting{_belongs(one, model)}"
    if one["type"] == "missing":
        return f"is missing{_about(one, model)}"
    if one["type"] != "union_tag_invalid" and one["input"] is None:
        return "nothing is stated here; state a value, or leave the line out"
    if one["type"] in _SENTENCES:
        return _SENTENCES[one["type"]](one["input"], one.get("ctx", {}))
    if needed := _needed(one):
        return f"state {needed}, not {_value(one['input'])}"
    return str(one["msg"]).removeprefix("Value error, ")


def _needed(one: ErrorDetails) -> str:
    """Return what would be right in place of a value, in words; empty where only a sentence can say it."""
    context = one.get("ctx", {})
    if one["type"] in ("literal_error", "enum"):
        return " or ".join(f"`{name}`" for name in _choices(context))
    if one["type"] in _BOUNDS:
        words, limit = _BOUNDS[one["type"]]
        bound = context.get(limit, "")
        if isinstance(bound, int | float):
            return f"{words} {int(bound):,}" if bound == int(bound) else f"{words} {bound:g}"
        return words
    if one["type"] == "int_from_float":
        return "a whole number"
    begin, _, rest = one["type"].partition("_")
    known = rest in ("type", "parsing", "attributes_type", "parsing_size") and begin in _KINDS
    return _KINDS[begin] if known else ""


def _choices(context: Mapping[str, Any]) -> list[str]:
    """Return the words that a field may be, out of pydantic's `'a', 'b' or 'c'`."""
    return [word for word in str(context.get("expected", "")).split("'")[1::2] if word]


def _no_tag(value: object, context: Mapping[str, Any]) -> str:
    tag, names = str(context.get("tag", "")), str(context.get("expected_tags", ""))
    return f"there is no '{_cut(tag)}'{_meant(tag, names.split(chr(39))[1::2])}"


def _no_choice(value: object, context: Mapping[str, Any]) -> str:
    return f"there is no {_value(value)}{_meant(str(value), _choices(context))}"


def _unfit(value: object, context: Mapping[str, Any]) -> str:
    """Return that text is not what it should be, and if it should be a name, one that is like it."""
    pattern = str(context.get("pattern", ""))
    words = IN_WORDS.get(pattern, "text of another form")
    is_name = any(getattr(rule, "pattern", None) == pattern for rule in _rules(Name))
    fit = as_name(str(value)) if is_name else ""
    return f"{_value(value)} is not {words}{f'; write `{fit}`' if fit else ''}"


_SENTENCES: Mapping[str, Callable[[object, Mapping[str, Any]], str]] = {
    "union_tag_invalid": _no_tag,
    "union_tag_not_found": lambda value, context: "is missing beside its settings: add it",
    "string_pattern_mismatch": _unfit,
    "literal_error": _no_choice,
    "enum": _no_choice,
    "string_too_long": lambda value, context: f"at most {context['max_length']} characters; shorten it",
    "string_too_short": lambda value, context: "nothing stands here: state some text",
    "too_long": lambda value, context: f"at most {context['max_length']} of them; shorten the list",
    "too_short": lambda value, context: f"nothing stands here; add at least {context['min_length']}",
}
"""What is said of a value, by the type of the error."""


def _rules(annotation: Any) -> Iterator[Any]:  # noqa: ANN401 - metadata of a type may be anything
    for rule in getattr(annotation, "__metadata__", ()):
        yield from getattr(rule, "metadata", ())


def _value(value: object) -> str:
    """Return what was stated, as YAML and not as Python shows it."""
    if isinstance(value, Mapping):
        return "settings by name"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, bool):
        return "`true`" if value else "`false`"
    if isinstance(value, str):
        return f"'{plain(value, _SHOWN)}'"
    return f"`{_cut(str(value))}`"


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _belongs(one: ErrorDetails, model: type[BaseModel]) -> str:
    """Return which setting an unknown name is meant to be, or where such a setting belongs."""
    name, here = str(one["loc"][-1]), _models_at(one["loc"][:-1], model)
    if new := _RENAMED.get(name):
        return f" any more: it is called `{new}` now"
    if Rule in here:
        return _meant(name, [kind.name for kind in known.RULES])
    if place := _elsewhere(name, here, model):
        return f" here, but of {place}: move it there"
    return _meant(name, [setting for found in here for setting in found.model_fields])


def _elsewhere(name: str, here: Sequence[type[BaseModel]], model: type[BaseModel]) -> str:
    """Return in which part of what is stated a setting of this name stands, in words."""
    if any(name in found.model_fields for found in here):
        return ""  # of a source of another kind
    if model not in here and name in model.model_fields:
        return "the top level"
    for found in (*here, model):
        for field, about in found.model_fields.items():
            if any(name in inner.model_fields for inner in _models(about.annotation)):
                return "a source" if field == "sources" else f"`{field}`"
    return ""


def _about(one: ErrorDetails, model: type[BaseModel]) -> str:
    """Return what a setting that is missing says."""
    for found in _models_at(one["loc"][:-1], model):
        if said := descriptions(found).get(str(one["loc"][-1])):
            words = " ".join(said.split()).partition(". ")[0].removesuffix(".")
            return f": {words[0].lower()}{words[1:]}; add it"
    return ": add it"


def _meant_place(wrong: _Wrong, model: type[BaseModel]) -> tuple[Step, ...] | None:
    """Return the place of the setting that an unknown name is perhaps meant for."""
    one = wrong.error
    if one["type"] != "extra_forbidden":
        return None
    close = _close(str(one["loc"][-1]), _settings(one["loc"][:-1], model))
    return (*wrong.steps[:-1], close) if close else None


def _close(name: str, names: Sequence[str]) -> str:
    close = get_close_matches(name.casefold(), names, n=1, cutoff=0.6)
    return close[0] if close else ""


def _meant(name: str, names: Sequence[str]) -> str:
    if close := _close(name, names):
        return f"; did you mean `{close}`?"
    listed = ", ".join(dict.fromkeys(names[:_LISTED]))
    return f"; there are {listed}" if names else ""


def _settings(loc: tuple[Step, ...], model: type[BaseModel]) -> list[str]:
    """Return the settings that the model at a place of the recipe has."""
    return [name for found in _models_at(loc, model) for name in found.model_fields]


def _models_at(loc: tuple[Step, ...], model: type[BaseModel]) -> list[type[BaseModel]]:
    models: list[type[BaseModel]] = [model]
    for step in loc:
        if isinstance(step, int):
            continue
        fields = [found.model_fields[step] for found in models if step in found.model_fields]
        tagged = [found for found in models if step in _tags(found)]
        if Rule in models:  # the name of a rule
            tagged = [kind for kind in known.RULES if kind.name == step]
        # the name of a format may be the name of one of its columns
        models = tagged or [inner for field in fields for inner in _models(field.annotation)]
    return models


def _tags(model: type[BaseModel]) -> list[object]:
    return [model.model_fields[name].default for name in _TAGS if name in model.model_fields]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - any type there is
    """Yield the models in a type, however deep in unions and lists."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)
