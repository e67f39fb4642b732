"""The rule on texts whose bytes were read in the wrong encoding."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from thinkmix.curation.rules.contract import Rule, Verdict
from thinkmix.curation.rules.marked import find_marked

if TYPE_CHECKING:
    from thinkmix.curation.rules.turns import TurnTable

_TAIL = r"[\x{80}-\x{BF}€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"
"""A byte of 0x80 to 0xBF, read as Latin-1 or Windows-1252."""
_GARBLED = (
    rf"\x{{FFFD}}|Ã{_TAIL}|Â[\x{{80}}-\x{{BF}}]|â(?:€|\x{{80}}){_TAIL}|ï»¿|ð(?:Ÿ|\x{{9F}}){_TAIL}{{2}}"
    rf"|(?:[ä-é]{_TAIL}{{2}}){{2}}|锟斤拷|烫烫烫|屯屯屯"
)


class Garbled(Rule):
    """How often a text holds U+FFFD, or the remains of UTF-8 that was read as something else.

    `FranÃ§oise`, `donâ€™t` and `锟斤拷` are such remains. All turns and traces are looked at. The value is
    the number of such places, and the evidence the first one.
    """

    name: ClassVar[str] = "garbled"
    sentence: ClassVar[str] = "its texts were read in the wrong encoding: they hold `Ã©` or U+FFFD"

    def judge(self, turns: "TurnTable") -> Sequence[Verdict]:
        """Return the rows with such a text."""
        return find_marked(turns, _GARBLED, ("content", "reasoning"), role=None)
