"""Every rule that a recipe may name: a rule that joins is one import and one line here."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, NamedTuple

from pydantic import BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from thinkmix.curation.rules.contract import ACTIONS, Rule
from thinkmix.curation.rules.html_entities import HtmlEntities
from thinkmix.curation.rules.repetition import Repetition
from thinkmix.curation.rules.trace_disagrees import TraceDisagrees
from thinkmix.curation.rules.unverified_answer import UnverifiedAnswer
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
    WrongAnswer,
    UnverifiedAnswer,
    TraceDisagrees,
)
"""Every rule, in the order in which they judge and are shown."""


_SHOWN = 40


def _by_action(value: object) -> object:
    return {"action": value} if isinstance(value, str) or value is False else value


class _Named:
    """Tells pydantic that settings stand under the names of rules, each as its rule states them."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.typed_dict_schema(
            {
                kind.name: core_schema.typed_dict_field(
                    handler.generate_schema(Annotated[kind, BeforeValidator(_by_action)]), required=False
                )
                for kind in RULES
            },
            extra_behavior="forbid",
        )

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> "JsonSchemaValue":
        """Describe each rule by its sentence; its action alone will do."""
        schema = handler(core)
        actions = {"type": "string", "enum": list(ACTIONS)}
        for kind in RULES:
            stated = schema["properties"][kind.name]
            schema["properties"][kind.name] = {"anyOf": [actions, stated], "description": kind.sentence}
        return schema


Rules = Annotated[Mapping[str, Rule], _Named()]
"""Rules by name: `{repetition: {action: drop, above: 0.3}}`, or the action alone, `{repetition: drop}`."""


def merged(rules: Mapping[str, Rule], overrides: Mapping[str, Rule]) -> dict[str, Rule]:
    """Return the rules of a recipe as a source has them: what the source states goes before."""
    found = dict(rules)
    for name, stated in overrides.items():
        above = (
            {field: getattr(rules[name], field) for field in _stated(rules[name])} if name in rules else {}
        )
        found[name] = type(stated)(
            **{**above, **{field: getattr(stated, field) for field in _stated(stated)}}
        )
    return found


def in_force(rules: Mapping[str, Rule], rows: "Format") -> tuple[Rule, ...]:
    """Return the rules that are on for rows of a format, in their order, each with its action on them."""
    every = (rules.get(kind.name) or kind() for kind in RULES)
    actions = ((rule, rule.action_on(rows)) for rule in every)
    return tuple(rule.model_copy(update={"action": action}) for rule, action in actions if action != "off")


def rule_named(name: str) -> str:
    """Return the name of a rule as it was given.

    Raises:
        NotFound: if there is no such rule; names those that there are.
    """
    known = [kind.name for kind in RULES]
    if name not in known:
        msg = f"there is no rule {plain(name, _SHOWN)!r}; the rules are {', '.join(known)}"
        raise NotFound(msg)
    return name


class Why(NamedTuple):
    """Why a row is not in the mixture: a word, and the sentence that people read."""

    value: str
    sentence: str


def why(reason: str) -> Why:
    """Return what a reason says, one of the stages' own or the name of a rule.

    Raises:
        ValueError: if there is neither.
    """
    for kind in RULES:
        if kind.name == reason:
            return Why(kind.name, kind.sentence)
    known = Reason(reason)
    return Why(known.value, known.sentence)


def known_reasons() -> list[str]:
    """Return all reasons in the order of the path of a row: those of rules after those of validation."""
    words = [reason.value for reason in Reason]
    place = words.index(Reason.NOT_SELECTED)
    return [*words[:place], *(kind.name for kind in RULES), *words[place:]]


def _stated(rule: Rule) -> set[str]:
    return rule.model_fields_set
