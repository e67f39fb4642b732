"""The rule on traces that hold next to nothing: a row that has the form of thinking without the thinking."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from thinkmix.curation.rules.contract import Evidence, Rule, Verdict

if TYPE_CHECKING:
    from thinkmix.curation.rules.turns import TurnTable


class NearEmptyTrace(Rule):
    """How many words a trace has, where it has almost none: `Okay.`, `Let me think.`, or a formula alone.

    The value is the words of the shortest trace of the row, and it is the evidence; a Chinese or Japanese
    character counts as a word. An empty trace is the form of an answer without thinking, and is not judged.
    How short is too short depends on the source: where traces have hundreds of words, state a tenth of their
    median.
    """

    name: ClassVar[str] = "near_empty_trace"
    sentence: ClassVar[str] = "its trace has next to no words"

    at_most: int = Field(default=5, ge=1, le=1_000_000)
    """Traces with more words are not found."""

    def judge(self, turns: "TurnTable") -> Sequence[Verdict]:
        """Return the rows with a trace of no more words than that, by the shortest one."""
        import numpy as np  # noqa: PLC0415 - recipes are read by commands that judge nothing

        from thinkmix.curation.text.repeats import count_words  # noqa: PLC0415

        texts, row = turns.reasoning, turns.row
        words = np.zeros(len(texts.missing), np.int64)
        count_words(texts.data, texts.offsets, texts.filled & ~texts.blank, self.at_most, words)
        shortest: dict[int, tuple[int, int]] = {}
        for turn in np.flatnonzero((words > 0) & (words <= self.at_most)).tolist():
            of, count = int(row[turn]), int(words[turn])
            if of not in shortest or count < shortest[of][0]:
                shortest[of] = count, turn
        sizes = np.diff(texts.offsets)
        return [
            Verdict(of, float(count), Evidence.at(turns, turn, "reasoning", 0, int(sizes[turn])))
            for of, (count, turn) in sorted(shortest.items())
        ]
