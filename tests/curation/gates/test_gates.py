"""Gates: each passes at its limit exactly and is broken just beyond, and says in words what it found."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.harness.builders import ROOT, in_full, statement
from thinkmix.curation.audit.measure import EDGES
from thinkmix.curation.gates.gates import judge
from thinkmix.curation.gates.known import GATES, Gates
from thinkmix.curation.gates.rows import Rows
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.schemas.columns import Columns
from thinkmix.schemas.gates import GateResult
from thinkmix.schemas.ledger import Amount, Ledger, StageCount
from thinkmix.schemas.manifest import Share
from thinkmix.schemas.report import ClusterView, LengthView, Report
from tools import gates

ELSEWHERE = {"unread_fields", "findings", "encoding", "layout", "size", "bottleneck", "absent", "flags"}
"""Gates that the other files of this folder are about."""

TYPES = {"problem": "String", "level": "String", "score": "Int64"}
VALUES = {"level": ("easy", "hard")}


def stage(name: str, read: int, dropped: Mapping[str, int]) -> StageCount:
    """Count what one stage did to the rows of `math`."""
    kept = read - sum(dropped.values())
    return StageCount(
        stage=name,
        source="math",
        read=Amount(rows=read),
        kept=Amount(rows=kept),
        dropped={reason: Amount(rows=rows) for reason, rows in dropped.items()},
    )


def share(source: str, tokens: int, examples: int = 100, thinking: int = 0) -> Share:
    """State a source's part of the mixture."""
    return Share(
        source=source, split="train", declared=0.5, available=0, examples=examples, tokens=tokens,
        trainable_tokens=tokens, thinking=thinking, repeated=0,
    )  # fmt: skip


def facts(
    *,
    rows: int = 1000,
    dropped: Mapping[str, int] | None = None,
    repeated: Mapping[str, int] | None = None,
    tokens: tuple[int, int] = (1000, 1000),
    lengths: Mapping[int, int] | None = None,
    types: Mapping[str, str] | None = None,
    values: Mapping[str, tuple[str, ...]] | None = None,
    missing: Mapping[str, int] | None = None,
    expected: int | None = None,
    thinking: int = 0,
) -> Report:
    """Return a report of two sources; `math` is what the arguments say."""
    validate = stage("validate", rows, dropped or {})
    bins = [0] * (len(EDGES) + 1)
    for place, number in (lengths or {0: 500, 1: 500}).items():
        bins[place] = number
    stated = statement()
    stated["sources"][0]["expect_rows"] = expected
    stated["mix"]["eval_share"] = 0
    view = LengthView(
        source="math", examples=sum(bins), median=0, p90=0, p99=0, longest=0, edges=EDGES,
        histogram=tuple(bins), fits=(),
    )  # fmt: skip
    return Report(
        mixture="small",
        title="",
        checks=(),
        shares=(share("math", tokens[0], thinking=thinking), share("chat", tokens[1])),
        ledger=Ledger(stages=(validate, stage("dedup", validate.kept.rows, repeated or {}))),
        lengths=(view,),
        columns=(
            Columns(source="math", types=types or TYPES, values=values or VALUES, missing=missing or {}),
        ),
        clusters=ClusterView(by_size={}, largest=()),
        samples=(),
        sources=(),
        recipe=in_full(stated),
        template_sha256="",
        tokenizer_sha256="",
        content_sha256="",
    )


def asked(report: Report, **gates: object) -> Recipe:
    """Return the recipe of a report, with other gates."""
    return Recipe.model_validate({**report.recipe, "gates": gates})


def found(gate: str, report: Report, before: Report | None = None, **settings: object) -> list[GateResult]:
    """Return what one gate of a recipe found."""
    results = judge(report, before, asked(report, **{gate: settings}))
    return [result for result in results if result.gate == gate]


def without(column: str) -> dict[str, str]:
    """Return the columns but one."""
    return {name: kind for name, kind in TYPES.items() if name != column}


