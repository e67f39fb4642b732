"""The fields of a record as flags of a command: names, words, bounds and choices are the record's own."""

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Annotated, Any, Literal

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

Command = Callable[..., None]


def with_fields(record: type[BaseModel], *, into: str, panel: str) -> Callable[[Command], Command]:
    """Give a command a flag for each field of `record`; it gets those that were typed as the mapping `into`.

    A bool becomes a pair of flags, a tuple or mapping a flag that may be given several times (`NAME=NUMBER`
    for a mapping) or with commas, everything else a flag with one value. What a flag cannot check by itself
    is left to the record.
    """
    flags = {name: _flag(name, field, record, panel) for name, field in record.model_fields.items()}

    def decorate(command: Command) -> Command:
        own = [part for part in inspect.signature(command).parameters.values() if part.name != into]
        if both := {part.name for part in own} & set(flags):
            msg = f"{command.__name__} has a parameter of its own called like the field {min(both)}"
            raise TypeError(msg)

        @wraps(command)
        def run(**typed: Any) -> None:  # noqa: ANN401 - whatever the record's fields are
            values = {name: typed.pop(name) for name in flags}
            command(**typed, **{into: _values(values, record)})

        run.__signature__ = inspect.Signature([*own, *flags.values()])  # type: ignore[attr-defined]
        run.__annotations__ = {part.name: part.annotation for part in [*own, *flags.values()]}
        return run

    return decorate


def _flag(name: str, field: FieldInfo, record: type[BaseModel], panel: str) -> inspect.Parameter:
    schema = record.model_json_schema()["properties"][name]
    kinds = [kind for kind in schema.get("anyOf", [schema]) if kind.get("type") != "null"]
    typed, settings = _typed(kinds)
    declared = [f"--{name.replace('_', '-')}"]
    if typed is bool:
        declared = [f"{declared[0]}/--no-{declared[0].removeprefix('--')}"]
    option = typer.Option(
        *declared,
        help=_first_sentence(schema["description"]) + _default(field),
        show_default=False,
        rich_help_panel=panel,
        **settings,
    )
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[typed | None, option]
    )


def _typed(kinds: list[dict[str, Any]]) -> tuple[Any, dict[str, Any]]:
    """Return the type that the command line reads, and its bounds or how its values are called."""
    kind = kinds[-1]  # `all-linear` or a list of names is typed as the latter
    if kind["type"] == "boolean":
        return bool, {}
    if kind["type"] in ("integer", "number"):
        number = int if kind["type"] == "integer" else float
        return number, {"min": kind.get("minimum"), "max": kind.get("maximum")}
    if kind["type"] == "array":
        return list[str], {"metavar": "NAME"}
    if kind["type"] == "object":
        return list[str], {"metavar": "NAME=NUMBER"}
    if kind["type"] == "string":
        return (Literal[*kind["enum"]] if "enum" in kind else str), {}
    msg = f"no flag for a field of the type {kind['type']}"
    raise TypeError(msg)


def _values(typed: Mapping[str, Any], record: type[BaseModel]) -> dict[str, object]:
    """Return what was typed, lists and mappings put together from their parts."""
    properties = record.model_json_schema()["properties"]
    given = {name: value for name, value in typed.items() if value is not None}
    for name, value in given.items():
        if isinstance(value, list):
            parts = [part for word in value for part in word.split(",") if part]
            kinds = properties[name].get("anyOf", [properties[name]])
            given[name] = _collect(parts, kinds)
    return given


def _collect(parts: list[str], kinds: list[dict[str, Any]]) -> object:
    if kinds[-1]["type"] == "object":
        pairs = [part.rpartition("=") for part in parts]
        return {name: number for name, _, number in pairs}
    words = {word for kind in kinds for word in (kind.get("const"), *kind.get("enum", ())) if word}
    return parts[0] if len(parts) == 1 and parts[0] in words else tuple(parts)


def _first_sentence(description: str) -> str:
    return " ".join(description.split()).partition(". ")[0].removesuffix(".")


def _default(field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=False)
    if default is None or default in ((), {}):
        return ""
    word = {True: "yes", False: "no"}[default] if isinstance(default, bool) else default
    return f" (default {word})"
