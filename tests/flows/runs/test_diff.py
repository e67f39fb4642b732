"""Builds of a night after a change, compared with those of the night before: the change is what is named."""

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
def nights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Built]:
    """Nights of a mixture: the first, a row edited upstream, another rule, another seed, a problem gone."""
    base, store = write_sources(tmp_path_factory.mktemp("sources")), tmp_path_factory.mktemp("store")
    built = {"first": quick_build(recipe(size=SIZE), store, base)}
    rows = math_rows()
    rows[7] = math_row(7, answer="another answer")
    write_rows(base / "math" / "0.jsonl", rows[:30])
    built["edited"] = quick_build(recipe(size=SIZE), store, base)
    built["ruled"] = quick_build(recipe(size=SIZE, max_tokens=5000), store, base)
    built["drawn"] = quick_build(recipe(size=SIZE, max_tokens=5000, seed=11), store, base)
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


def test_a_row_edited_upstream_is_named_as_such(nights: dict[str, Built]):
    """The file is named, and all that moved is that row and who shares the places of the draw with it."""
    changes = diff(nights["first"].version, nights["edited"].version)
    assert sum(move.rows for move in changes.moves if move.cause == "upstream") == 1
    assert {move.cause for move in changes.moves} <= {"upstream", "draw"}
    assert changes.added + changes.removed + changes.changed <= 3
    assert "source math: 1 file changed (math/0.jsonl)" in changes.settings


def test_a_rule_that_lets_a_row_in_is_named_as_such(nights: dict[str, Built]):
    """With more tokens allowed, what was too long is not any more, by rule; all the rest is the draw."""
    changes = diff(nights["edited"].version, nights["ruled"].version)
    freed = [move for move in changes.moves if move.before == "too_long"]
    assert [(move.source, move.cause, move.rows) for move in freed] == [("chat", "rule", 1)]
    assert {move.cause for move in changes.moves if move.before != "too_long"} <= {"draw"}
    assert changes.settings == ("recipe: max_tokens 600 → 5000",)


def test_another_seed_is_the_draw_and_nothing_else(nights: dict[str, Built]):
    """Every row that came or went did so by the draw, and the mixture is as large as before."""
    changes = diff(nights["ruled"].version, nights["drawn"].version)
    assert changes.added == changes.removed > 0
    assert {move.cause for move in changes.moves} == {"draw"}
    assert changes.settings == ("recipe: seed 20250428 → 11",)


def test_a_row_whose_winner_went_upstream_is_freed(nights: dict[str, Built]):
    """The chat that asked a problem of the other source is a duplicate no more: that is why it moved."""
    changes = diff(nights["drawn"].version, nights["freed"].version)
    freed = [move for move in changes.moves if move.before == "near_dup"]
    assert [(move.source, move.cause, move.rows) for move in freed] == [("chat", "duplicate", 1)]


def test_figures_are_those_of_the_manifest(nights: dict[str, Built]):
    """Rows, examples and tokens by source are what ledger and shares say."""
    old, new = nights["first"], nights["drawn"]
    for source in diff(old.version, new.version).sources:
        for night, side in ((old, "before"), (new, "after")):
            drawn = [share for share in night.manifest.shares if share.source == source.source]
            ledger = {stage: night.manifest.ledger.of(stage)[source.source] for stage in ("validate", "mix")}
            assert getattr(source.read, side) == ledger["validate"].read.rows
            assert getattr(source.mixture_rows, side) == ledger["mix"].kept.rows
            assert getattr(source.examples, side) == sum(share.examples for share in drawn)
            assert getattr(source.tokens, side) == sum(share.tokens for share in drawn)


def test_the_run_says_what_changed_since_the_version_before(nights: dict[str, Built]):
    """The report of a night holds its difference from the night before; the first has none."""
    assert nights["first"].run.changes is None
    assert nights["drawn"].run.changes == diff(nights["ruled"].version, nights["drawn"].version)


def test_the_same_version_has_no_changes(nights: dict[str, Built]):
    """A night that changed nothing has nothing to compare, and a version equals itself."""
    version = nights["first"].version
    changes = diff(version, version)
    assert (changes.moves, changes.shifts, changes.settings) == ((), (), ())
    assert all(source.read.before == source.read.after for source in changes.sources)
    assert "nothing differs" in shown(changes)


def test_a_damaged_version_before_does_not_stop_the_night(tmp_path: Path):
    """What cannot be read is not compared; the new version is published all the same."""
    base, store = write_sources(tmp_path / "sources"), tmp_path / "store"
    first = quick_build(recipe(size=SIZE), store, base)
    (first.version / "fates" / "math.parquet").unlink()
    second = quick_build(recipe(size=SIZE, seed=5), store, base)
    assert (second.status, second.run.baseline, second.run.changes) == ("published", first.digest, None)


