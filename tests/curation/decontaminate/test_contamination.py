"""Rows that repeat an evaluation are found in every turn: whole questions, short ones, and near ones."""

from itertools import product
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from thinkmix.curation.decontaminate import contamination, scan
from thinkmix.curation.decontaminate.contamination import (
    Benchmarks,
    Questions,
    find_overlap,
    read_questions,
    write_questions,
)
from thinkmix.curation.files.index import write_index
from thinkmix.curation.tables import OVERLAP, TURN_END

LONG = (
    "Tom has nine red apples and gives two of them to each of his three best friends before lunch. "
    "How many apples does he keep for himself today?"
)
SHORT = "How many cats sleep in that barn?"
SHORTEST = "Name seven rivers"
CHINESE = "小明有九个红苹果，他给三个好朋友每人两个，请问他还剩几个苹果？"
OTHER = (
    "Please think about the weather of next week and tell me in detail what I should wear on my long trip. "
)


def asked_in(
    folder: Path, benchmarks: list[Questions], allowed: tuple[str, ...] = ()
) -> tuple[Benchmarks, scan.Asked]:
    """Write questions and read them back."""
    known = write_questions(benchmarks, folder, allowed=allowed)
    return known, read_questions(folder / "words.index", folder / "anchors.index", known)


def found(
    tmp_path: Path, texts: list[str | None], *, allowed: tuple[str, ...] = (), score: float = 0.5
) -> list[tuple[int, str, str]]:
    """Scan rows for the questions of two benchmarks; return place, action and question of the hits."""
    benchmarks = [
        Questions("alpha", pl.Series([SHORT, None, LONG, SHORTEST])),
        Questions("beta", pl.Series([CHINESE, "A man walks for ten hours " * 2])),
    ]
    known, asked = asked_in(tmp_path, benchmarks, allowed)
    pl.DataFrame({"said": texts}, schema={"said": pl.String}).write_parquet(tmp_path / "said")
    frame = find_overlap(tmp_path / "said", asked, known, score=score)
    assert frame.schema == OVERLAP
    return frame.select("place", "action", "question").rows()


@pytest.mark.parametrize(
    "text",
    [
        LONG,
        f"{OTHER}{LONG} {OTHER}",
        LONG.upper().replace(" ", "\n"),
        TURN_END.join([OTHER, "Sure.", f"Now: {LONG}"]),
        TURN_END.join([f"You answer like this: {LONG}", OTHER]),
    ],
)
def test_a_long_question_is_found_whole_in_any_turn(text: str, tmp_path: Path) -> None:
    """Whatever stands around it, and in whichever case."""
    assert found(tmp_path, [OTHER, text]) == [(1, "drop", "alpha/2")]


def test_a_short_question_that_is_the_turn_is_dropped_and_one_among_words_is_flagged(tmp_path: Path) -> None:
    """Among other words a short question may be another one's last sentence."""
    assert found(tmp_path, [SHORT, f"{OTHER}{SHORT}", TURN_END.join(["Hello", SHORT, "Two."])]) == [
        (0, "drop", "alpha/0"),
        (1, "flag", "alpha/0"),
        (2, "drop", "alpha/0"),
    ]


def test_a_question_of_three_words_counts_only_as_a_whole_turn(tmp_path: Path) -> None:
    """Its words inside a longer text are what anybody says."""
    assert found(tmp_path, [f"Please: {SHORTEST}, and why?", f"{SHORTEST}."]) == [(1, "drop", "alpha/3")]


def test_a_question_does_not_go_on_from_one_turn_to_the_next(tmp_path: Path) -> None:
    """The two halves are two people's words."""
    words = LONG.split()
    halves = TURN_END.join([" ".join(words[:14]), " ".join(words[14:])])
    assert [action for _, action, _ in found(tmp_path, [halves])] != ["drop"]


def test_a_question_with_words_left_out_or_changed_is_flagged(tmp_path: Path) -> None:
    """Every tenth word gone, a sentence gone, another name and number."""
    words = LONG.split()
    texts = [
        " ".join(word for place, word in enumerate(words) if place % 10 != 9),
        LONG.split(". ", maxsplit=1)[0],
        LONG.replace("Tom", "Ann").replace("nine", "eight"),
        OTHER + LONG.replace(" before lunch", "") + OTHER,
    ]
    assert [(place, action) for place, action, _ in found(tmp_path, texts)] == [
        (place, "flag") for place in range(4)
    ]


