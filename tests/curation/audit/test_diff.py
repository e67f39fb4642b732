"""Two versions compared: what stays true of any two, and the cause of every kind of move."""

from collections.abc import Mapping, Sequence
from hashlib import sha256

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.harness.builders import recipe
from thinkmix.curation.audit.diff import Side, compare
from thinkmix.curation.tables import OUTCOMES
from thinkmix.schemas.changes import Changes
from thinkmix.schemas.ledger import Ledger
from thinkmix.schemas.manifest import InputEntry, Manifest, Share, SourceEntry
from thinkmix.schemas.report import ClusterView, LengthView, Report

STAGES = {
    "think_missing": "validate",
    "too_big": "validate",
    "exact_dup": "dedup",
    "near_dup": "dedup",
    "solution_cap": "dedup",
    "too_long": "render",
    "not_sampled": "mix",
    "mixture": None,
}
FILES = {"math": ("a", "b"), "chat": ("c",)}


def name(content: object) -> str:
    """Give the id of a row that says `content`."""
    return sha256(str(content).encode()).hexdigest()[:32]


def row(
    content: object,
    outcome: str = "mixture",
    place: tuple[str, int] = ("a", 0),
    *,
    winner: object = None,
    **other,
) -> dict:
    """Make the outcome of one row; its cluster is that of its winner."""
    stage = STAGES[outcome]
    ids = {"id": name(content), "cluster": name(content if winner is None else winner)}
    reason = None if stage is None else outcome
    won = None if winner is None else name(winner)
    return {
        **ids,
        "file": place[0],
        "row": place[1],
        "stage": stage,
        "reason": reason,
        "winner": won,
        **other,
    }


def side(
    digest: str,
    rows: Mapping[str, Sequence[dict]],
    *,
    files: Mapping[str, str] | None = None,
    histogram: tuple[int, ...] = (5, 5),
    libraries: str = "2.1.0",
    code: str = "c" * 64,
    **changes: object,
) -> Side:
    """Make a version of these rows; `files` says what the files that changed hold now."""
    held = dict.fromkeys("abc", "same") | dict(files or {})
    stated = recipe(**changes)
    origins = tuple(
        SourceEntry(
            name=source,
            dataset="d",
            revision="main",
            commit="".join(held[file] for file in named),
            licence=None,
            files=tuple(InputEntry(name=file, sha256=held[file], bytes=1) for file in named),
        )
        for source, named in FILES.items()
    )
    share = Share(
        source="math",
        split="train",
        declared=0.5,
        available=9,
        examples=7,
        tokens=70,
        trainable_tokens=7,
        thinking=0,
        repeated=0,
    )
    facts = {
        "mixture": "small",
        "recipe": stated.model_dump(mode="json"),
        "sources": origins,
        "template_sha256": "e" * 64,
        "tokenizer_sha256": "f" * 64,
        "ledger": Ledger(stages=()),
        "shares": (share,),
        "content_sha256": "",
    }
    view = LengthView(
        source="math",
        examples=10,
        median=1,
        p90=1,
        p99=1,
        longest=1,
        edges=(256,),
        histogram=histogram,
        fits=(1.0,),
    )
    empty = {"checks": (), "clusters": ClusterView(by_size={}, largest=()), "samples": (), "title": ""}
    manifest = {
        "template": stated.template,
        "code_sha256": code,
        "libraries": {"polars": libraries},
        "files": {},
    }
    frames = {
        source: [pl.DataFrame(outcomes, schema_overrides=OUTCOMES).pipe(_whole)]
        for source, outcomes in rows.items()
    }
    return Side(digest, Manifest(**facts, **manifest), Report(**facts, **empty, lengths=(view,)), frames)


