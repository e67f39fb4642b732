"""Builds of a run after a change, compared with those of the run before: the change is what is named."""

import shutil
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from tests.harness.builders import (
    flip_bit,
    math_row,
    math_rows,
    quick_build,
    recipe,
    write_rows,
    write_sources,
)
from thinkmix.curation.audit.diff import LISTED
from thinkmix.flows.build.pipeline import Built
from thinkmix.flows.cli import app
from thinkmix.flows.cli.show.show_changes import show_changes
from thinkmix.flows.runs.diff import diff, find_version
from thinkmix.schemas.changes import Changes, Delta
from thinkmix.schemas.errors import NotFound, StoreCorrupt

SIZE = 40


@pytest.fixture(scope="module")
def daily_runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Built]:
    """Runs of a mixture: the first, a row edited upstream, another rule, another seed, a problem gone."""
    base, store = write_sources(tmp_path_factory.mktemp("sources")), tmp_path_factory.mktemp("store")
    built = {"first": quick_build(recipe(size=SIZE), store, base)}
    rows = math_rows()
    rows[7] = math_row(7, answer="another answer")
    write_rows(base / "math" / "0.jsonl", rows[:30])
    built["edited"] = quick_build(recipe(size=SIZE), store, base)
    built["ruled"] = quick_build(recipe(size=SIZE, max_tokens=5000), store, base)
    built["sampled"] = quick_build(recipe(size=SIZE, max_tokens=5000, seed=11), store, base)
    rows[5] = math_row("another problem")
    write_rows(base / "math" / "0.jsonl", rows[:30])
    built["freed"] = quick_build(recipe(size=SIZE, max_tokens=5000, seed=11), store, base)
    return built


def shown(changes: Changes, rows: int = 0) -> str:
    """Return what a person reads."""
    out = StringIO()
    show_changes(changes, Console(file=out, width=200), rows=rows)
    return out.getvalue()


def called(*args: object):
    """Run a command in this process."""
    return CliRunner().invoke(app, [*map(str, args)])


def test_a_row_edited_upstream_is_named_as_such(daily_runs: dict[str, Built]):
    """The file is named, and all that moved is that row and who shares the places of sampling with it."""
    changes = diff(daily_runs["first"].version, daily_runs["edited"].version)
    assert sum(move.rows for move in changes.moves if move.cause == "upstream") == 1
    assert {move.cause for move in changes.moves} <= {"upstream", "sample"}
    assert changes.added + changes.removed + changes.changed <= 3
    assert "source math: 1 file changed (math/0.jsonl)" in changes.settings


def test_a_rule_that_lets_a_row_in_is_named_as_such(daily_runs: dict[str, Built]):
    """With more tokens allowed, what was too long is not any more, by rule; all the rest is sampling."""
    changes = diff(daily_runs["edited"].version, daily_runs["ruled"].version)
    freed = [move for move in changes.moves if move.before == "too_long"]
    assert [(move.source, move.cause, move.rows) for move in freed] == [("chat", "rule", 1)]
    assert {move.cause for move in changes.moves if move.before != "too_long"} <= {"sample"}
    assert changes.settings == ("recipe: max_tokens 600 → 5000",)


def test_another_seed_is_the_draw_and_nothing_else(daily_runs: dict[str, Built]):
    """Every row that came or went did so by sampling, and the mixture is as large as before."""
    changes = diff(daily_runs["ruled"].version, daily_runs["sampled"].version)
    assert changes.added == changes.removed > 0
    assert {move.cause for move in changes.moves} == {"sample"}
    assert changes.settings == ("recipe: seed 20250428 → 11",)


def test_a_row_whose_winner_went_upstream_is_freed(daily_runs: dict[str, Built]):
    """The chat that asked a problem of the other source is a duplicate no more: that is why it moved."""
    changes = diff(daily_runs["sampled"].version, daily_runs["freed"].version)
    freed = [move for move in changes.moves if move.before == "near_dup"]
    assert [(move.source, move.cause, move.rows) for move in freed] == [("chat", "duplicate", 1)]


def test_figures_are_those_of_the_manifest(daily_runs: dict[str, Built]):
    """Rows, examples and tokens by source are what ledger and shares say."""
    old, new = daily_runs["first"], daily_runs["sampled"]
    for source in diff(old.version, new.version).sources:
        for daily_run, side in ((old, "before"), (new, "after")):
            sampled = [share for share in daily_run.manifest.shares if share.source == source.source]
            ledger = {
                stage: daily_run.manifest.ledger.of(stage)[source.source] for stage in ("validate", "mix")
            }
            assert getattr(source.read, side) == ledger["validate"].read.rows
            assert getattr(source.mixture_rows, side) == ledger["mix"].kept.rows
            assert getattr(source.examples, side) == sum(share.examples for share in sampled)
            assert getattr(source.tokens, side) == sum(share.tokens for share in sampled)


def test_the_run_says_what_changed_since_the_version_before(daily_runs: dict[str, Built]):
    """The report of a run holds its difference from the run before; the first has none."""
    assert daily_runs["first"].run.changes is None
    assert daily_runs["sampled"].run.changes == diff(
        daily_runs["ruled"].version, daily_runs["sampled"].version
    )


def test_the_same_version_has_no_changes(daily_runs: dict[str, Built]):
    """A run that changed nothing has nothing to compare, and a version equals itself."""
    version = daily_runs["first"].version
    changes = diff(version, version)
    assert (changes.moves, changes.stability, changes.settings) == ((), (), ())
    assert all(source.read.before == source.read.after for source in changes.sources)
    assert "nothing differs" in shown(changes)


