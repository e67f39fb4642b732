"""The rule on answers that refuse."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from thinkmix.curation.rules.contract import Rule, Verdict
from thinkmix.curation.rules.marked import find_marked

if TYPE_CHECKING:
    from thinkmix.curation.rules.turns import TurnTable

_AI = r"(?:as an? (?:\w+ ){0,4}(?:AI|model|assistant|bot|chatbot|program)(?: \w+){0,3}, ?)"
_REFUSAL = (
    rf"\A\s*(?i:(?:(?:I['’]?m|I am) (?:\w+ )?sorry|sorry|I apologi[sz]e|unfortunately)[,.]? (?:but )?{_AI}?"
    r"(?:but )?(?:I (?:just )?(?:can(?:no|['’])t|am unable|am not able|will not|won['’]t"
    r"|do(?:n['’]t| not) have (?:the ability|access))"
    r"|I['’]m (?:unable|not able)))[^.\n]*"
    r"|\A\s*(?:I can(?:no|['’])t|I am unable to|I['’]m unable to|I won['’]t)"
    r" (?:help|assist|comply|fulfil+|provide|create|generate|engage|do that|answer)[^.\n]*"
    r"|\A\s*(?:很|非常|十分)?(?:抱歉|对不起|不好意思)[^。\n]{0,40}?"
    r"(?:我|作为)[^。\n]{0,30}?(?:无法|不能(?:够)?|不具备|没有能力|没有办法|不会)[^。\n]*"
)


_LACKS = (
    r"(?:没有|未能?|并未)(?:向我|给我|明确)?(?:提供|给出|指定|说明)|如果[您你]能?提供"
    r"|(?i:additional|more|further) (?:information|context|details)"
)
"""What stands in answers that ask for what the question left out."""


class Refusal(Rule):
    """Whether an answer begins by refusing what is asked: `I'm sorry, but I can't`, `很抱歉，我无法`.

    The value is the number of answers of the row that do, and the evidence the sentence of the first one. A
    source about safety, or about what a model cannot do, means its refusals. Answers that ask for what the
    question left out (`you have not provided`, `more information`) are not found.
    """

    name: ClassVar[str] = "refusal"
    sentence: ClassVar[str] = "an answer refuses what is asked"

    def judge(self, turns: "TurnTable") -> Sequence[Verdict]:
        """Return the rows with such an answer."""
        import polars as pl  # noqa: PLC0415 - recipes are read by commands that judge nothing

        return find_marked(turns, _REFUSAL, unless=pl.col("text").str.contains(_LACKS))
