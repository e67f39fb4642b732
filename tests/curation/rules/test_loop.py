"""The rule `loop`: which texts end in a stretch that they say again and again, and how often."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.harness.judged import asked, judged
from thinkmix.curation.rules.loop import Loop
from thinkmix.schemas.conversation import Conversation

STEP = "so the answer is 4, "


def judge(*rows: Conversation, **settings):
    return judged(Loop(**settings), *rows)


def test_a_text_that_ends_in_a_loop_is_found_with_its_length_in_periods():
    """Its last time may be cut."""
    (found,) = judge(asked("What?", "First I add. " + STEP * 5 + "so the"), times=5.4, min_words=1)
    assert found.value == pytest.approx(27 / 5)
    assert judge(asked("What?", "First I add. " + STEP * 5 + "so the"), times=5.5, min_words=1) == []


def test_a_loop_with_other_text_after_it_is_none():
    """A solution repeats a step and goes on; two words may be what a limit cut."""
    begin = "First I add. " + STEP * 5
    assert len(judge(asked("What?", begin + "which we"))) == 1
    assert judge(asked("What?", begin + "which we know")) == []


def test_what_is_said_again_between_other_text_is_no_loop():
    """As in a trace that states its result after every check."""
    trace = "".join(f"Check {number} holds, {STEP}" for number in range(20))
    assert judge(asked("What?", "4", trace)) == []


def test_short_loops_are_not_found():
    """`min_words` counts all times together."""
    row = asked("What?", "Sing: " + "la " * 15)
    assert judge(row, min_words=16) == []
    assert [one.value for one in judge(row, min_words=15)] == [15]


def test_the_evidence_is_the_whole_loop():
    """In characters, of the text of the row with the longest loop."""
    row = asked("What?", "é " + "no, " * 20, "né: " + "ja, " * 30)
    (found,) = judge(asked("?", "Yes."), row)
    assert (found.row, found.value) == (1, 30)
    assert found.evidence[1:] == (1, "reasoning", 4, 4 + 30 * 4 - 1)


def test_chinese_loops_by_characters_and_the_user_may_loop():
    """There are no spaces between Chinese words; what is asked is not learned."""
    (found,) = judge(asked("问" * 40, "答案是四，" + "所以答案是四，" * 6))
    assert found.value == pytest.approx(45 / 7, abs=0.3)
    assert judge(asked("no " * 40, "Yes.")) == []


def longest_loop(words: list[str], times: float) -> float:
    """Return the periods of the longest loop at the end, tried period by period."""
    best = (0, 0.0)
    for cut in range(min(2, len(words)) + 1):
        left = words[: len(words) - cut]
        for period in range(1, len(left)):
            covered = period
            while covered < len(left) and left[-1 - covered] == left[-1 - covered + period]:
                covered += 1
            if covered >= times * period and covered > best[0]:
                best = covered, covered / period
    return best[1]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=30), st.sampled_from([2, 2.5, 3]))
def test_the_loop_is_the_one_that_a_search_finds(words: list[str], times: float) -> None:
    """Of all periods, with up to two words after it."""
    found = judge(asked("What?", " ".join(words)), times=times, min_words=1)
    want = longest_loop(words, times)
    assert [one.value for one in found] == ([pytest.approx(want)] if want else [])
