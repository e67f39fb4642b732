"""Rows that repeat an evaluation are found by its words, exactly."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from thinkmix.curation.decontaminate import contamination
from thinkmix.curation.decontaminate.contamination import (
    Benchmarks,
    Questions,
    find_overlap,
    write_questions,
)
from thinkmix.curation.files.index import open_index, write_index
from thinkmix.curation.tables import OVERLAP

LONG = "Tom has nine red apples and gives two of them to each of his three best friends today"
SHORT = "What is two plus two?"


def found(tmp_path: Path, texts: list[str | None], *, ngram: int = 13) -> list[tuple[int, str]]:
    """Check texts against two benchmarks; return what was found."""
    asked = [
        Questions("alpha", pl.Series([SHORT, None, LONG])),
        Questions("beta", pl.Series(["A man walks for ten hours " * 2])),
    ]
    benchmarks = write_questions(asked, tmp_path / "index", ngram=ngram)
    pl.DataFrame({"text": texts}, schema={"text": pl.String}).write_parquet(tmp_path / "keys")
    frame = find_overlap(tmp_path / "keys", tmp_path / "index", benchmarks, ngram=ngram)
    assert frame.schema == OVERLAP
    return frame.rows()


def test_a_run_of_words_of_a_question_is_found_in_other_words_around_it(tmp_path: Path) -> None:
    """Case and punctuation do not matter; the question is named."""
    quoted = f"Solve this: {LONG.upper()}!! Thanks."
    assert found(tmp_path, ["Hello there", quoted, None, ""]) == [
        (1, "alpha, question 2: 5 runs of 13 words")
    ]


def test_fewer_words_in_common_are_no_overlap(tmp_path: Path) -> None:
    """Twelve words of a question are not thirteen."""
    words = LONG.split()
    assert found(tmp_path, [" ".join(words[:12]), " ".join([*words[:12], "pears"])]) == []
    assert [place for place, _ in found(tmp_path, [" ".join(words[:13])])] == [0]


def test_a_short_question_counts_only_as_a_whole(tmp_path: Path) -> None:
    """Its words inside a longer text are what anybody says."""
    assert found(tmp_path, [f"{SHORT} And why?", "what is two plus two"]) == [
        (1, "alpha, question 0: 1 runs of 13 words")
    ]


def test_rows_of_all_batches_have_their_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the whole shard, however many of its rows are read at once."""
    monkeypatch.setattr(contamination, "_BATCH_ROWS", 2)
    assert [place for place, _ in found(tmp_path, ["a", SHORT, "b", "c", LONG, SHORT, "d"])] == [1, 4, 5]


def test_questions_without_words_are_in_no_row(tmp_path: Path) -> None:
    """An index of nothing finds nothing."""
    benchmarks = write_questions([Questions("empty", pl.Series([None, ""]))], tmp_path / "index", ngram=13)
    pl.DataFrame({"text": [LONG, ""]}).write_parquet(tmp_path / "keys")
    assert find_overlap(tmp_path / "keys", tmp_path / "index", benchmarks, ngram=13).rows() == []


def test_words_of_no_question_are_looked_up_everywhere(tmp_path: Path) -> None:
    """Behind the last run of the index, too: a long text of other words does not overlap."""
    assert found(tmp_path, [" ".join(f"w{number}" for number in range(500))]) == []


def test_questions_are_numbered_within_their_benchmark() -> None:
    """From 0, in the order of its files."""
    benchmarks = Benchmarks(names=("a", "b"), questions=(3, 2))
    assert [benchmarks.question(n) for n in (0, 2, 3, 4)] == [
        "a, question 0", "a, question 2", "b, question 0", "b, question 1",
    ]  # fmt: skip
    with pytest.raises(IndexError):
        benchmarks.question(5)


def test_an_index_of_other_runs_is_refused(tmp_path: Path) -> None:
    """Runs of 13 words are not looked up among runs of 8, nor among hashes of anything else."""
    found(tmp_path, ["x"])
    with pytest.raises(ValueError, match="another ngram"):
        find_overlap(tmp_path / "keys", tmp_path / "index", Benchmarks(names=(), questions=()), ngram=8)
    assert open_index(tmp_path / "index", {"index": "evaluation questions", "ngram": 13}).shape[0] == 2
    write_index(tmp_path / "index", np.zeros((2, 1), np.uint64), {"index": "texts", "ngram": 13})
    with pytest.raises(ValueError, match="another index"):
        find_overlap(tmp_path / "keys", tmp_path / "index", Benchmarks(names=(), questions=()), ngram=13)
