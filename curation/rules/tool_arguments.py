"""The rule on calls whose arguments are not what the tool's definition asks for."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from thinkmix.curation.rules.contract import Evidence, Rule, Verdict
from thinkmix.schemas.formats.tools import tool_name
from thinkmix.schemas.plain import plain
from thinkmix.schemas.record import json_text

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

    from thinkmix.curation.rules.turns import TurnTable
    from thinkmix.schemas.conversation import ToolCall
    from thinkmix.schemas.record import JsonObject

_SHOWN = 160
_WITHOUT = frozenset(("pattern", "patternProperties", "format", "$id", "$schema", "$anchor", "$dynamicRef"))
"""Keys of a schema that are not applied: a pattern of a row may take for ever, and the others mean addresses
or dialects."""


class ToolArguments(Rule):
    """How many calls name a tool that the row does not define, or have arguments against its JSON Schema.

    The value is their number, and the evidence is the first one with what its schema says. Arguments that a
    schema does not name are allowed unless it forbids them (`additionalProperties: false`), as JSON Schema
    has it (draft 2020-12, validated by `jsonschema`). `pattern`, `format` and references to other documents
    are not applied. Tools without a schema, or with a broken one, have no wrong arguments.
    """

    name: ClassVar[str] = "tool_arguments"
    sentence: ClassVar[str] = "a call names an unknown tool, or has arguments that its definition refuses"

    def judge(self, turns: "TurnTable") -> Sequence[Verdict]:
        """Return the rows with such calls."""
        found: dict[int, list[Evidence]] = {}
        known: dict[int, Mapping[str, Validator | None]] = {}
        row = turns.row
        for turn, calls in turns.calls.items():
            of = int(row[turn])
            if of not in known:
                known[of] = _validators(turns.tools.get(of, ()))
            for call in calls:
                if fault := _fault(call, known[of]):
                    where = f"message {turn - int(turns.first[of])}"
                    words = f"{where}: {call.name} {json_text(dict(call.arguments))}: {fault}"
                    found.setdefault(of, []).append(Evidence(plain(words, _SHOWN)))
        return [Verdict(of, float(len(wrong)), wrong[0]) for of, wrong in sorted(found.items())]


def _validators(tools: Sequence["JsonObject"]) -> Mapping[str, "Validator | None"]:
    """Return what judges the arguments of each tool, by its name; None where its schema cannot."""
    return {name: _validator(tool) for tool in tools if (name := tool_name(tool) or _bare_name(tool))}


def _bare_name(tool: Mapping[str, Any]) -> str | None:
    name = tool.get("name")
    return name if isinstance(name, str) else None


def _validator(tool: Mapping[str, Any]) -> "Validator | None":
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - recipes are read without it
    from referencing import Registry  # noqa: PLC0415

    function = tool.get("function", tool)
    schema = _applied(function.get("parameters") if isinstance(function, Mapping) else None)
    return Draft202012Validator(schema, registry=Registry()) if isinstance(schema, dict) else None


def _applied(schema: object) -> object:
    """Return a schema without what is not applied; a reference to another document allows everything."""
    if isinstance(schema, Mapping):
        reference = schema.get("$ref")
        if isinstance(reference, str) and not reference.startswith("#"):
            return True
        return {key: _applied(value) for key, value in schema.items() if key not in _WITHOUT}
    return [_applied(item) for item in schema] if isinstance(schema, list | tuple) else schema


def _fault(call: "ToolCall", known: Mapping[str, "Validator | None"]) -> str:
    """Return what is wrong with a call; empty where nothing is."""
    if call.name not in known:
        return f"the row defines {', '.join(known) or 'no tool'}"
    validator = known[call.name]
    if validator is None:
        return ""
    from jsonschema.exceptions import UnknownType  # noqa: PLC0415 - as above
    from referencing.exceptions import Unresolvable  # noqa: PLC0415

    # A check of the schema itself takes a hundred times as long as that of arguments, so a broken schema
    # shows in its use; one that refers to itself without end recurses.
    unusable = (UnknownType, Unresolvable, RecursionError, TypeError, ValueError, AttributeError, KeyError)
    try:
        error = next(iter(validator.iter_errors(dict(call.arguments))), None)
    except unusable:
        return ""
    if error is None:
        return ""
    where = error.json_path.removeprefix("$").removeprefix(".")
    return f"{where}: {error.message}" if where else error.message