def test_a_damaged_version_before_does_not_stop_the_night(tmp_path: Path):
    """What cannot be read is not compared; the new version is published all the same."""
    base, store = write_sources(tmp_path / "sources"), tmp_path / "store"
    first = quick_build(recipe(size=SIZE), store, base)
    (first.version / "outcomes" / "math.parquet").unlink()
    second = quick_build(recipe(size=SIZE, seed=5), store, base)
    assert (second.status, second.run.baseline, second.run.changes) == ("published", first.digest, None)


def test_a_damaged_file_is_named(daily_runs: dict[str, Built], tmp_path: Path):
    """A flipped bit of the outcomes is one sentence with the file's name."""
    copy = shutil.copytree(daily_runs["first"].version, tmp_path / "copy")
    outcomes = copy / "outcomes" / "chat.parquet"
    flip_bit(outcomes, bit=400)
    with pytest.raises(StoreCorrupt, match=r"chat\.parquet"):
        diff(daily_runs["edited"].version, copy)


def test_facts_of_another_release_are_refused_in_words(daily_runs: dict[str, Built], tmp_path: Path):
    """A report in another layout is no version that can be compared."""
    copy = shutil.copytree(daily_runs["first"].version, tmp_path / "copy")
    (copy / "report.json").write_text('{"version": 1}')
    with pytest.raises(StoreCorrupt, match="of another release"):
        diff(copy, daily_runs["edited"].version)


def test_a_version_is_found_by_the_first_digits_of_its_digest(daily_runs: dict[str, Built]):
    """Below the mixture's folder, or below its versions; the mixture itself means its current version."""
    version = daily_runs["first"].version
    mixture = version.parents[1]
    assert find_version(mixture / version.name[:10]) == version
    assert find_version(mixture / "versions" / version.name[:10]) == version
    assert find_version(version) == version
    assert find_version(mixture) == daily_runs["freed"].version


def test_what_names_no_version_is_refused_in_words(daily_runs: dict[str, Built], tmp_path: Path):
    """No version, several of them, and no mixture are three sentences."""
    mixture = daily_runs["first"].version.parents[1]
    with pytest.raises(NotFound, match="no version of small has a digest that starts with 'xyz'"):
        find_version(mixture / "xyz")
    with pytest.raises(NotFound, match="is not the folder of a mixture"):
        find_version(tmp_path / "nowhere" / "3f")
    (tmp_path / "small" / "versions" / "aa1").mkdir(parents=True)
    (tmp_path / "small" / "versions" / "aa2").mkdir()
    with pytest.raises(NotFound, match="2 versions, among them aa1 and aa2"):
        find_version(tmp_path / "small" / "aa")


def test_command_prints_the_changes_as_json(daily_runs: dict[str, Built]):
    """With --json the whole record, with as many ids as --rows asks for."""
    names = daily_runs["ruled"].version, daily_runs["sampled"].version
    printed = Changes.model_validate_json(called("diff", *names, "--json").output)
    assert printed == diff(*names)
    listed = Changes.model_validate_json(called("diff", *names, "--json", "--rows", 1).output)
    assert {len(move.examples) for move in listed.moves} == {1}
    assert max(len(move.examples) for move in printed.moves) == LISTED


def test_command_exits_as_asked(daily_runs: dict[str, Built]):
    """Differences are no failure, unless --exit-code says that they are."""
    names = daily_runs["ruled"].version, daily_runs["sampled"].version
    assert called("diff", *names).exit_code == 0
    assert called("diff", *names, "--exit-code").exit_code == 1
    assert called("diff", names[0], names[0], "--exit-code").exit_code == 0


def test_table_says_how_much_of_what_moved_and_why(daily_runs: dict[str, Built]):
    """Figures before and after with percent, reasons, moves with causes and ids, settings."""
    changes = diff(daily_runs["first"].version, daily_runs["sampled"].version)
    text = shown(changes, rows=2)
    for line in (
        "kept",
        "added",
        "removed",
        "tokens",
        "too_long",
        "setting changed",
        "sample",
        "recipe: seed",
    ):
        assert line in text
    for move in changes.moves:
        for row in move.examples[:2]:
            assert row in text


def test_table_counts_what_it_leaves_out():
    """Long lists are cut, and say so; percent of nothing is left away."""
    gained = Delta(before=0, after=5)
    source = {"read": gained, "mixture_rows": gained, "examples": gained, "tokens": gained, "reasons": {}}
    move = {"cause": "sample", "before": "not_sampled", "after": "mixture", "rows": 1, "examples": ()}
    changes = Changes.model_validate(
        {
            "before": "a" * 64,
            "after": "b" * 64,
            **dict.fromkeys(("added", "removed", "kept", "changed"), 1),
            "sources": [{"source": "new", **source}],
            "moves": [{"source": f"s{n}", **move} for n in range(50)],
            "stability": [{"source": "new", "measure": "tokens", "psi": 0.25}],
            "settings": ["recipe: title \x1b[31mred[bold] → none"],
        }
    )
    text = shown(changes)
    assert "and 10 moves more" in text
    assert "+5\n" in text.replace(" ", "")
    assert "large" in text
    assert "\x1b" not in text
    assert r"\x1b[31mred[bold] → none" in text
