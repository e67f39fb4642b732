"""The hits of rules in a version: which rows, the words that they mark, and what a review says of a rule."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from thinkmix.curation.audit.review import combine_rates
from thinkmix.curation.files.shards import read_groups
from thinkmix.curation.rules.contract import said
from thinkmix.curation.rules.judging import refused_for
from thinkmix.curation.rules.precision import LEAST, Reviewed, may_drop, percent
from thinkmix.flows.inspect.rows import Rows
from thinkmix.flows.store.versions import outcome_files
from thinkmix.schemas.conversation import Message
from thinkmix.schemas.review import HIT, Rate, RuleScore, StratumScore

_COLUMNS = ("id", "source", "reason", "file", "row", "detail", "winner")
_AROUND = 400
_HALF = 0.5


def hits_of(version: Path, rules: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Yield the rows that rules flagged or that were left out by them, with `hit:` and the rule as reason.

    A row that two of them hit is there twice. `select` leaves out rows by their flags; these are hits, too.
    """
    for path in outcome_files(version):
        for group in read_groups(path):
            for rule in rules:
                yield _hits(group, rule)


def count_hits(version: Path, rules: Sequence[str]) -> Mapping[tuple[str, str], int]:
    """Return how many hits each rule has in each source; a rule without a hit is not in the result."""
    counted: Counter[tuple[str, str]] = Counter()
    for rows in hits_of(version, rules):
        for source, reason, times in rows.group_by("source", "reason").len().iter_rows():
            counted[source, reason] += times
    return counted


def marked_words(rows: Rows, ids: Sequence[str]) -> dict[tuple[str, str], str]:
    """Return the words that rules mark in flagged rows, with what stands around them.

    Returns:
        By a row's id, and `hit:` with the rule.
    """
    outcomes = rows.outcomes
    if "checks" not in outcomes.collect_schema():
        return {}
    wanted = outcomes.filter(pl.col("id").is_in(sorted(set(ids)))).select("id", "checks").collect()
    talks = rows.said(ids)
    return {
        (row, f"{HIT}{check['rule']}"): _words(place, talks[row].messages[place["message"]])
        for row, checks in wanted.iter_rows()
        for check in checks
        if (place := check["evidence"])["message"] is not None and row in talks
    }


def score_rule(reason: str, strata: Sequence[StratumScore]) -> RuleScore:
    """Return what judged hits say of the rule that stands behind a reason."""
    mine = [one for one in strata if one.reason == reason]
    read, wrong = sum(one.judged for one in mine), sum(one.wrong for one in mine)
    wrongs = combine_rates([(one.wrong, one.judged, one.rows) for one in mine])
    precision = (
        Rate(estimate=1 - wrongs.estimate, low=1 - wrongs.high, high=1 - wrongs.low) if wrongs else None
    )
    rule = reason.removeprefix(HIT)
    return RuleScore(
        rule=rule,
        hits=sum(one.rows for one in mine),
        read=read,
        right=read - wrong,
        precision=precision,
        says=_says(rule, precision, read, read - wrong),
    )


def _says(rule: str, precision: Rate | None, read: int, right: int) -> str:
    """Return what a recipe should say of a rule with this precision."""
    if precision is None:
        return f"{rule}: nobody has judged any of its hits"
    found = f"{rule}: {right} of {read} hits are right, precision {percent(precision)}"
    if precision.high < _HALF:
        return f"{found}: switch it off, more of its hits are wrong than right (`{rule}: off`)"
    if precision.high < LEAST:
        return f"{found}: let it flag at most, {LEAST:.0%} is beyond what its hits can reach (`{rule}: flag`)"
    if precision.estimate >= LEAST and may_drop(Reviewed(read=read, right=right).precision):
        stated = f"{{action: drop, reviewed: {{read: {read}, right: {right}}}}}"
        return f"{found}: a recipe may drop rows by it (`{rule}: {stated}`)"
    return f"{found}: not decided yet; judge more of its hits (`--each`), and let it flag until then"


def _hits(group: pl.DataFrame, rule: str) -> pl.DataFrame:
    hit = (pl.col("reason") == rule).fill_null(value=False) | refused_for(rule)
    if "flags" in group.columns:
        hit |= pl.col("flags").list.contains(rule)
    found = group.filter(hit)
    details = (_detail(checks, rule) for checks in found["checks"]) if "checks" in found.columns else ()
    return found.select(_COLUMNS).with_columns(
        reason=pl.lit(f"{HIT}{rule}"),
        detail=pl.Series(details, dtype=pl.String).fill_null(found["detail"]) if details else found["detail"],
        winner=pl.lit(None, dtype=pl.String),
    )


def _detail(checks: Sequence[Mapping[str, Any]], rule: str) -> str | None:
    mine = next((check for check in checks if check["rule"] == rule), None)
    return said(mine["value"], mine["evidence"]) if mine else None


def _words(place: Mapping[str, Any], turn: Message) -> str:
    """Return the words of a turn that evidence marks, between » and «, and what stands around them."""
    text = (turn.reasoning if place["part"] == "reasoning" else turn.content) or ""
    start, end = place["start"], place["end"]
    before, after = text[max(0, start - _AROUND) : start], text[end : end + _AROUND]
    return f"{turn.role}: {before}»{text[start:end][: 2 * _AROUND]}«{after}"
