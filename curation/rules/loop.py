"""The rule on texts that end in a loop: a model said one stretch again and again until it was stopped."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from thinkmix.curation.rules.contract import Evidence, Rule, Verdict

if TYPE_CHECKING:
    from thinkmix.curation.rules.turns import TurnTable


class Loop(Rule):
    """How often an answer, or its trace, says the stretch of words that it ends in.

    The value is the length of the loop in periods: one that is `so x is 4, so x is 4, so x is` has 2.75. What
    is said again between other text does not count, so that solutions which restate their steps are not
    found, as they are by `repetition`. A Chinese or Japanese character counts as a word, two words may follow
    the loop, and its last time may be cut. The evidence is the whole loop.
    """

    name: ClassVar[str] = "loop"
    sentence: ClassVar[str] = "an answer or its trace ends in a loop: it says one stretch until it stops"

    times: float = Field(default=3, ge=2, le=1_000_000)
    """A stretch that is said less often is not found."""
    min_words: int = Field(default=16, ge=1, le=1_000_000)
    """A loop of fewer words, all times together, is not found."""

    def judge(self, turns: "TurnTable") -> Sequence[Verdict]:
        """Return the rows with a text of the assistant that ends in a loop, by the longest one."""
        import numpy as np  # noqa: PLC0415 - recipes are read by commands that judge nothing

        from thinkmix.curation.rules.turns import PARTS  # noqa: PLC0415
        from thinkmix.curation.text.loops import measure_loops  # noqa: PLC0415

        asked, row = turns.said_by("assistant"), turns.row
        longest: dict[int, tuple[int, float, Evidence]] = {}
        for part in PARTS:
            texts = turns.texts(part)
            times, spans = np.zeros(len(asked)), np.zeros((len(asked), 3), np.int64)
            measure_loops(texts.data, texts.offsets, asked & texts.filled, self.times, times, spans)
            for turn in np.flatnonzero((times > 0) & (spans[:, 2] >= self.min_words)).tolist():
                start, end, words = spans[turn].tolist()
                of = int(row[turn])
                if of not in longest or words > longest[of][0]:
                    longest[of] = words, float(times[turn]), Evidence.at(turns, turn, part, start, end)
        return [Verdict(of, times, evidence) for of, (_, times, evidence) in sorted(longest.items())]
