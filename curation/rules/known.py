"""Every rule that a recipe may name: a rule that joins is one import and one line here."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

from thinkmix.curation.repairs.contract import Repair
from thinkmix.curation.repairs.known import REPAIRS
from thinkmix.curation.rules.branching import Branching
from thinkmix.curation.rules.contract import ACTIONS, Rule
from thinkmix.curation.rules.copied_trace import CopiedTrace
from thinkmix.curation.rules.cut_off import CutOff
from thinkmix.curation.rules.foreign_turn import ForeignTurn
from thinkmix.curation.rules.garbled import Garbled
from thinkmix.curation.rules.html_entities import HtmlEntities
from thinkmix.curation.rules.language_switch import LanguageSwitch
from thinkmix.curation.rules.loop import Loop
from thinkmix.curation.rules.near_empty_trace import NearEmptyTrace
from thinkmix.curation.rules.own import SUFFIX, AnyRule, OwnRule
from thinkmix.curation.rules.placeholder import Placeholder
from thinkmix.curation.rules.policy_talk import PolicyTalk
from thinkmix.curation.rules.refusal import Refusal
from thinkmix.curation.rules.repetition import Repetition
from thinkmix.curation.rules.tool_arguments import ToolArguments
from thinkmix.curation.rules.tool_order import ToolOrder
from thinkmix.curation.rules.tool_response_unused import ToolResponseUnused
from thinkmix.curation.rules.tool_text import ToolText
from thinkmix.curation.rules.trace_disagrees import TraceDisagrees
from thinkmix.curation.rules.unanswerable import Unanswerable
from thinkmix.curation.rules.unverified_answer import UnverifiedAnswer
from thinkmix.curation.rules.vendor_identity import VendorIdentity
from thinkmix.curation.rules.wrong_answer import WrongAnswer
from thinkmix.schemas.errors import NotFound
from thinkmix.schemas.plain import plain
from thinkmix.schemas.reasons import Reason

if TYPE_CHECKING:
    from pydantic.json_schema import JsonSchemaValue

    from thinkmix.schemas.formats.contract import Format

RULES: tuple[type[Rule], ...] = (
    Repetition,
    HtmlEntities,
    Loop,
    CutOff,
    LanguageSwitch,
    NearEmptyTrace,
    Branching,
    CopiedTrace,
    ToolText,
    PolicyTalk,
    ToolArguments,
    ToolOrder,
    ToolResponseUnused,
    WrongAnswer,
    UnverifiedAnswer,
    TraceDisagrees,
    Unanswerable,
    Garbled,
    ForeignTurn,
    Placeholder,
    VendorIdentity,
    Refusal,
)
"""Every rule, in the order in which they judge and are shown."""


_SHOWN = 40

NO_OWN: Mapping[str, str] = {}


def _by_action(value: object) -> object:
    return {"action": value} if isinstance(value, str) or value is False else value


class _Unknown(NamedTuple):
    """Stands in the place of what is stated under a name that no rule has."""

    value: object


def _without_unknown(stated: object) -> object:
    """Mark what stands under the name of no rule, so that it is refused at its own place."""
    if not isinstance(stated, Mapping):
        return stated
    known = {kind.name for kind in RULES}
    return {
        name: value if name in known or str(name).endswith(SUFFIX) else _Unknown(value)
        for name, value in stated.items()
    }


def _refuse_unknown(value: object) -> object:
    if isinstance(value, _Unknown):
        raise PydanticKnownError("extra_forbidden")
    return value


class _Named:
    """Tells pydantic that settings stand under the names of rules, each as its rule states them."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        own = handler.generate_schema(Annotated[OwnRule, BeforeValidator(_refuse_unknown)])
        named = core_schema.typed_dict_schema(
            {
                kind.name: core_schema.typed_dict_field(
                    handler.generate_schema(Annotated[kind, BeforeValidator(_by_action)]), required=False
                )
                for kind in RULES
            },
            extra_behavior="allow",
            extras_schema=own,
        )
        return core_schema.no_info_before_validator_function(_without_unknown, named)

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> "JsonSchemaValue":
        """Describe each rule by its sentence; its action alone will do."""
        schema = handler(core)
        actions = {"type": "string", "enum": list(ACTIONS)}
        for kind in RULES:
            stated = schema["properties"][kind.name]
            schema["properties"][kind.name] = {"anyOf": [actions, stated], "description": kind.sentence}
        told = {"type": "object", "properties": {"action": actions}}
        file = {
            "anyOf": [actions, told],
            "description": "A rule of your own: Python, from the recipe's folder.",
        }
        return {**schema, "patternProperties": {r"\.py$": file}, "additionalProperties": False}


