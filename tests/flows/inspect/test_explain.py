"""Why a row is where it is: every reason, the row that won, and the text that both share."""

import shutil
from io import StringIO
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from tests.harness.builders import REASONS, chat_row, quick_build, recipe, text, write_rows
from thinkmix.flows.cli.show.show_rows import show_explanation
from thinkmix.flows.inspect.explain import explain, explain_text
from thinkmix.flows.inspect.rows import sentence
from thinkmix.schemas.errors import NotFound
from thinkmix.schemas.reasons import Reason

WITH_WINNER = {"exact_dup", "near_dup", "solution_cap"}


@pytest.fixture(scope="module")
def outcomes(version: Path) -> pl.DataFrame:
    """The outcomes of all rows of the small version."""
    return pl.concat([pl.read_parquet(path) for path in sorted((version / "outcomes").iterdir())])


def shown(version: Path, row_id: str) -> str:
    """Return what a person reads about a row."""
    out = StringIO()
    show_explanation(explain(version, row_id), Console(file=out, width=400))
    return out.getvalue()


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_dropped_row_says_why(reason: str, version: Path, outcomes: pl.DataFrame):
    """For every reason: the stage, the reason in words, and what the row says."""
    row = outcomes.filter(reason=reason).row(0, named=True)
    found = explain(version, row["id"])
    assert reason in {outcome.reason for outcome in found.rows}
    outcome = next(outcome for outcome in found.rows if outcome.reason == reason)
    assert (outcome.source, outcome.file, outcome.row, outcome.sampled) == (
        row["source"],
        row["file"],
        row["row"],
        0,
    )
    assert f"as {reason}: {Reason(reason).sentence}" in sentence(outcome)
    assert found.text
    assert (outcome.winner is not None) == (reason in WITH_WINNER)
    assert f"as {reason}: " in shown(version, row["id"])


def test_kept_row_says_so(version: Path, outcomes: pl.DataFrame):
    """A row of the mixture says with how many of its examples, and shows its text."""
    alone = outcomes.filter(pl.col("id").is_unique() & pl.col("reason").is_null())
    row = alone.filter(source="math").row(0, named=True)
    found = explain(version, row["id"])
    assert sentence(found.rows[0]) == "in the mixture, with 1 of its 1 examples"
    assert (found.comparison, found.rows[0].winner) == (None, None)
    assert found.text
    assert found.text.startswith("user: Find ")


@pytest.mark.parametrize("reason", ["near_dup", "solution_cap"])
def test_duplicate_shows_what_it_shares_with_the_winner(reason: str, version: Path, outcomes: pl.DataFrame):
    """A near-duplicate comes with the texts that were compared, their Jaccard and what they share."""
    row = outcomes.filter(reason=reason).sort("similarity").row(0, named=True)
    found = explain(version, row["id"])
    assert found.comparison is not None
    assert found.comparison.jaccard == pytest.approx(row["similarity"], abs=1e-6)
    assert found.comparison.jaccard >= recipe().dedup.threshold
    assert found.comparison.shared
    for passage in found.comparison.shared:
        assert passage in found.comparison.text
    assert row["winner"] in {mate.id for mate in found.mates}
    assert f"beside the row that stays {row['winner'][:12]}" in shown(version, row["id"])


def test_problem_asked_by_a_chat_stays_with_its_reasoning(version: Path, outcomes: pl.DataFrame):
    """Across sources the row of the higher priority wins, and explain names it."""
    row = (
        outcomes.filter(source="chat", reason="near_dup").filter(pl.col("similarity") == 1).row(0, named=True)
    )
    winner = explain(version, row["winner"])
    assert winner.rows[0].source == "math"
    assert text(5) in (winner.text or "")


def test_exact_duplicates_are_told_together(version: Path, outcomes: pl.DataFrame):
    """Rows with one id are one answer: the one that stayed and the one that did not."""
    row = outcomes.filter(reason="exact_dup").row(0, named=True)
    found = explain(version, row["id"])
    assert len(found.rows) == 2
    assert {outcome.reason for outcome in found.rows} >= {"exact_dup"}
    assert row["winner"] == row["id"]


def test_id_of_an_example_or_its_first_digits_will_do(version: Path):
    """An id out of the published rows, with its turn, and a unique start of one mean the row."""
    example = pl.read_parquet(next(version.glob("train-*.parquet"))).row(0, named=True)
    whole = explain(version, example["conversation_id"])
    assert explain(version, example["id"]) == whole
    assert explain(version, f"{example['id']}#2") == whole
    assert explain(version, example["conversation_id"][:12]) == whole


@pytest.mark.parametrize("row_id", ["zz", "0" * 32, "[red]", "' OR 1=1"])
def test_unknown_id_is_said_to_be_unknown(row_id: str, version: Path):
    """An id that no row has is answered with a sentence that names it."""
    with pytest.raises(NotFound, match=r"no row of .* has an id that starts with") as raised:
        explain(version, row_id)
    assert repr(row_id) in str(raised.value)


