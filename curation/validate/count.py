"""Counting for the ledger: what a stage kept and dropped, from the outcomes it gave to its rows."""

from typing import Literal

import polars as pl

from thinkmix.schemas.ledger import Amount, StageCount

_UNITS = ("messages", "text_bytes", "examples", "tokens")


def count_stage(
    stage: str, source: str, outcomes: pl.DataFrame, *, of: Literal["rows", "examples"] = "rows"
) -> StageCount:
    """Return how much was read, kept, and dropped by reason.

    Args:
        stage: name of the stage.
        source: name of the source that all rows come from.
        outcomes: one line per row (or example) that the stage read; `reason` is null where it was
            kept. Of the columns messages, text_bytes, examples and tokens those there are added up.
        of: what a line of `outcomes` stands for.
    """
    units = [unit for unit in _UNITS if unit in outcomes.columns and unit != of]
    sums = [pl.len().alias(of), *(pl.col(unit).sum() for unit in units)]
    groups = outcomes.group_by("reason").agg(sums)
    amounts = {row.pop("reason"): Amount(**row) for row in groups.sort("reason").to_dicts()}
    read = Amount(**outcomes.select(sums).row(0, named=True))
    kept = amounts.pop(None, Amount())
    return StageCount(stage=stage, source=source, read=read, kept=kept, dropped=amounts)