def test_a_damaged_file_is_named(nights: dict[str, Built], tmp_path: Path):
    """A flipped bit of the fates is one sentence with the file's name."""
    copy = shutil.copytree(nights["first"].version, tmp_path / "copy")
    fates = copy / "fates" / "chat.parquet"
    flip_bit(fates, bit=400)
    with pytest.raises(StoreCorrupt, match=r"chat\.parquet"):
        diff(nights["edited"].version, copy)


def test_facts_of_another_release_are_refused_in_words(nights: dict[str, Built], tmp_path: Path):
    """A version with a report in another layout cannot be compared."""
    copy = shutil.copytree(nights["first"].version, tmp_path / "copy")
    (copy / "report.json").write_text('{"version": 1}')
    with pytest.raises(StoreCorrupt, match="of another release"):
        diff(copy, nights["edited"].version)


def test_a_version_is_found_by_the_first_digits_of_its_digest(nights: dict[str, Built]):
    """Below the mixture's folder, or below its versions; the mixture itself means its current version."""
    version = nights["first"].version
    mixture = version.parents[1]
    assert find_version(mixture / version.name[:10]) == version
    assert find_version(mixture / "versions" / version.name[:10]) == version
    assert find_version(version) == version
    assert find_version(mixture) == nights["freed"].version


def test_what_names_no_version_is_refused_in_words(nights: dict[str, Built], tmp_path: Path):
    """No version, several of them, and no mixture are three sentences."""
    mixture = nights["first"].version.parents[1]
    with pytest.raises(NotFound, match="no version of small has a digest that starts with 'xyz'"):
        find_version(mixture / "xyz")
    with pytest.raises(NotFound, match="is not the folder of a mixture"):
        find_version(tmp_path / "nowhere" / "3f")
    (tmp_path / "small" / "versions" / "aa1").mkdir(parents=True)
    (tmp_path / "small" / "versions" / "aa2").mkdir()
    with pytest.raises(NotFound, match="2 versions, among them aa1 and aa2"):
        find_version(tmp_path / "small" / "aa")


def test_command_prints_the_changes_as_json(nights: dict[str, Built]):
    """With --json the whole record, with as many ids as --rows asks for."""
    names = nights["ruled"].version, nights["drawn"].version
    printed = Changes.model_validate_json(called("diff", *names, "--json").output)
    assert printed == diff(*names)
    listed = Changes.model_validate_json(called("diff", *names, "--json", "--rows", 1).output)
    assert {len(move.examples) for move in listed.moves} == {1}
    assert max(len(move.examples) for move in printed.moves) == LISTED


def test_command_exits_as_asked(nights: dict[str, Built]):
    """Differences are no failure, unless --exit-code says that they are."""
    names = nights["ruled"].version, nights["drawn"].version
    assert called("diff", *names).exit_code == 0
    assert called("diff", *names, "--exit-code").exit_code == 1
    assert called("diff", names[0], names[0], "--exit-code").exit_code == 0


def test_table_says_how_much_of_what_moved_and_why(nights: dict[str, Built]):
    """Figures before and after with percent, reasons, moves with causes and ids, settings."""
    changes = diff(nights["first"].version, nights["drawn"].version)
    text = shown(changes, rows=2)
    for line in ("kept", "added", "removed", "tokens", "too_long", "setting changed", "draw", "recipe: seed"):
        assert line in text
    for move in changes.moves:
        for row in move.examples[:2]:
            assert row in text


def test_table_counts_what_it_leaves_out():
    """Long lists are cut, and say so; percent of nothing is left away."""
    gained = Delta(before=0, after=5)
    source = {"read": gained, "mixture_rows": gained, "examples": gained, "tokens": gained, "reasons": {}}
    move = {"cause": "draw", "before": "not_sampled", "after": "mixture", "rows": 1, "examples": ()}
    changes = Changes.model_validate(
        {
            "before": "a" * 64,
            "after": "b" * 64,
            **dict.fromkeys(("added", "removed", "kept", "changed"), 1),
            "sources": [{"source": "new", **source}],
            "moves": [{"source": f"s{n}", **move} for n in range(50)],
            "shifts": [{"source": "new", "measure": "tokens", "psi": 0.25}],
            "settings": ["recipe: title \x1b[31mred[bold] → none"],
        }
    )
    text = shown(changes)
    assert "and 10 moves more" in text
    assert "+5\n" in text.replace(" ", "")
    assert "large" in text
    assert "\x1b" not in text
    assert r"\x1b[31mred[bold] → none" in text