def test_ambiguous_id_is_answered_with_two_of_the_rows(version: Path, outcomes: pl.DataFrame):
    """A start that several ids share is refused with their number and two of them."""
    first = outcomes["id"].str.head(1).value_counts(sort=True)[outcomes.columns[0]][0]
    ids = sorted(set(outcomes.filter(pl.col("id").str.starts_with(first))["id"]))
    assert len(ids) > 1
    with pytest.raises(
        NotFound,
        match=f"{len(ids)} rows of .* that starts with {first!r}, among them {ids[0]} and {ids[1]}",
    ):
        explain(version, first)
    with pytest.raises(NotFound, match=r"rows of .*, among them"):
        explain(version, "")


def test_version_explains_itself_without_its_store(version: Path, outcomes: pl.DataFrame, tmp_path: Path):
    """A version that was copied elsewhere, even into an odd folder, still says why rows were left out."""
    copy = shutil.copytree(version, tmp_path / "odd [name] *" / version.name)
    for reason in REASONS:
        row = outcomes.filter(reason=reason).row(0, named=True)
        assert reason in {outcome.reason for outcome in explain(copy, row["id"]).rows}
    kept = outcomes.filter(pl.col("reason").is_null()).row(0, named=True)
    assert explain(copy, kept["id"]).text


def test_row_that_is_drawn_several_times_says_so(sources: Path, tmp_path: Path):
    """Repeats are copies of the same example: one row, sampled, and its copies can be asked for by id."""
    settings = {"size": 300, "when_short": "repeat", "eval_share": 0}
    version = quick_build(recipe(**settings), tmp_path, sources).version
    rows = pl.concat([pl.read_parquet(path) for path in version.glob("train-*.parquet")])
    copies = rows.filter(pl.col("id").str.ends_with("#2"))
    assert copies.height > 0
    assert explain(version, copies["id"][0]).rows[0].reason is None


def test_row_that_was_not_drawn_is_read_from_its_file_while_it_is_the_same(sources: Path, tmp_path: Path):
    """A version lists good rows it did not take; their text is shown only if the file still holds them."""
    base = shutil.copytree(sources, tmp_path / "base")
    version = quick_build(recipe(size=20), tmp_path / "store", base).version
    outcomes = pl.concat([pl.read_parquet(path) for path in sorted((version / "outcomes").iterdir())])
    alone = outcomes.filter(pl.col("id").is_unique())
    row = alone.filter(reason="not_sampled", source="chat").row(0, named=True)
    assert (explain(version, row["id"]).text or "").startswith("user: ")
    path = base / row["file"]
    lines = path.read_text(encoding="utf-8").splitlines()
    for changed in (lines[::-1], []):
        path.write_text("\n".join(changed), encoding="utf-8")
        assert explain(version, row["id"]).text is None
    path.unlink()
    assert explain(version, row["id"]).text is None


def test_row_is_shown_whole_of_which_only_an_early_turn_was_drawn(sources: Path, tmp_path: Path):
    """An example ends with the turn that it teaches; what was compared is the whole conversation."""
    base = shutil.copytree(sources, tmp_path / "base")
    turns = [chat_row(text(("first", n)), "Yes.")["conversations"] for n in range(30)]
    rows = [{"conversations": [*pair, *chat_row(text(("then", n)), "No.")["conversations"]]}
            for n, pair in enumerate(turns)]  # fmt: skip
    write_rows(base / "chat" / "0.jsonl", rows)
    version = quick_build(recipe(size=40), tmp_path / "store", base).version
    examples = pl.concat([pl.read_parquet(path) for path in version.glob("*.parquet")])
    last = examples.group_by("conversation_id").agg(pl.col("turn").max()).filter(turn=1)
    outcomes = pl.concat([pl.read_parquet(path) for path in sorted((version / "outcomes").iterdir())])
    early = outcomes.filter(pl.col("id").is_in(last["conversation_id"].implode()) & (pl.col("examples") == 2))
    assert early.height > 0
    for row in early["id"]:
        assert (explain(version, row).text or "").endswith("assistant: No.")


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_every_stage_has_a_verdict(reason: str, version: Path, outcomes: pl.DataFrame):
    """Stages pass a row up to the one that drops it, and none after it sees the row."""
    row = outcomes.filter(reason=reason).row(0, named=True)
    told = next(outcome for outcome in explain(version, row["id"]).rows if outcome.reason == reason)
    verdicts = [stage.verdict for stage in told.stages]
    place = [stage.stage for stage in told.stages].index(row["stage"])
    assert verdicts == ["passed"] * place + ["dropped"] + ["not reached"] * (3 - place)
    says = told.stages[place].says
    assert says.startswith(f"{reason}: {Reason(reason).sentence}")
    for evidence in (row["detail"], row["winner"] if reason in WITH_WINNER - {"exact_dup"} else None):
        assert evidence is None or evidence in says