def _whole(outcomes: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([OUTCOMES.to_frame(), outcomes], how="diagonal")


def moves(changes: Changes) -> set[tuple[str, str, str, int]]:
    """Return the moves without the ids."""
    return {(move.cause, move.before, move.after, move.rows) for move in changes.moves}


def moved(before: Sequence[dict], after: Sequence[dict], **changes: object) -> set[tuple[str, str, str, int]]:
    """Return the moves between two versions of one source, of which the later is another in `changes`."""
    return moves(compare(side("1", {"math": before}), side("2", {"math": after}, **changes)))


@st.composite
def versions(draw: st.DrawFn) -> list[dict]:
    """Sample rows of few contents, so that copies, moves and edits are frequent."""
    found = draw(
        st.lists(st.tuples(st.integers(0, 6), st.sampled_from(sorted(STAGES)), st.integers(0, 3)), max_size=9)
    )
    return [
        row(content, outcome, ("ab"[n % 2], n // 2), winner=winner if STAGES[outcome] == "dedup" else None)
        for n, (content, outcome, winner) in enumerate(found)
    ]


def in_mixture(rows: Sequence[dict]) -> int:
    """Count the rows of the mixture."""
    return sum(outcome["reason"] is None for outcome in rows)


@settings(max_examples=50, deadline=None)
@given(before=versions(), after=versions(), chat=versions(), code=st.sampled_from(["c", "d"]))
def test_every_row_of_both_mixtures_is_accounted_for(before, after, chat, code):
    """Kept and removed are the older mixture, kept and added the later one, and moves say which they were."""
    old = {"math": before, "chat": chat}
    new = {"math": after, "chat": chat[1:]}
    changes = compare(side("1", old), side("2", new, code=code, files={"a": "other"}))
    assert changes.kept + changes.removed == in_mixture(before) + in_mixture(chat)
    assert changes.kept + changes.added == in_mixture(after) + in_mixture(chat[1:])
    assert 0 <= changes.changed <= changes.kept
    came = sum(move.rows for move in changes.moves if move.after == "mixture" != move.before)
    went = sum(move.rows for move in changes.moves if move.before == "mixture" != move.after)
    edited = sum(move.rows for move in changes.moves if move.before == "mixture" == move.after)
    assert (came, went, edited) == (changes.added, changes.removed, changes.changed)
    for source in changes.sources:
        mine = [move for move in changes.moves if move.source == source.source]
        for outcome, delta in {**source.reasons, "mixture": source.mixture_rows}.items():
            gained = sum(move.rows * ((move.after == outcome) - (move.before == outcome)) for move in mine)
            assert delta.after - delta.before == gained


@settings(max_examples=25, deadline=None)
@given(before=versions(), after=versions())
def test_the_way_back_is_the_way_there(before, after):
    """Looked at from the other side, added is removed and every move goes back for the same cause."""
    there = compare(side("1", {"math": before}), side("2", {"math": after}, files={"b": "other"}))
    back = compare(side("2", {"math": after}, files={"b": "other"}), side("1", {"math": before}))
    assert (there.added, there.removed, there.kept, there.changed) == (
        back.removed,
        back.added,
        back.kept,
        back.changed,
    )
    assert moves(there) == {(cause, new, old, rows) for cause, old, new, rows in moves(back)}


@settings(max_examples=15, deadline=None)
@given(rows=versions(), order=st.randoms())
def test_a_version_does_not_differ_from_itself(rows, order):
    """The same rows in any order are no change at all."""
    mixed = list(rows)
    order.shuffle(mixed)
    changes = compare(side("1", {"math": rows}), side("1", {"math": mixed}))
    assert (changes.added, changes.removed, changes.changed) == (0, 0, 0)
    assert (changes.moves, changes.stability, changes.settings) == ((), (), ())


THINKING = {
    "sources": [
        {"name": "math", "kind": "local", "files": ["math/*.jsonl"], "format": "openmathreasoning"},
        {"name": "chat", "kind": "local", "files": ["chat/*.jsonl"], "format": "sharegpt"},
    ]
}
LOOSER = {"dedup": {"threshold": 0.9}}
LOSER = row(2, "near_dup", ("a", 1), winner=1)
FREED = row(2, "mixture", ("a", 1))
BETTER = row(3, "mixture", ("b", 0))


@pytest.mark.parametrize(
    ("before", "after", "changes", "want"),
    [
        ([], [row(1)], {}, {("upstream", "absent", "mixture", 1)}),
        ([row(1, "too_long")], [], {}, {("upstream", "too_long", "absent", 1)}),
        ([row(1)], [row(2)], {"files": {"a": "new"}}, {("upstream", "mixture", "mixture", 1)}),
        (
            [row(1, "think_missing")],
            [row(2)],
            {"files": {"a": "new"}},
            {("upstream", "think_missing", "mixture", 1)},
        ),
        ([row(1, "near_dup", winner=8)], [row(2, "near_dup", winner=8)], {"files": {"a": "new"}}, set()),
        ([row(1)], [row(1, place=("b", 7))], {"files": {"a": "new", "b": "new"}}, set()),
        ([row("raw", "think_missing")], [row(1)], THINKING, {("rule", "think_missing", "mixture", 1)}),
        ([row(1)], [row(2)], {"code": "d" * 64}, {("rule", "mixture", "mixture", 1)}),
        ([row(1), LOSER], [row(1), FREED], LOOSER, {("rule", "near_dup", "mixture", 1)}),
        (
            [row(1), LOSER],
            [FREED],
            LOOSER,
            {("upstream", "mixture", "absent", 1), ("duplicate", "near_dup", "mixture", 1)},
        ),
        (
            [row(1), LOSER],
            [row("raw", "too_big"), FREED],
            {"max_row_bytes": 2000},
            {("rule", "mixture", "too_big", 1), ("duplicate", "near_dup", "mixture", 1)},
        ),
        (
            [row(1)],
            [row(1, "near_dup", winner=3), BETTER],
            {},
            {("upstream", "absent", "mixture", 1), ("duplicate", "mixture", "near_dup", 1)},
        ),
        (
            [row(1)],
            [row(1, "near_dup", winner=3), BETTER],
            {"code": "d" * 64},
            {("upstream", "absent", "mixture", 1), ("duplicate", "mixture", "near_dup", 1)},
        ),
        ([row(1), LOSER], [row(1), FREED], {"code": "d" * 64}, {("rule", "near_dup", "mixture", 1)}),
        ([row(1, "too_long")], [row(1)], {"max_tokens": 700}, {("rule", "too_long", "mixture", 1)}),
        ([row(1, "too_long")], [row(1, "not_sampled")], {}, {("sample", "too_long", "not_sampled", 1)}),
        ([row(1, "not_sampled")], [row(1)], {"seed": 7}, {("sample", "not_sampled", "mixture", 1)}),
    ],
)
def test_every_move_has_its_cause(before, after, changes, want):
    """What parted a row's two ways first is why it moved."""
    assert moved(before, after, **changes) == want


def test_a_row_of_another_source_frees_a_row():
    """A cluster reaches across sources: where the winner went, the loser comes back."""
    before = {"math": [row(1)], "chat": [row(2, "near_dup", ("c", 0), winner=1)]}
    changes = compare(
        side("1", before), side("2", {"math": [], "chat": [row(2, place=("c", 0))]}, code="d" * 64)
    )
    assert ("duplicate", "near_dup", "mixture", 1) in moves(changes)


def test_a_move_names_rows_of_the_later_version():
    """Of each move the smallest ids are named, as many as asked for."""
    before, after = ([row(n, outcome, ("a", n)) for n in range(9)] for outcome in ("not_sampled", "mixture"))
    changes = compare(side("1", {"math": before}), side("2", {"math": after}), listed=3)
    assert [move.examples for move in changes.moves] == [tuple(sorted(map(name, range(9)))[:3])]


def test_settings_say_what_changed_from_what_to_what():
    """One sentence for every file, field and library."""
    before = side("1", {}, seed=1)
    after = side("2", {}, seed=2, files={"a": "new"}, libraries="2.2.0", code="d" * 64)
    assert compare(before, after).settings == (
        "source math: commit samesame → newsame",
        "source math: 1 file changed (a)",
        "recipe: seed 1 → 2",
        f"code {'c' * 12} → {'d' * 12}",
        "library polars 2.1.0 → 2.2.0",
    )


def test_fields_of_a_source_are_named_by_the_source():
    """A source's settings go by its name, and one that was not set is said to be unset."""
    found = compare(side("1", {}), side("2", {}, **THINKING)).settings
    assert "recipe: sources.math.thinking required → allowed" in found
    assert "recipe: sources.math.max_solutions_per_problem 2 → unset" in found


def test_shift_is_the_population_stability_index():
    """From halves to a quarter and three quarters it is ln(1.5) / 4 - ln(0.5) / 4, by hand."""
    [shift] = compare(side("1", {}, histogram=(10, 10)), side("2", {}, histogram=(5, 15))).stability
    assert (shift.source, shift.measure, shift.psi) == ("math", "tokens", 0.2747)


def test_bin_that_was_empty_is_no_infinite_shift():
    """An empty bin counts as half an example."""
    [shift] = compare(side("1", {}, histogram=(20, 0)), side("2", {}, histogram=(10, 10))).stability
    assert 0.2 < shift.psi < 10
