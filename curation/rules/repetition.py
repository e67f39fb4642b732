"""The rule on answers that say the same again and again: a model that was caught in a loop wrote them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from thinkmix.curation.rules.contract import Evidence, Rule, Verdict

if TYPE_CHECKING:
    from thinkmix.curation.rules.turns import TurnTable


class Repetition(Rule):
    """How much of an answer, or of its trace, repeats itself.

    The value is the share of words that lie in a run of ten words which stood in the same text before: a text
    that is said twice has 0.5. A Chinese or Japanese character counts as a word. The evidence is the first
    place of the stretch that is repeated most often. Gopher (Rae et al. 2021, arXiv:2112.11446, table A1)
    refuses web pages with more than a tenth of their characters in repeated runs of ten words; the
    default is higher, because answers restate formulas and code.
    """

    name: ClassVar[str] = "repetition"
    sentence: ClassVar[str] = "an answer or its trace repeats runs of ten words of its own"

    above: float = Field(default=0.3, ge=0, lt=1)
    """A larger share of repeated words is found."""
    min_words: int = Field(default=50, ge=20, le=1_000_000)
    """Texts with fewer words are not judged."""

    def judge(self, turns: "TurnTable") -> Sequence[Verdict]:
        """Return the rows with a text of the assistant that repeats more than `above`, by its worst text."""
        import numpy as np  # noqa: PLC0415 - recipes are read by commands that judge nothing

        from thinkmix.curation.rules.turns import PARTS  # noqa: PLC0415
        from thinkmix.curation.text.repeats import measure_repeats  # noqa: PLC0415

        asked, row = turns.said_by("assistant"), turns.row
        worst: dict[int, tuple[float, int, int]] = {}
        places = []
        for number, part in enumerate(PARTS):
            texts = turns.texts(part)
            shares, spans = np.zeros(len(asked)), np.zeros((len(asked), 2), np.int64)
            measure_repeats(texts.data, texts.offsets, asked & texts.filled, self.min_words, shares, spans)
            places.append(spans)
            for turn in np.flatnonzero(shares > self.above).tolist():
                share, of = float(shares[turn]), int(row[turn])
                if share > worst.get(of, (0.0, 0, 0))[0]:
                    worst[of] = share, turn, number
        return [
            Verdict(of, share, Evidence.at(turns, turn, PARTS[part], *places[part][turn].tolist()))
            for of, (share, turn, part) in sorted(worst.items())
        ]
