"""The rule `copied_trace`: how much of an answer stands in its trace."""

import pytest

from tests.harness.judged import asked, judged
from thinkmix.curation.rules.copied_trace import CopiedTrace


def words(first: int, last: int) -> str:
    return " ".join(f"w{number}" for number in range(first, last))


def test_the_share_of_copied_words_is_measured():
    """Words in runs of ten that stand in the trace; the limit itself is not above it."""
    row = asked("What?", f"{words(0, 30)} {words(200, 210)}", f"{words(90, 120)} {words(0, 60)}")
    assert [one.value for one in judged(CopiedTrace(above=0.7), row)] == [0.75]
    assert judged(CopiedTrace(above=0.75), row) == []


def test_runs_of_nine_words_are_no_copy():
    """An answer names the same things in its own words."""
    answer = " ".join(f"{words(9 * n, 9 * n + 9)} x{n}" for n in range(9))
    assert judged(CopiedTrace(above=0), asked("What?", answer, words(0, 90))) == []


def test_short_answers_are_not_judged():
    """`min_words` is the least number of words."""
    row = asked("What?", words(0, 30), words(0, 90))
    assert len(judged(CopiedTrace(min_words=30), row)) == 1
    assert judged(CopiedTrace(min_words=31), row) == []


def test_the_evidence_is_the_longest_copied_stretch_of_the_answer():
    """In characters; an answer without a trace copies none."""
    answer = f"é {words(0, 12)} new {words(20, 60)} end"
    rows = [asked("?", words(0, 60)), asked("?", answer, f"{words(0, 12)} other {words(20, 60)}")]
    (found,) = judged(CopiedTrace(above=0.5), *rows)
    assert (found.row, found.value) == (1, pytest.approx(52 / 55))
    assert answer[found.evidence.start : found.evidence.end] == words(20, 60)
    assert found.evidence.part == "content"
