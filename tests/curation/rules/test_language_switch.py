"""The rule `language_switch`: which sentences of a trace are in another script, and where."""

import pytest

from tests.harness.judged import asked, judged
from thinkmix.curation.rules.language_switch import LanguageSwitch

ENGLISH = "So I need to add both numbers and then check the sum again."


@pytest.mark.parametrize(
    ("question", "trace", "words"),
    [
        ("What is it?", "So the 分类 does not matter. Then 需求 is 4.", ["分类", 2]),
        ("What is it?", "The text goes on. бли", ["бли", 1]),
        ("What is it?", "The text goes on, 그래서 it is 4.", ["그래서", 1]),
        (
            "一共有几个？",
            f"先把它们加起来。{ENGLISH}所以答案是四，也就是说一共有四个。" + "再检查一次。" * 9,
            ["So I need", 1],
        ),
    ],
)
def test_sentences_in_another_script_are_counted(question, trace, words):
    """The evidence is the first of their words."""
    (found,) = judged(LanguageSwitch(), asked(question, "4", trace))
    assert (found.evidence.text.startswith(words[0]), found.value) == (True, words[1])
    assert trace[found.evidence.start : found.evidence.end] == found.evidence.text
    assert found.evidence.part == "reasoning"


@pytest.mark.parametrize(
    ("question", "trace"),
    [
        ("What is it?", 'They may call it “分类” or "需求" or `分类`, or $分类$, \\(分类\\), \\text{分类}.'),
        ("What is it?", "```\nprint('分类')\n```\nSee https://example.com/分 now."),
        ("What is it?", "In Chinese, cookie is 饼干, and balloon is 气球."),
        ("Translate it to Mandarin.", "It is 分类."),
        ("What does 分 mean?", "It is 分类, a class."),
        ("What is it?", "先把它们加起来。所以答案是四。"),
        ("一共有几个？", "先用 Python 的 list 把它们加起来。The API is fine. 所以答案是四。"),
        ("一共有几个？", ENGLISH),
        ("What is π?", "Let π and и be it."),
    ],
)
def test_quoted_words_code_and_traces_in_one_language_are_no_switch(question, trace):
    """Nor are scripts that the question has, sentences on languages, terms, and single letters."""
    assert judged(LanguageSwitch(), asked(question, "4", trace)) == []


def test_an_answer_is_judged_where_there_is_no_trace():
    """For letters that its question does not have; English in Chinese text may be an example."""
    (found,) = judged(LanguageSwitch(), asked("What is it?", "So the 分类 is 4."))
    assert found.evidence[1:] == (1, "content", 7, 9)
    assert judged(LanguageSwitch(), asked("What is it?", "So the 分类 is 4.", "I add.")) == []
    assert judged(LanguageSwitch(), asked("是什么？", f"例如：{ENGLISH}" + "这是一个例子。" * 9)) == []


def test_fewer_sentences_than_asked_for_are_not_found():
    """A sentence counts once, whatever it holds."""
    row = asked("What is it?", "4", "A 分类 and 需求 here. And 分类 there.")
    assert [one.value for one in judged(LanguageSwitch(at_least=2), row)] == [2]
    assert judged(LanguageSwitch(at_least=3), row) == []