Rules = Annotated[Mapping[str, AnyRule], _Named()]
"""Rules by name: `{repetition: {action: flag, above: 0.3}}`, or the action alone, `{repetition: flag}`; those
of users' files by the path of the file, `{rules/shouting.py: flag}`."""


def merged(rules: Mapping[str, AnyRule], overrides: Mapping[str, AnyRule]) -> dict[str, AnyRule]:
    """Return the rules of a recipe as a source has them: what the source states goes before."""
    found = dict(rules)
    for name, stated in overrides.items():
        above = _stated(rules[name]) if name in rules else {}
        both = {**above, **_stated(stated)}
        if isinstance(stated, OwnRule):
            both["settings"] = {**above.get("settings", {}), **stated.settings}
        found[name] = type(stated)(**both)
    return found


def in_force(rules: Mapping[str, AnyRule], rows: "Format") -> tuple[AnyRule, ...]:
    """Return the rules that are on for rows of a format, in their order, each with its action on them.

    Those of users' files come last, by name.
    """
    every = (*(rules.get(kind.name) or kind() for kind in RULES), *own_of(rules))
    actions = ((rule, rule.action_on(rows)) for rule in every)
    return tuple(
        rule.model_copy(update={"action": action, "reviewed": None})  # it decides no byte
        for rule, action in actions
        if action != "off"
    )


def own_of(rules: Mapping[str, AnyRule]) -> list[OwnRule]:
    """Return the rules of users' files, by name."""
    return sorted((rule for rule in rules.values() if isinstance(rule, OwnRule)), key=lambda rule: rule.name)


def rule_named(name: str, own: Mapping[str, str] = NO_OWN) -> str:
    """Return the name of a rule as it was given.

    Args:
        name: of a rule.
        own: rules of users' files that a recipe names.

    Raises:
        NotFound: if there is no such rule; names those that there are.
    """
    known = [*(kind.name for kind in RULES), *own]
    if name not in known:
        msg = f"there is no rule {plain(name, _SHOWN)!r}; the rules are {', '.join(known)}"
        raise NotFound(msg)
    return name


class Why(NamedTuple):
    """Why a row is not in the mixture: a word, and the sentence that people read."""

    value: str
    sentence: str


def why(reason: str, own: Mapping[str, str] = NO_OWN) -> Why:
    """Return what a reason or a flag says: one of the stages' own, or the name of a rule or a repair.

    Args:
        reason: a word.
        own: rules of users' files that a recipe names, with their sentences; any other name is one of those.
    """
    named: Sequence[type[Rule] | Repair] = (*RULES, *REPAIRS)
    for kind in named:
        if kind.name == reason:
            return Why(kind.name, kind.sentence)
    if reason in list(Reason):
        known = Reason(reason)
        return Why(known.value, known.sentence)
    return Why(reason, own.get(reason, "a rule of the recipe's own files finds something in it"))


def known_reasons(own: Mapping[str, str] = NO_OWN) -> list[str]:
    """Return all reasons in the order of the path of a row: those of rules after those of validation."""
    words = [reason.value for reason in Reason]
    place = words.index(Reason.NOT_SELECTED)
    return [*words[:place], *(kind.name for kind in RULES), *own, *words[place:]]


def _stated(rule: AnyRule) -> dict[str, Any]:
    return {field: getattr(rule, field) for field in rule.model_fields_set}
