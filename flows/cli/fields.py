"""The fields of a record as flags of a command: names, words, bounds and choices are the record's own."""

import inspect
from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperCommand
from typer.main import get_command

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

PANEL = "Fields of the plan"


class FieldsCommand(TyperCommand):
    """A command with a flag for each field of a record, which is imported only when the command is asked for.

    A bool becomes a pair of flags, a tuple or mapping a flag that may be given several times (`NAME=NUMBER`
    for a mapping) or with commas, everything else a flag with one value. What was typed, and nothing else,
    is the context's `obj` when the command runs; what a flag cannot check by itself is left to the record.
    """

    @staticmethod
    @abstractmethod
    def record() -> "type[BaseModel]":
        """Import and return the record."""

    @cached_property
    def flags(self) -> Mapping[str, Any]:
        """The flags, by the fields' names."""
        made = {option.name: option for option in _options(self.record())}
        if both := {option.name for option in self.params} & set(made):
            msg = f"{self.name} has a parameter of its own called like the field {min(map(str, both))}"
            raise TypeError(msg)
        return made

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401 - typer's own click, which it keeps to itself
        """Return the command's own parameters, then the flags, then `--help`."""
        *own, asked = super().get_params(ctx)
        return [*own, *self.flags.values(), asked]

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - as above
        """Run the command with what was typed as `ctx.obj`."""
        typed = {name: ctx.params.pop(name) for name in self.flags}
        ctx.obj = _values(typed, self.record())
        return super().invoke(ctx)


def _options(record: "type[BaseModel]") -> list[Any]:
    """Return the flags as typer makes them of a function with a parameter for each field."""

    def parse() -> None:
        """Take any of them."""

    properties = record.model_json_schema()["properties"]
    made = [_flag(name, field, properties[name]) for name, field in record.model_fields.items()]
    parse.__signature__ = inspect.Signature(made)  # type: ignore[attr-defined]  # inspect reads it from there
    parser = typer.Typer(add_completion=False)
    parser.command()(parse)
    return list(get_command(parser).params)


def _flag(name: str, field: "FieldInfo", schema: dict[str, Any]) -> inspect.Parameter:
    kinds = [kind for kind in schema.get("anyOf", [schema]) if kind.get("type") != "null"]
    typed, settings = _typed(kinds)
    declared = [f"--{name.replace('_', '-')}"]
    if typed is bool:
        declared = [f"{declared[0]}/--no-{declared[0].removeprefix('--')}"]
    option = typer.Option(
        *declared,
        help=_first_sentence(schema["description"]) + _default(field),
        show_default=False,
        rich_help_panel=PANEL,
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


def _values(typed: Mapping[str, Any], record: "type[BaseModel]") -> dict[str, object]:
    """Return what was typed, lists and mappings put together from their parts."""
    properties = record.model_json_schema()["properties"]
    given = {name: value for name, value in typed.items() if value not in (None, (), [])}
    for name, value in given.items():
        if isinstance(value, list | tuple):
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


def _default(field: "FieldInfo") -> str:
    default = field.get_default(call_default_factory=False)
    if default is None or default in ((), {}):
        return ""
    word = {True: "yes", False: "no"}[default] if isinstance(default, bool) else default
    return f" (default {word})"
