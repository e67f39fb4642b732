"""Every model family that a recipe may name: a family that joins is one import and one line here."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, TypeAlias

from thinkmix.schemas.errors import TemplateError
from thinkmix.templates.chat.families.contract import Family
from thinkmix.templates.chat.families.qwen3 import QWEN3
from thinkmix.templates.chat.families.qwen3_instruct_2507 import QWEN3_INSTRUCT_2507
from thinkmix.templates.chat.families.qwen3_thinking_2507 import QWEN3_THINKING_2507

_LISTED = (
    QWEN3,
    QWEN3_INSTRUCT_2507,
    QWEN3_THINKING_2507,
)

FAMILIES: Mapping[str, Family] = {family.name: family for family in _LISTED}
"""Every family by the name of its chat template."""

if TYPE_CHECKING:
    Template: TypeAlias = str
else:
    Template = Literal[tuple(FAMILIES)]
"""Name of a chat template, as a field of a pydantic model: those of all families, and no other."""


def family_of(template: str) -> Family:
    """Return the family that a chat template belongs to.

    Raises:
        TemplateError: if no family has that name.
    """
    if template not in FAMILIES:
        msg = f"no chat template {template!r}; there are {', '.join(FAMILIES)}"
        raise TemplateError(msg)
    return FAMILIES[template]
