"""Rows in whose texts a pattern stands, with the first place of it as the evidence."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from thinkmix.curation.rules.contract import Evidence, Verdict

if TYPE_CHECKING:
    import polars as pl

    from thinkmix.curation.rules.turns import Part, TurnTable


def find_marked(
    turns: "TurnTable",
    pattern: str,
    parts: Sequence["Part"] = ("content",),
    *,
    role: str | None = "assistant",
    unless: "pl.Expr | None" = None,
) -> list[Verdict]:
    """Return the rows in which a pattern stands; the value is how often.

    Args:
        turns: of rows.
        pattern: as the regex crate reads it; its matches are not empty.
        parts: in which texts of a turn to look, later ones first.
        role: whose turns; None for those of all.
        unless: true for texts, the column `text`, in which the pattern means nothing.
    """
    import polars as pl  # noqa: PLC0415 - recipes are read by commands that judge nothing

    text, marks = pl.col("text"), pl.lit(pattern)
    said = pl.Series(turns.said_by(role)) if role else pl.lit(True)
    found = pl.concat(
        pl.DataFrame({"row": turns.row, "text": turns.column(part)})
        .with_row_index("turn")
        .filter(said)
        .filter(text.str.contains(marks))
        .filter(True if unless is None else ~unless)
        .select(
            "row",
            "turn",
            times=text.str.count_matches(marks),
            part=pl.lit(part),
            start=text.str.find(marks),
            size=text.str.extract(f"({pattern})").str.len_bytes(),
        )
        for part in reversed(parts)
    )
    first = found.sort("turn", maintain_order=True).group_by("row", maintain_order=True)
    rows = first.agg(pl.col("times").sum(), pl.exclude("times").first())
    return [
        Verdict(of, float(times), Evidence.at(turns, turn, part, start, start + size))
        for of, times, turn, part, start, size in rows.iter_rows()
    ]
