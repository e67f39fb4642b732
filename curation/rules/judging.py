"""The rules that are on for a source, applied to the turns of its valid rows."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from thinkmix.curation.rules.contract import Judging, Verdict, detail_of
from thinkmix.curation.rules.selection import REFUSED, Facts, failures
from thinkmix.curation.rules.turns import TurnTable
from thinkmix.curation.tables import FLAGS, without_null_flags
from thinkmix.schemas.reasons import Reason


class Found(NamedTuple):
    """What rules found in the rows of a table, by the row's place."""

    dropped: Mapping[int, tuple[str, str]]
    """Reason and detail of the rows that are left out."""
    flagged: Mapping[int, Sequence[tuple[str, Verdict]]]
    """Rules and their verdicts on the rows that stay, in the order of the rules."""
    answers: Sequence[int] | None = None
    """What the answer of each row is, a place in `answers.statuses.STATUSES`, if a rule compares answers."""
    branching: Sequence[float] | None = None
    """Branches of each row on 1,000 words of its traces, if they are measured."""

    def flags(self, rows: int) -> pl.DataFrame:
        """Return the flags of the rows that stay among `rows`, schema `tables.FLAGS`."""
        stay = np.ones(rows, np.bool_)
        stay[list(self.dropped)] = False
        some = [{"row": row, **flag_row(found)} for row, found in self.flagged.items()]
        flagged = pl.DataFrame(some, schema={"row": pl.Int64(), **FLAGS}, orient="row")
        every = pl.DataFrame({"row": np.flatnonzero(stay)}, schema={"row": pl.Int64()})
        joined = every.join(flagged, on="row", how="left", maintain_order="left")
        return without_null_flags(joined.select(FLAGS.names()))


def judge(judging: Judging, turns: TurnTable, facts: Facts | None = None) -> Found:
    """Return what becomes of the rows. The first rule that drops a row is its reason.

    Args:
        judging: the rules that are on, and which rows stay.
        turns: the rows.
        facts: what is known of them without their turns, if `select` asks for it.
    """
    dropped: dict[int, tuple[str, str]] = {}
    flagged: dict[int, list[tuple[str, Verdict]]] = {}
    for rule in judging.rules:
        for verdict in rule.judge(turns):
            if rule.action == "drop":
                dropped.setdefault(verdict.row, (rule.name, detail_of(verdict)))
            else:
                flagged.setdefault(verdict.row, []).append((rule.name, verdict))
    answers = next((rule.statuses(turns) for rule in judging.rules if rule.checks_answers), None)
    if judging.select.asks:
        known = [()] * turns.rows if facts is None else zip(*facts, strict=True)
        statuses = [None] * turns.rows if answers is None else answers
        sizes = np.diff(turns.first).tolist()
        for row, (fact, status, size) in enumerate(zip(known, statuses, sizes, strict=True)):
            flags = [name for name, _ in flagged.get(row, ())]
            for _, why in failures(judging.select, flags, fact, status, size):
                dropped.setdefault(row, (Reason.NOT_SELECTED, why))
    stay = {row: found for row, found in flagged.items() if row not in dropped}
    return Found(dropped, stay, answers, judging.density.densities(turns) if judging.density else None)


def refused_for(flag: str) -> pl.Expr:
    """Return which rows were left out as `not_selected` for a flag, of rows with `reason` and `detail`."""
    flags = pl.col("detail").str.strip_prefix(REFUSED).str.split(", ")
    refused = pl.col("detail").str.starts_with(REFUSED) & flags.list.contains(flag)
    return ((pl.col("reason") == Reason.NOT_SELECTED) & refused).fill_null(value=False)


def flag_row(found: Sequence[tuple[str, Verdict]]) -> dict[str, list[Any]]:
    """Return verdicts on a row as its columns `flags` and `checks`, see `tables.FLAGS`."""
    return {
        "flags": [name for name, _ in found],
        "checks": [
            {"rule": name, "value": verdict.value, "evidence": verdict.evidence._asdict()}
            for name, verdict in found
        ],
    }
