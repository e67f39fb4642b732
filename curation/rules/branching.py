"""The rule on traces that branch often: they turn away from what they did, again and again."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from thinkmix.curation.rules.contract import Evidence, Rule, Verdict

if TYPE_CHECKING:
    import polars as pl

    from thinkmix.curation.rules.turns import TurnTable

_BRANCH = (
    r"\b(?:Wait|Alternatively|alternatively|[Hh]mm+|Hold on|[Oo]n second thought|[Aa]ctually, (?:no|wait))\b"
    r"|\b(?:but )?wait[,.…!]"
    r"|(?:^|[。！？\n，,])(?:等等|等一下|慢着|不对)[，,。！…]"
    r"|另一种(?:方法|思路|解法|做法|可能|角度|方式)|换(?:个|一种|一个)(?:思路|角度|方法)|或者换"
)
_MOST_WORDS = 2**62


def _counted(turns: "TurnTable") -> "pl.DataFrame":
    """Return row, trace (`text`, null without one) and its number of words for each turn."""
    import numpy as np  # noqa: PLC0415
    import polars as pl  # noqa: PLC0415

    from thinkmix.curation.text.repeats import count_words  # noqa: PLC0415

    texts = turns.reasoning
    words = np.zeros(len(texts.missing), np.int64)
    count_words(texts.data, texts.offsets, texts.filled, _MOST_WORDS, words)
    return pl.DataFrame({"row": turns.row, "words": words, "text": turns.column("reasoning")})


class Branching(Rule):
    """How often a trace branches: `Wait`, `Alternatively`, `Hmm`, `等等`, `另一种方法` on 1,000 words.

    The value is the density of the row's densest trace, and the evidence its first branch. Leaving out the
    traces of R1 that branch most raised AIME25 by up to 5.1 points (arXiv:2604.01702). Densities differ
    between models: of real traces half have 10 and more if R1 wrote them, 14 and more if QwQ-32B did. A
    Chinese or Japanese character counts as a word. Not every `Hmm` turns away from something: let
    it flag, and leave dense traces out by `select`.
    """

    name: ClassVar[str] = "branching"
    sentence: ClassVar[str] = (
        "its trace turns away from what it did again and again (`wait`, `alternatively`)"
    )

    above: float = Field(default=20, ge=0, le=1_000)
    """A larger number of branches on 1,000 words is found."""
    min_words: int = Field(default=200, ge=1, le=1_000_000)
    """Traces with fewer words are not judged."""

    def judge(self, turns: "TurnTable") -> Sequence[Verdict]:
        """Return the rows with a trace that branches more often than that, by the densest one."""
        import polars as pl  # noqa: PLC0415 - as above

        branch, text = pl.lit(_BRANCH), pl.col("text")
        found = (
            _counted(turns)
            .with_row_index("turn")
            .filter(pl.col("words") >= self.min_words)
            .with_columns(density=1_000 * text.str.count_matches(branch) / pl.col("words"))
            .filter(pl.col("density") > self.above)
            .sort("density", descending=True, maintain_order=True)
            .unique("row", keep="first", maintain_order=True)
            .sort("row")
            .select(
                "row",
                "turn",
                "density",
                start=text.str.find(branch),
                size=text.str.extract(f"({_BRANCH})").str.len_bytes(),
            )
        )
        return [
            Verdict(of, density, Evidence.at(turns, turn, "reasoning", start, start + size))
            for of, turn, density, start, size in found.iter_rows()
        ]

    def densities(self, turns: "TurnTable") -> list[float]:
        """Return the branches of each row on 1,000 words of its traces; 0 for a row without a trace."""
        import polars as pl  # noqa: PLC0415 - as above

        branches = pl.col("text").str.count_matches(pl.lit(_BRANCH)).fill_null(0)
        counted = (
            _counted(turns)
            .with_columns(branches=branches)
            .group_by("row", maintain_order=True)
            .agg(density=1_000 * pl.col("branches").sum() / pl.col("words").sum().clip(1))
        )
        return counted["density"].to_list()
