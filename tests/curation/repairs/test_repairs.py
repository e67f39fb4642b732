"""Repairs: which damage each takes back, what it leaves alone, and that all of them can be undone."""

from time import process_time

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thinkmix.curation.repairs.contract import mended, prose, undone
from thinkmix.curation.repairs.known import REPAIRS, named
from thinkmix.schemas.mending import Patch

TRACE, ANSWER = "Let me see:\n\n2 + 2 is 4.", "It is **4**.\n\nDone."


def repaired(name: str, text: str, before: str = "What is it?", kind: str = "assistant") -> str:
    found, patches = mended(named([name]), kind, text, [{"role": "user", "content": before}])
    assert undone(found, patches) == text
    return found


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (f"think\n{TRACE}\nanswer\n{ANSWER}", f"<think>\n{TRACE}\n</think>\n\n{ANSWER}"),
        (f"think\n{TRACE}\n\n\nanswer\n{ANSWER}", f"<think>\n{TRACE}\n</think>\n\n{ANSWER}"),
        (f"<thinking>{TRACE}</thinking>{ANSWER}", f"<think>{TRACE}</think>{ANSWER}"),
        (
            f"<|begin_of_thought|>\n{TRACE}\n<|end_of_thought|>\n"
            f"<|begin_of_solution|>\n{ANSWER}\n<|end_of_solution|>",
            f"<think>\n{TRACE}\n</think>\n\n{ANSWER}\n",
        ),
    ],
)
def test_markers_of_other_models_become_those_of_qwen3(text, wanted):
    """Lines of one word, and pairs of tags with the pair around the solution."""
    assert repaired("foreign_markers", text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        f"think\n{TRACE}",
        f"think\n{TRACE}\nanswer\nno\nanswer\nyes",
        "think\n\nanswer\nyes",
        f"I think\n{TRACE}\nanswer\n{ANSWER}",
        f"<thinking>{TRACE}",
        f"<thinking>{TRACE}</thinking>",
        f"<thinking>{TRACE}</thinking>{ANSWER}</thinking>",
        f"<think>{TRACE}</think><thinking>{TRACE}</thinking>",
        f"<|begin_of_thought|>{TRACE}<|end_of_thought|>{ANSWER}<|begin_of_solution|>",
    ],
)
def test_markers_whose_meaning_is_not_sure_stay(text):
    """Where one is missing, or stands twice, or nothing is inside or after."""
    assert repaired("foreign_markers", text) == text


def test_a_trace_without_an_end_is_closed_before_its_answer():
    """The answer is one pair of tags, at the end."""
    cut = f"<think>\n{TRACE}\n<answer>4</answer>\n"
    assert repaired("cut_trace", cut) == f"<think>\n{TRACE}\n</think>\n\n<answer>4</answer>\n"


@pytest.mark.parametrize(
    "text",
    [
        f"<think>{TRACE}</think><answer>4</answer>",
        f"<think>{TRACE}<answer>4",
        f"<think>{TRACE}<answer>4</answer> or so",
        f"<think>{TRACE}<answer>4</answer> no, <answer>5</answer>",
        "<think><answer>4</answer>",
        f"{TRACE}<answer>4</answer>",
    ],
)
def test_a_trace_whose_end_is_not_sure_stays_open(text):
    """Without a whole answer, with two, or with text after it."""
    assert repaired("cut_trace", text) == text


def test_entities_of_prose_are_decoded_once():
    """By name and by number; what is escaped twice is escaped once."""
    text = "It&#39;s &quot;A&amp;B&quot;, &#x201C;x&#8221;&nbsp;&amp;amp; so on"
    assert repaired("entities", text) == 'It\'s "A&B", “x”\xa0&amp; so on'


@pytest.mark.parametrize(
    "text",
    [
        "Write `&lt;` or ```\na &amp;&amp; b\n``` here",
        "The formula $a &lt; b$, \\(x &gt; y\\) and \\begin{align} a &amp;= b \\end{align}",
        "It is 3 &lt; 4, and 5&gt;4",
        "Use &lt;b&gt; in HTML",
        "A tag <b>bold</b> &amp; more",
        "&lt;think&gt; it",
        "A bell &#7; and AT&T; or &unknown; or & amp;",
        "    a &amp; b",
    ],
)
def test_entities_that_may_be_meant_stay(text):
    """In code, formulas, comparisons, texts about markup, and where they hide a command."""
    assert repaired("entities", text) == text


def test_an_entity_stays_where_the_question_is_about_markup():
    """Its answer means the entity."""
    assert repaired("entities", "Use &lt;.", before="How do I write < in HTML?") == "Use &lt;."


@pytest.mark.parametrize("last", ["\n\nHuman:", "\nHuman: ", "\n\n### User:\n", "\n**Human:**"])
def test_the_name_of_the_next_speaker_is_taken_off(last):
    """With the blank lines before it."""
    assert repaired("next_speaker", f"{ANSWER}{last}") == ANSWER


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("Human:", "Who?"),
        (f"{ANSWER}\nHuman", "Who?"),
        (f"{ANSWER}\nHuman: why?", "Who?"),
        ("Human: Hi.\nAI: Hello.\nHuman:", "Write a dialogue."),
        (f"{ANSWER}\nHuman:", "Go on:\nHuman: Hi."),
    ],
)
def test_the_name_of_a_speaker_stays_in_a_dialogue(text, before):
    """Where such lines stand elsewhere, or the line says more."""
    assert repaired("next_speaker", text, before) == text


def test_characters_without_width_are_taken_out_of_prose():
    """Code, numbers, emoji and scripts without spaces keep theirs."""
    assert repaired("zero_width", "\ufeffHe\u200bllo\u2060 you\u200b") == "Hello you"
    for text in ("`a\u200bb`", "1\u200b000", "ภาษา\u200bไทย", "👩\u200d💻", "می\u200cخواهم"):
        assert repaired("zero_width", text) == text


PIECES = [
    *("&amp;", "&lt;", "<think>", "</think>", "think\n", "\nanswer\n", "<answer>", "</answer>", "`", "```\n"),
    *(
        "$",
        "$$",
        "\\(",
        "\\)",
        "\\begin{",
        "\n",
        "    ",
        "\nHuman:",
        "\u200b",
        "word ",
        "7",
        "<thinking>",
        "é",
    ),
    "</thinking>",
]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join), st.sampled_from(["assistant", "user"]))
def test_every_repair_can_be_taken_back(text, kind):
    """And it edits only texts that match its sign, which is what columns are searched for."""
    turns = [{"role": "user", "content": "What is it?"}]
    whole, patches = mended(REPAIRS, kind, text, turns)
    assert undone(whole, patches) == text
    for repair in REPAIRS:
        found, made = mended([repair], kind, text, turns)
        assert undone(found, made) == text
        if made:
            assert pl.Series([text]).str.contains(repair.sign).item()
            assert repair.name != "entities" or "&" in text


@pytest.mark.parametrize("mark", ["`", "$", "$$", "\\(", "\\begin{", "```"])
def test_a_text_of_marks_that_nothing_closes_is_read_once(mark):
    """The work grows with the text, not with its square."""
    text = f"{mark} a\n" * 30_000
    start = process_time()
    assert sum(end - start for start, end in prose(text)) <= len(text)
    assert process_time() - start < 2


def test_a_patch_says_where_it_was_made():
    """In characters of the text as the repair leaves it."""
    _, patches = mended(named(["entities"]), "user", "a &amp; b &amp; c", [])
    assert patches == [
        Patch("entities", 0, "user", 2, "&amp;", "&"),
        Patch("entities", 0, "user", 6, "&amp;", "&"),
    ]