def test_thirteen_words_in_a_row_are_flagged_however_long_the_question_is(tmp_path: Path) -> None:
    """They are a small part of a long question; twelve are what a phrase may share."""
    words = ["".join(letters) for letters in product("abcdef", repeat=3)][:200]
    known, asked = asked_in(tmp_path, [Questions("alpha", pl.Series([" ".join(words)]))])
    texts = [f"{OTHER}{' '.join(words[90 : 90 + count])} {OTHER}" for count in (12, 13)]
    pl.DataFrame({"said": texts}).write_parquet(tmp_path / "said")
    ((place, action, _, score, detail),) = find_overlap(tmp_path / "said", asked, known, score=0.5).rows()
    assert (place, action) == (1, "flag")
    assert score < 0.1
    assert detail.startswith("alpha/0: 13 words or more in a row of the question, in turn 1: ")


def test_the_score_says_how_much_of_a_question_is_there(tmp_path: Path) -> None:
    """A limit of 0.95 leaves rows alone that one of 0.5 flags; a whole question has 1."""
    half = " ".join(word for place, word in enumerate(LONG.split()) if place % 10 != 9)
    assert found(tmp_path, [half], score=0.95) == []
    known, asked = asked_in(tmp_path, [Questions("alpha", pl.Series([LONG]))])
    pl.DataFrame({"said": [half, LONG]}).write_parquet(tmp_path / "said")
    part, whole = find_overlap(tmp_path / "said", asked, known, score=0.5)["score"]
    assert 0.5 < part < 0.95
    assert whole == 1


def test_chinese_is_compared_by_characters(tmp_path: Path) -> None:
    """Spaces and full-width marks do not matter; a left-out character is near."""
    spaced = " ".join(CHINESE)
    assert found(tmp_path, [spaced, CHINESE.replace("红", "")]) == [
        (0, "drop", "beta/0"),
        (1, "flag", "beta/0"),
    ]


def test_the_detail_names_question_turn_and_words(tmp_path: Path) -> None:
    """So that a reader sees what was found without opening the row."""
    known, asked = asked_in(tmp_path, [Questions("alpha", pl.Series([LONG]))])
    said = TURN_END.join(["Hello", f"Solve — {LONG}"])
    pl.DataFrame({"said": [said]}).write_parquet(tmp_path / "said")
    (detail,) = find_overlap(tmp_path / "said", asked, known, score=0.5)["detail"]
    assert detail.startswith("alpha/0: the whole question, in turn 2: 'Tom has nine red apples")
    assert len(detail) < 160


def test_an_allowed_question_may_be_repeated_and_others_may_not(tmp_path: Path) -> None:
    """A hit that somebody read and found false does not hide what else the row repeats."""
    assert found(tmp_path, [LONG, f"{LONG}{TURN_END}{SHORT}"], allowed=("alpha/2",)) == [
        (1, "drop", "alpha/0")
    ]


def test_rows_of_all_batches_have_their_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the whole shard, however many of its rows are read at once; nothing is carried from row to row."""
    monkeypatch.setattr(contamination, "_BATCH_ROWS", 2)
    words = LONG.split()
    rows = ["a", SHORT, " ".join(words[:7]), " ".join(words[7:14]), LONG, SHORT, None]
    assert [place for place, *_ in found(tmp_path, rows)] == [1, 4, 5]


def test_questions_without_words_are_in_no_row(tmp_path: Path) -> None:
    """An index of nothing finds nothing."""
    known, asked = asked_in(tmp_path, [Questions("empty", pl.Series([None, "", "$$"]))])
    pl.DataFrame({"said": [LONG, "", "$$"]}).write_parquet(tmp_path / "said")
    assert find_overlap(tmp_path / "said", asked, known, score=0.5).rows() == []


def test_common_words_of_many_questions_point_to_none_of_them(tmp_path: Path) -> None:
    """A phrase that more questions share than an anchor may have is not evidence for one of them."""
    phrase = "what is the value of the expression below"
    questions = [f"{phrase} number{n} plus item{n} times thing{n} minus part{n}" for n in range(40)]
    known, asked = asked_in(tmp_path, [Questions("many", pl.Series(questions))])
    pl.DataFrame({"said": [f"{phrase} x plus y", questions[7]]}).write_parquet(tmp_path / "said")
    hits = find_overlap(tmp_path / "said", asked, known, score=0.5)
    assert hits.select("place", "question").rows() == [(1, "many/7")]


def test_questions_are_numbered_within_their_benchmark() -> None:
    """From 0, in the order of its files."""
    benchmarks = Benchmarks(names=("a", "b"), questions=(3, 2))
    assert [benchmarks.question(n) for n in (0, 2, 3, 4)] == ["a/0", "a/2", "b/0", "b/1"]
    with pytest.raises(IndexError):
        benchmarks.question(5)


def test_an_index_of_something_else_is_refused(tmp_path: Path) -> None:
    """Numbers of another kind would find anything."""
    known, _ = asked_in(tmp_path, [Questions("alpha", pl.Series([LONG]))])
    write_index(tmp_path / "words.index", np.zeros((3, 1), np.uint64), {"index": "texts"})
    with pytest.raises(ValueError, match="another"):
        read_questions(tmp_path / "words.index", tmp_path / "anchors.index", known)
