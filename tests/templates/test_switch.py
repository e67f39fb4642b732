"""Qwen3's soft switch: where a text says it, and which turn it governs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinkmix.schemas.conversation import Message
from thinkmix.templates.chat.switch import governing_switches


def said(text):
    """Return the switch that one user turn says."""
    (switch,) = governing_switches([Message(role="user", content=text)])
    return switch


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("What is 2+2?", None),
        ("What is 2+2? /no_think", "/no_think"),
        ("/think What is 2+2?", "/think"),
        ("What is 2+2?/no_think", "/no_think"),
        ("/no_think.", "/no_think"),
        ("(/no_think)", "/no_think"),
        ("`/think`", "/think"),
        ("2+2?\n/no_think\n", "/no_think"),
        ("2+2?\u3000/no_think", "/no_think"),
        ("二加二？/no_think", "/no_think"),
        ("你好/no_think谢谢", "/no_think"),
        ("👍/think", "/think"),
        ("/think and then /no_think", "/no_think"),
        ("/no_think, no, /think", "/think"),
        ("/no_think and/or/think", "/no_think"),
        ("/think, or rather /no_thinking", "/think"),
    ],
)
def test_the_last_switch_of_a_text_counts(text, want):
    """Wherever it stands, and whatever white space, punctuation or Chinese is beside it."""
    assert said(text) == want


@pytest.mark.parametrize(
    "text",
    ["/thinking", "/think_hard", "/think-tank", "/think2", "a/think", "usr/bin/think", "/think/x", "//think"],
)
@pytest.mark.parametrize("around", ["{}", "see {} there"])
def test_a_part_of_a_longer_word_is_no_switch(text, around):
    """Paths, addresses and words that merely begin like one."""
    assert said(around.format(text)) is None


@pytest.mark.parametrize("text", ["/Think", "/NO_THINK", "/nothink", "/no think", "no_think", "think"])
def test_other_spellings_are_no_switch(text):
    """Qwen3 was trained on two words."""
    assert said(text) is None


def test_a_switch_governs_until_the_next_one():
    """Said by user or system, in any turn up to then; assistants and tools only mention it."""
    chat = [
        ("assistant", "Say /think or /no_think.", None),
        ("system", "/no_think", "/no_think"),
        ("user", "q", "/no_think"),
        ("assistant", "You may say /think.", "/no_think"),
        ("user", "q /think", "/think"),
        ("tool", "/no_think", "/think"),
        ("assistant", "a", "/think"),
        ("system", "Be brief. /no_think", "/no_think"),
        ("assistant", "a", "/no_think"),
    ]
    messages = [Message(role=role, content=content) for role, content, _ in chat]
    assert governing_switches(messages) == [switch for *_, switch in chat]


@given(st.lists(st.sampled_from(["/think", "/no_think", "/thinking", " ", "x", "/", "."]), max_size=12))
def test_only_a_switch_that_is_there_is_found(pieces):
    """What is found stands in the text, and a word with space around it is always found."""
    text = "".join(pieces)
    found = said(f"{text}.")
    assert found is None or found in text
    assert said(f"{text} /think") == "/think"
    assert said(f"{text} /no_think") == "/no_think"


def test_a_long_text_of_near_switches_is_read_in_no_time():
    """The search goes through a text once: twenty megabytes take a second, not hours."""
    assert said("/thinking" * 2_000_000) is None