LIMITS: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ("rows", {"fewer": 0.1}, {}, {"rows": 900}, {"rows": 899}),
    ("rows", {"more": 0.1}, {}, {"rows": 1100}, {"rows": 1101}),
    ("tokens", {"fewer": 0.05}, {}, {"tokens": (950, 1000)}, {"tokens": (949, 1000)}),
    ("tokens", {"more": 0.05}, {}, {"tokens": (1050, 1000)}, {"tokens": (1051, 1000)}),
    ("shares", {"points": 5}, {}, {"tokens": (1100, 900)}, {"tokens": (1101, 899)}),
    ("thinking", {"points": 3}, {"thinking": 10}, {"thinking": 13}, {"thinking": 14}),
    ("thinking", {"points": 3}, {"thinking": 10}, {"thinking": 7}, {"thinking": 6}),
    ("quarantine", {"limit": 0.02}, {}, {"dropped": {"bad_json": 20}}, {"dropped": {"bad_json": 21}}),
    (
        "quarantine_growth",
        {"points": 2},
        {"dropped": {"bad_json": 10}},
        {"dropped": {"bad_json": 30}},
        {"dropped": {"bad_json": 31}},
    ),
    ("new_reason", {"rows": 3}, {}, {"dropped": {"bad_json": 3}}, {"dropped": {"bad_json": 4}}),
    ("column_gone", {}, {}, {}, {"types": without("score")}),
    ("column_type", {}, {}, {}, {"types": {**TYPES, "score": "Int64 | String"}}),
    ("column_values", {}, {}, {}, {"values": {"level": ("easy", "unclear")}}),
    ("column_nulls", {"points": 3}, {}, {"missing": {"score": 30}}, {"missing": {"score": 31}}),
    ("column_extra", {}, {}, {}, {"types": {**TYPES, "notes": "String"}}),
    (
        "near_duplicates",
        {"limit": 0.5},
        {},
        {"repeated": {"near_dup": 500}},
        {"repeated": {"near_dup": 501}},
    ),
    ("duplicates", {"limit": 0.4}, {}, {"repeated": {"near_dup": 400}}, {"repeated": {"near_dup": 401}}),
    (
        "duplicates_growth",
        {"points": 10},
        {"repeated": {"exact_dup": 100}},
        {"repeated": {"exact_dup": 100, "solution_cap": 100}},
        {"repeated": {"exact_dup": 100, "solution_cap": 101}},
    ),
    ("lengths", {"psi": 0.0439}, {}, {"lengths": {0: 604, 1: 396}}, {"lengths": {0: 605, 1: 395}}),
    (
        "contamination",
        {"limit": 0.01},
        {},
        {"dropped": {"eval_overlap": 10}},
        {"dropped": {"eval_overlap": 11}},
    ),
    ("killed", {"rows": 1}, {}, {"dropped": {"worker_killed": 1}}, {"dropped": {"worker_killed": 2}}),
    ("expected_rows", {"tolerance": 0.01}, {}, {"expected": 1010, "rows": 1000}, {"expected": 1012}),
    (
        "expected_rows",
        {"tolerance": 0.01},
        {},
        {"expected": 1000, "rows": 1010},
        {"expected": 1000, "rows": 1011},
    ),
]


@pytest.mark.parametrize(("gate", "settings", "before", "at", "beyond"), LIMITS)
def test_a_gate_passes_at_its_limit_and_is_broken_beyond_it(gate, settings, before, at, beyond):
    """At the limit exactly there is nothing to say; beyond it the gate does what the recipe wants."""
    earlier = facts(**before)
    passed = found(gate, facts(**at), earlier, action="fail", **settings)
    assert {result.level for result in passed} == {"pass"}
    for action in ("warn", "fail"):
        broken = found(gate, facts(**beyond), earlier, action=action, **settings)
        assert action in {result.level for result in broken}
        assert {result.level for result in broken} <= {action, "pass"}
    assert found(gate, facts(**beyond), earlier, action="off", **settings) == []


def test_every_gate_of_a_recipe_is_judged():
    """No gate can be stated that nobody looks at, and each has a case at its limit."""
    assert {case[0] for case in LIMITS} == set(Gates.model_fields) - ELSEWHERE - {"not_scanned"}
    # `not_scanned` has no limit; these are judged in
    # tests/curation/gates/test_reading_gates.py and test_layout_gate.py


def test_the_table_of_gates_is_current():
    """docs/gates.md holds what `python -m tools.gates` prints."""
    page = (ROOT / "docs" / "gates.md").read_text(encoding="utf-8")
    assert "\n".join(gates.table()) in page, "run: python -m tools.gates"


def test_a_setting_of_a_gate_keeps_the_defaults_of_that_gate():
    """What a recipe does not say of a gate is as the gate has it; each field of `gates` has a sentence."""
    stated = Gates.model_validate({"rows": {"fewer": 0.5}, "quarantine_growth": {"points": 1}})
    assert stated.of(Rows) == Rows(action="fail", fewer=0.5, more=1.0)
    assert stated.quarantine_growth.action == "fail"
    assert [kind.name for kind in GATES] == list(Gates.model_fields)
    said = [field.description for field in Gates.model_fields.values()]
    assert said == [kind.sentence() for kind in GATES]


