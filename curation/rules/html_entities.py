"""The rule on texts in which HTML entities stand for characters: a page was copied and never decoded."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from thinkmix.curation.rules.contract import Evidence, Rule, Verdict

if TYPE_CHECKING:
    from thinkmix.curation.rules.turns import TurnTable

_ENTITY = "&(?:amp|lt|gt|quot|apos|nbsp|#[0-9]{1,7}|#[xX][0-9a-fA-F]{2,6});"


class HtmlEntities(Rule):
    """How many HTML entities stand in the texts of a row: `&lt;`, `&nbsp;`, `&#39;`, `&#x27;`.

    The value is their number in all turns and traces, and the evidence is the first one. A row about HTML may
    mean those that it has, so that the default asks for three.
    """

    name: ClassVar[str] = "html_entities"
    sentence: ClassVar[str] = "its texts hold HTML entities such as `&lt;` in place of characters"

    at_least: int = Field(default=3, ge=1, le=1_000_000)
    """Rows with fewer entities are not found."""

    def judge(self, turns: "TurnTable") -> Sequence[Verdict]:
        """Return the rows that have `at_least` of them."""
        import polars as pl  # noqa: PLC0415 - recipes are read by commands that judge nothing

        from thinkmix.curation.rules.turns import PARTS  # noqa: PLC0415

        row = pl.Series(turns.row)
        found = pl.concat(
            pl.DataFrame({"row": row, "text": turns.column(part)})
            .with_row_index("turn")
            .filter(pl.col("text").str.contains(_ENTITY))
            .select(
                "row",
                "turn",
                times=pl.col("text").str.count_matches(_ENTITY),
                part=pl.lit(part),
                start=pl.col("text").str.find(_ENTITY),
                size=pl.col("text").str.extract(f"({_ENTITY})").str.len_bytes(),
            )
            for part in reversed(PARTS)  # a trace stands before its answer
        )
        first = found.sort("turn", maintain_order=True).group_by("row", maintain_order=True)
        rows = first.agg(pl.col("times").sum(), pl.exclude("times").first())
        return [
            Verdict(of, float(times), Evidence.at(turns, turn, part, start, start + size))
            for of, times, turn, part, start, size in rows.filter(
                pl.col("times") >= self.at_least
            ).iter_rows()
        ]
