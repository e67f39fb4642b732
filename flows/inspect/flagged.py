"""The rows that rules flagged: how many, and what was found in the first of them."""

from pathlib import Path

import polars as pl

from thinkmix.curation.repairs.known import REPAIRS
from thinkmix.curation.rules.known import rule_named
from thinkmix.flows.inspect.rows import Outcome, Rows, outcomes_of
from thinkmix.schemas.manifest import Manifest
from thinkmix.schemas.record import Record


class Flagged(Record):
    """The rows that have a flag, or the first of them."""

    version: str
    flag: str
    total: int
    mixed: int
    """Of all rows that have it, those in the mixture."""
    rows: tuple[Outcome, ...]


def flagged(version: Path, flag: str, *, limit: int = 20) -> Flagged:
    """Return the rows with a flag, in the order of their sources and files.

    Args:
        version: the version's folder.
        flag: name of a rule or a repair.
        limit: most rows to return; the totals count all.

    Raises:
        NotFound: if there is no such rule.
    """
    rows = Rows(version)
    stages = rows.manifest.flags if isinstance(rows.manifest, Manifest) else ()
    known = {*(count.rule for count in stages), *(repair.name for repair in REPAIRS)}
    name = flag if flag in known else rule_named(flag, rows.own)
    outcomes = rows.outcomes
    if "flags" not in outcomes.collect_schema():
        return Flagged(version=version.name, flag=name, total=0, mixed=0, rows=())
    found = outcomes.filter(pl.col("flags").list.contains(name))
    total, mixed = found.select(pl.len(), mixed=(pl.col("sampled") > 0).sum()).collect().row(0)
    first = found.sort("source", "file", "row").head(limit).collect()
    return Flagged(version=version.name, flag=name, total=total, mixed=mixed, rows=outcomes_of(first))