def test_the_first_build_is_never_held_by_default():
    """Without an earlier build and without a stated number of rows, no gate fails, whatever the rows are."""
    dirty = facts(dropped={"bad_json": 600, "eval_overlap": 300}, repeated={"near_dup": 99})
    assert "fail" not in {result.level for result in judge(dirty, None, asked(dirty))}


def test_the_same_facts_pass_every_gate():
    """A version beside itself breaks no gate."""
    report = facts(dropped={"bad_json": 10}, repeated={"near_dup": 40}, missing={"score": 9})
    assert {result.level for result in judge(report, report, asked(report))} == {"pass"}


@pytest.mark.parametrize(
    ("gate", "settings", "before", "after", "sentence"),
    [
        (
            "rows",
            {"fewer": 0.05},
            {"rows": 4812},
            {"rows": 4235},
            "math read 12 % fewer rows than the last good build (4,812 → 4,235); the limit is 5 %",
        ),
        (
            "rows",
            {},
            {},
            {},
            "math read as many rows as the last good build (1,000)",
        ),
        (
            "rows",
            {"more": 0.05},
            {"rows": 1000},
            {"rows": 3500},
            "math read 250 % more rows than the last good build (1,000 → 3,500); the limit is 5 %",
        ),
        (
            "tokens",
            {"fewer": 0.1},
            {},
            {"tokens": (600, 1000)},
            "math has 40 % fewer tokens in the mixture than the last good build (1,000 → 600); "
            "the limit is 10 %",
        ),
        (
            "shares",
            {},
            {},
            {"tokens": (1100, 900)},
            "math went from 50 % to 55 % of the tokens, by 5 points; the limit is 2",
        ),
        (
            "thinking",
            {},
            {"thinking": 50},
            {"thinking": 20},
            "math: 20 of its 100 examples have a trace (20 %), and 50 % in the last good build; "
            "the limit is 5 points",
        ),
        (
            "quarantine_growth",
            {},
            {"dropped": {"bad_json": 10}},
            {"dropped": {"bad_json": 90}},
            "math: bad_json took 9 % (90 of 1,000 rows) and 1 % in the last good build; "
            "the limit is 5 points more",
        ),
        (
            "new_reason",
            {},
            {},
            {"dropped": {"bad_json": 2}},
            "math: bad_json took 0.2 % (2 of 1,000 rows) and none in the last good build; the limit is 0",
        ),
        ("column_gone", {}, {}, {"types": without("score")}, "math: column score is gone"),
        (
            "column_type",
            {},
            {},
            {"types": {**TYPES, "score": "Int64 | String"}},
            "math: column score was Int64 and is Int64 | String",
        ),
        (
            "column_values",
            {},
            {},
            {"values": {"level": ("easy", "unclear")}},
            "math: column level has 'unclear' now and has 'hard' no longer",
        ),
        (
            "column_values",
            {},
            {},
            {"values": {"other": ()}},
            "math: column level had only 'easy', 'hard' and has many values or long ones",
        ),
        (
            "expected_rows",
            {},
            {},
            {"expected": 1012},
            "math read 1,000 rows where the recipe expects 1,012, 1.19 % off; the limit is 0 %",
        ),
        (
            "killed",
            {},
            {},
            {"dropped": {"worker_killed": 1}},
            "math: 1 row ended a process and was left out: the manifest names it; "
            "give workers more memory (--worker-memory), or approve the version",
        ),
    ],
)
def test_a_finding_is_a_sentence_for_people(gate, settings, before, after, sentence):
    """What was found is said with both numbers and the limit."""
    told = [result.sentence for result in found(gate, facts(**after), facts(**before), **settings)]
    assert sentence in told


def test_an_evaluation_that_was_not_scanned_is_named() -> None:
    """It is a warning, or what holds a version, as the recipe wants."""
    report = facts().model_copy(update={"not_scanned": {"gpqa-diamond": "gated"}})
    (warned,) = found("not_scanned", report)
    assert (warned.level, warned.sentence) == ("warn", "not scanned: gpqa-diamond (gated)")
    assert [result.level for result in found("not_scanned", report, action="fail")] == ["fail"]
    assert found("not_scanned", facts()) == []


def test_as_many_as_before_is_beside_the_limit_for_more() -> None:
    """Nothing is fewer, so the other limit does not show."""
    (result,) = found("rows", facts(), facts(), fewer=0.1, more=0.2)
    assert (result.measured, result.limit) == (0.0, 0.2)


