"""The rule `repetition`: which texts repeat themselves, how much, and where."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.harness.judged import asked, conversation, judged
from thinkmix.curation.rules.repetition import Repetition
from thinkmix.schemas.conversation import Conversation

LOOP = "one two three four five six seven eight nine ten eleven twelve "


def chat(answer: str, trace: str | None = None) -> Conversation:
    return asked("Say.", answer, trace)


def words(first: int, last: int) -> str:
    return " ".join(f"w{number}" for number in range(first, last))


def judge(*rows: Conversation, **settings):
    return judged(Repetition(**settings), *rows)


def test_a_text_said_twice_repeats_half_of_its_words():
    """Words of the second time stood before; a share that is the limit itself is not above it."""
    (found,) = judge(chat(f"{words(0, 40)} {words(0, 40)}"), above=0.4999)
    assert found.value == 0.5
    assert judge(chat(f"{words(0, 40)} {words(0, 40)}"), above=0.5) == []


def test_nine_equal_words_are_no_repetition_and_ten_are():
    """A run has ten words."""
    for run, found in ((9, []), (10, [10 / 70])):
        text = f"{words(0, run)} {words(100, 160 - run)} {words(0, run)} {words(200, 210 + 10 - run)}"
        assert [one.value for one in judge(chat(text), above=0.01)] == [
            pytest.approx(run / len(text.split())) for _ in found
        ]


def test_a_text_of_fewer_words_is_not_judged():
    """`min_words` is the least number of words."""
    text = f"{words(0, 25)} {words(0, 25)}"
    assert len(judge(chat(text), min_words=50)) == 1
    assert judge(chat(text), min_words=51) == []


def test_the_evidence_is_the_first_place_of_what_is_repeated_most():
    """In characters of the text, not in bytes, and of the message that holds it."""
    begin = "Früh am Tage: "
    row = conversation([*chat("Fine.").messages, *chat(begin + LOOP * 20).messages])
    (found,) = judge(chat(words(0, 80)), row)
    assert (found.row, found.evidence.message, found.evidence.part) == (1, 3, "content")
    text = (begin + LOOP * 20)[found.evidence.start : found.evidence.end]
    assert text == found.evidence.text
    assert LOOP.strip() in text
    assert found.evidence.start == len(begin)


def test_a_trace_is_judged_by_itself():
    """An answer may say what its trace says."""
    assert judge(chat(words(0, 60), words(0, 60))) == []
    (found,) = judge(chat(words(0, 60), LOOP * 9))
    assert found.evidence.part == "reasoning"


def test_the_user_may_repeat():
    """What is asked is not learned."""
    assert judge(asked(LOOP * 9, "No.")) == []


def test_chinese_repeats_by_characters():
    """There are no spaces between its words."""
    said = "今天天气很好我们去公园散步吧"
    (found,) = judge(chat(f"你好。{said * 5}完"))
    assert found.value == pytest.approx(4 * len(said) / (5 * len(said) + 4))
    assert judge(chat("".join(chr(0x4E00 + number) for number in range(300)))) == []


def test_verdicts_do_not_depend_on_the_batch():
    """A row is judged alike whatever stands beside it."""
    rows = [chat(words(0, 70)), chat(LOOP * 9), chat("No."), chat("Yes.", LOOP * 6)]
    together = judge(*rows)
    alone = [one._replace(row=place) for place, row in enumerate(rows) for one in judge(row)]
    assert together == alone
    assert [one.row for one in together] == [1, 3]


def share_of(text: str) -> float:
    """Return the share of words in runs of ten that stood before, counted word by word."""
    said = re.findall(
        "[\u3000-\u9fff\U00020000-\U0003ffff]|[^ \t\n\r\u3000-\u9fff\U00020000-\U0003ffff]+", text
    )
    seen, repeated = set(), set()
    for place in range(len(said) - 9):
        run = tuple(said[place : place + 10])
        if run in seen:
            repeated.update(range(place, place + 10))
        seen.add(run)
    return len(repeated) / len(said) if len(said) >= 20 else 0.0


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(["a", "b ", " cd", "中", "文 ", "é", "\n", "𠀀", "a b c d e f g h i j k "]),
        max_size=90,
    )
)
def test_the_share_is_that_of_a_count_word_by_word(parts: list[str]) -> None:
    """Of letters, Chinese characters of three and four bytes, and white space in any order."""
    text = "x " + "".join(parts)
    found = judge(chat(text), min_words=20, above=0)
    want = share_of(text.rstrip())
    assert [one.value for one in found] == ([pytest.approx(want)] if want else [])
