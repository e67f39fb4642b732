"""The rule on answers with a placeholder of a template that nobody filled."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from thinkmix.curation.rules.contract import Rule, Verdict
from thinkmix.curation.rules.marked import find_marked

if TYPE_CHECKING:
    from thinkmix.curation.rules.turns import TurnTable

_FIELD = r"\{\{ ?[A-Za-z][A-Za-z0-9_]{1,39}(?:[ .-][A-Za-z0-9_]{1,20}){0,2} ?\}\}"
_TEMPLATE = (
    r"```|\{%|</?[a-z][^<>\n]*>|`[^`\n]*\{\{"
    r"|(?i:jinja|handlebars|mustache|template|placeholder)|模板|占位"
)
"""What stands in texts that are about templates."""


class Placeholder(Rule):
    """Whether an answer holds `{{name}}`, `{{author}}` or another word in two braces.

    The value is the number of them, and the evidence the first one. Answers with code, tags of HTML or words
    on templates (`template`, `jinja`, `placeholder`) mean their braces, and are not found.
    """

    name: ClassVar[str] = "placeholder"
    sentence: ClassVar[str] = "an answer holds a placeholder that nobody filled, such as `{{name}}`"

    def judge(self, turns: "TurnTable") -> Sequence[Verdict]:
        """Return the rows with such an answer."""
        import polars as pl  # noqa: PLC0415 - recipes are read by commands that judge nothing

        return find_marked(turns, _FIELD, unless=pl.col("text").str.contains(_TEMPLATE))