def test_a_share_is_compared_in_the_unit_in_which_it_moved_farthest() -> None:
    """And the sentence says in which."""
    before, after = facts(), facts()
    math, chat = before.shares
    after = after.model_copy(update={"shares": (math.model_copy(update={"trainable_tokens": 250}), chat)})
    told = {result.subject: result.sentence for result in found("shares", after, before)}
    assert told["math"] == "math went from 50 % to 20 % of the trainable tokens, by 30 points; the limit is 2"


def test_a_source_that_comes_or_goes_moves_from_or_to_nothing() -> None:
    """Its share on the other side is 0."""
    both = facts()
    one = both.model_copy(update={"shares": both.shares[1:]})
    for before, after, told in ((one, both, "from 0 % to 50 %"), (both, one, "from 50 % to 0 %")):
        (result,) = (one for one in found("shares", after, before) if one.subject == "math")
        assert (result.measured, told in result.sentence) == (50.0, True)


@pytest.mark.parametrize(
    ("rows", "expected", "measured"), [(None, 10, 1.0), (5, 0, 5.0), (1, 1, 0.0), (3, 1, 2.0)]
)
def test_a_source_without_rows_is_wholly_off(rows: int | None, expected: int, measured: float) -> None:
    """Where none are expected, each row counts whole."""
    report = facts(rows=rows or 0, expected=expected)
    if rows is None:
        report = report.model_copy(update={"ledger": Ledger(stages=())})
    assert [result.measured for result in found("expected_rows", report, None)] == [measured]


def test_what_is_dropped_more_seldom_has_grown_by_nothing() -> None:
    """The line says that nothing grew; the least growth is named instead."""
    much, little = facts(dropped={"bad_json": 90}), facts(dropped={"bad_json": 10})
    (calm,) = found("quarantine_growth", little, much)
    assert (calm.subject, calm.measured) == ("math", 0.0)
    (grown,) = found("quarantine_growth", facts(dropped={"bad_json": 15}), little)
    assert (grown.subject, grown.measured) == ("math: bad_json", 0.5)


def test_values_that_hardly_repeat_are_no_closed_list():
    """A column of a small source with few values because it has few rows may take others."""
    small = facts(rows=19)
    assert found("column_values", facts(rows=19, values={"level": ("odd",)}), small)[0].level == "pass"


def test_a_source_that_was_taken_out_is_mentioned():
    """A source that the recipe no longer has is a warning, for a person took it out."""
    report = facts()
    stages = [count.model_copy(update={"source": "chat"}) for count in report.ledger.stages]
    before = report.model_copy(update={"ledger": Ledger(stages=(*report.ledger.stages, *stages))})
    (gone,) = (result for result in found("rows", report, before) if result.subject == "chat")
    assert (gone.level, gone.sentence[:29]) == ("warn", "chat was in the last good bui")


def test_a_source_without_examples_has_no_share_that_thinks():
    """Neither a new source nor one that brought nothing is compared; splits count together."""
    both = facts(thinking=10)
    math, chat = both.shares
    empty = both.model_copy(update={"shares": (math.model_copy(update={"examples": 0, "thinking": 0}), chat)})
    for before, after in ((both, empty), (empty, both)):
        assert {one.subject for one in found("thinking", after, before)} == {"chat"}
    held_out = math.model_copy(update={"split": "eval", "thinking": 90})
    split = both.model_copy(update={"shares": (math, held_out, chat)})
    assert found("thinking", split, both)[0].measured == 40.0


def test_other_bins_are_not_compared():
    """Histograms over other edges give no finding, because their difference would mean nothing."""
    before = facts()
    (view,) = before.lengths
    before = before.model_copy(update={"lengths": (view.model_copy(update={"edges": EDGES[1:]}),)})
    assert found("lengths", facts(), before) == []


def test_nobody_is_told_of_contamination_that_nobody_looked_for():
    """A recipe without decontamination gets no reassuring line about it."""
    assert found("contamination", facts(), facts()) == []


def test_names_of_columns_and_values_are_not_obeyed():
    """What a file calls its columns and values loses what markdown, HTML, a chat or a terminal would obey."""
    evil = "[x](http://e.example) <b>`*~@#!&\x1b[2J\u202e\\"
    report = facts(types={**TYPES, evil: evil}, values={"level": (evil,)}, missing={evil: 900})
    before = facts(types={**TYPES, evil: "Int64"})
    told = judge(report, before, asked(report))
    text = "".join(result.sentence + result.subject for result in told if result.level != "pass")
    assert "http" in text
    assert [mark for mark in "[]<>`*~@#!&\x1b\u202e\\/." if mark in text] == []
