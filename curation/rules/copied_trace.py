"""The rule on answers that copy their trace: the reader gets the thinking a second time."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from thinkmix.curation.rules.contract import Evidence, Rule, Verdict

if TYPE_CHECKING:
    from thinkmix.curation.rules.turns import TurnTable


class CopiedTrace(Rule):
    """How much of an answer stands in its trace, word by word.

    The value is the share of the answer's words that lie in a run of ten words which stands in the trace of
    the same turn, too. A Chinese or Japanese character counts as a word. The evidence is the longest copied
    stretch of the answer. An answer that states its solution again in its own words copies a tenth of the
    trace, seldom a quarter: of 2,679 real ones one in a thousand copies more than half of itself.
    """

    name: ClassVar[str] = "copied_trace"
    sentence: ClassVar[str] = "its answer copies its trace"

    above: float = Field(default=0.7, ge=0, lt=1)
    """A larger share of copied words is found."""
    min_words: int = Field(default=30, ge=10, le=1_000_000)
    """Answers with fewer words are not judged."""

    def judge(self, turns: "TurnTable") -> Sequence[Verdict]:
        """Return the rows with an answer that copies more than `above`, by the one that copies most."""
        import numpy as np  # noqa: PLC0415 - recipes are read by commands that judge nothing

        from thinkmix.curation.text.copies import measure_copies  # noqa: PLC0415

        said, thought, row = turns.content, turns.reasoning, turns.row
        shares, spans = np.zeros(len(row)), np.zeros((len(row), 2), np.int64)
        asked = said.filled & thought.filled
        measure_copies(
            said.data, said.offsets, thought.data, thought.offsets, asked, self.min_words, shares, spans
        )
        most: dict[int, tuple[float, int]] = {}
        for turn in np.flatnonzero(shares > self.above).tolist():
            of, share = int(row[turn]), float(shares[turn])
            if share > most.get(of, (0.0, 0))[0]:
                most[of] = share, turn
        return [
            Verdict(of, share, Evidence.at(turns, turn, "content", *spans[turn].tolist()))
            for of, (share, turn) in sorted(most.items())
        ]