def test_kept_row_says_its_tokens_and_where_it_went(version: Path, outcomes: pl.DataFrame):
    """All four stages pass it: with its turns, its tokens as published, its split."""
    row = outcomes.filter(pl.col("reason").is_null() & pl.col("id").is_unique()).row(0, named=True)
    example = pl.scan_parquet(version / "train-*.parquet").filter(conversation_id=row["id"]).collect()
    stages = {stage.stage: stage for stage in explain(version, row["id"]).rows[0].stages}
    assert {stage.verdict for stage in stages.values()} == {"passed"}
    assert "2 turns" in stages["validate"].says
    if example.height:
        tokens = example.select("prompt_tokens", "completion_tokens").row(0)
        assert f"turn 1: {tokens[0]:,} + {tokens[1]:,} tokens" in stages["render"].says
        assert "turn 1 in train" in stages["mix"].says


def test_row_that_was_not_drawn_says_how_far_the_shares_went(version: Path, outcomes: pl.DataFrame):
    """Its examples are counted now, and the source's share is told."""
    row = outcomes.filter(reason="not_sampled", source="chat").row(0, named=True)
    stages = {stage.stage: stage.says for stage in explain(version, row["id"]).rows[0].stages}
    assert "1 example, counted now; turn 1: " in stages["render"]
    assert "examples of chat" in stages["mix"]


def test_row_is_found_by_its_whole_question(version: Path, outcomes: pl.DataFrame):
    """The question names the row; the others that ask the same are listed."""
    found = explain_text(version, f"Find {text(1)}.")
    assert "the whole text that rows are compared by" in found.found
    ids = {found.rows[0].id, *(other.id for other in found.others)}
    capped = outcomes.filter(reason="solution_cap")["id"]
    assert set(capped) & ids
    assert all(explain(version, row).text.startswith(f"user: Find {text(1)}.") for row in ids)


def test_dropped_row_is_found_by_a_piece_that_json_writes_otherwise(version: Path):
    """Line breaks and quotes of a row are escaped in its raw text, and found all the same."""
    found = explain_text(version, "<think>\nhm")
    assert found.found == "dropped rows hold it"
    assert found.rows[0].reason == "think_unclosed"
    assert explain_text(version, '{"conversations": [').rows[0].reason == "bad_json"


def test_row_is_found_by_a_piece_of_its_answer(version: Path, outcomes: pl.DataFrame):
    """What only the completion says finds a row of the mixture."""
    sampled = outcomes.filter(pl.col("reason").is_null(), source="math").row(0, named=True)
    answer = (explain(version, sampled["id"]).text or "").rpartition("assistant: ")[2]
    found = explain_text(version, answer)
    assert "rows of the mixture hold it" in found.found
    assert sampled["id"] in {found.rows[0].id, *(other.id for other in found.others)}


def test_text_that_no_row_has_finds_the_nearest(version: Path):
    """The nearest compared text is offered, with its similarity and the words that differ."""
    found = explain_text(version, f"Please find {text(9)}!")
    assert found.found.startswith("no row holds it; the nearest compared text has Jaccard 0.")
    asked = found.beside[0]
    assert (asked.id, asked.relation) == (None, "asked")
    assert asked.text == f"Find {text(9)}."
    assert next(asked.other[start:end] for start, end in asked.other_only) == "Please"


def test_version_without_its_cache_still_finds_questions(version: Path, tmp_path: Path):
    """Rows of the mixture and dropped rows are searched, and the nearest questions of the mixture."""
    copy = shutil.copytree(version, tmp_path / "a" / "versions" / version.name)
    question = pl.scan_parquet(copy / "train-*.parquet").select("messages").head(1).collect()
    asked = question["messages"][0][0]["content"]
    assert asked in (explain_text(copy, asked).text or "")
    assert "no row holds it" in explain_text(copy, f"{asked} please").found


@pytest.mark.parametrize("words", ["", "  \n", "nothing of this kind is written anywhere at all"])
def test_text_that_is_nowhere_is_said_to_be(words: str, version: Path):
    """An empty text and one that is like no row are answered with a sentence."""
    with pytest.raises(NotFound, match=r"no text to look for|holds this text, and none is compared"):
        explain_text(version, words)


def test_cluster_mates_stand_side_by_side(version: Path, outcomes: pl.DataFrame):
    """Each other text of the cluster is compared word by word, the winner first."""
    row = (
        outcomes.filter(source="chat", reason="near_dup").filter(pl.col("similarity") < 1).row(0, named=True)
    )
    found = explain(version, row["id"])
    beside = found.beside[0]
    assert (beside.id, beside.relation) == (row["winner"], "winner")
    assert [beside.text[start:end] for start, end in beside.text_only] == ["now"]
    assert beside.jaccard == pytest.approx(row["similarity"], abs=1e-6)
    out = StringIO()
    show_explanation(found, Console(file=out, width=100))
    assert "[-now-]" in out.getvalue()
