"""The rules that are on for a source, applied to the turns of its valid rows."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from thinkmix.curation.rules.branching import densities
from thinkmix.curation.rules.contract import Judging, Select, Verdict, detail_of
from thinkmix.curation.rules.turns import TurnTable
from thinkmix.curation.tables import FLAGS, without_null_flags
from thinkmix.schemas.reasons import Reason

_REFUSED = "it has the flag "


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


def judge(judging: Judging, turns: TurnTable) -> Found:
    """Return what becomes of the rows. The first rule that drops a row is its reason."""
    dropped: dict[int, tuple[str, str]] = {}
    flagged: dict[int, list[tuple[str, Verdict]]] = {}
    for rule in judging.rules:
        for verdict in rule.judge(turns):
            if rule.action == "drop":
                dropped.setdefault(verdict.row, (rule.name, detail_of(verdict)))
            else:
                flagged.setdefault(verdict.row, []).append((rule.name, verdict))
    if judging.select != Select():
        for row in range(turns.rows):
            if why := _unwanted([name for name, _ in flagged.get(row, ())], judging.select):
                dropped.setdefault(row, (Reason.NOT_SELECTED, why))
    answers = next((rule.statuses(turns) for rule in judging.rules if rule.checks_answers), None)
    stay = {row: found for row, found in flagged.items() if row not in dropped}
    return Found(dropped, stay, answers, densities(turns) if judging.branching else None)


def _unwanted(flags: Sequence[str], select: Select) -> str:
    """Return why a row with these flags is left out; empty where it stays."""
    if refused := [name for name in select.refused if name in flags]:
        return f"{_REFUSED}{', '.join(refused)}"
    if select.wanted and not any(name in flags for name in select.wanted):
        return f"it has none of the flags {', '.join(select.wanted)}"
    return ""


def refused_for(flag: str) -> pl.Expr:
    """Return which rows were left out as `not_selected` for a flag, of rows with `reason` and `detail`."""
    flags = pl.col("detail").str.strip_prefix(_REFUSED).str.split(", ")
    refused = pl.col("detail").str.starts_with(_REFUSED) & flags.list.contains(flag)
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
