"""How an assistant's text comes apart into trace and answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from thinkmix.schemas.think import FOREIGN_TAGS, split_think


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("answer", (None, "answer")),
        ("", (None, "")),
        ("<think>a</think>b", ("a", "b")),
        ("\n <think>\na\n</think>\n\nb", ("\na\n", "\n\nb")),
        ("<think>\n\n</think>\n\nb", (None, "\n\nb")),
        ("a < b, a <thin> and <thinker>", (None, "a < b, a <thin> and <thinker>")),
        ("I had a <thought> about it", (None, "I had a <thought> about it")),
        ("<p>html</p>", (None, "<p>html</p>")),
    ],
)
def test_one_trace_before_the_answer_is_split_off(text: str, want: tuple[str | None, str]) -> None:
    """No trace, one trace and an empty one."""
    assert split_think(text) == want


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a</think>b", "think_unopened"),
        ("</think><think>a</think>b", "think_unopened"),
        ("<think>a", "think_unclosed"),
        ("<think>", "think_unclosed"),
        ("Hm. <think>a</think>b", "think_not_first"),
        ("<think>a<think>b</think>c", "think_nested"),
        ("<think>a</think>b<think>c</think>d", "think_repeated"),
        ("<think>a</think>b</think>c", "think_repeated"),
        ("<think></think><think>b</think>c", "think_repeated"),
        ("<think>a</think>", "think_no_answer"),
        ("<think>a</think>\n \n", "think_no_answer"),
        *((f" <{tag.upper()}>a</{tag}>b", "think_foreign_tag") for tag in FOREIGN_TAGS),
    ],
)
def test_what_the_template_would_delete_or_move_is_refused(text: str, reason: str) -> None:
    """Each malformed arrangement has its reason."""
    with pytest.raises(PydanticCustomError) as caught:
        split_think(text)
    assert caught.value.type == reason


def test_a_call_is_an_answer() -> None:
    """A turn that calls tools needs no text after its trace."""
    assert split_think("<think>a</think>\n", called=True) == ("a", "\n")


@given(st.lists(st.sampled_from(["<think>", "</think>", "a", "\n", " "]), max_size=8).map("".join))
def test_nothing_is_lost_or_refused_with_an_unknown_reason(text: str) -> None:
    """What is split off is all there was; what is refused has a reason about thinking."""
    got = outcome(text)
    if isinstance(got, str):
        assert got.startswith("think_")
    else:
        said = text.replace("<think>", "").replace("</think>", "")
        assert ((got[0] or "") + got[1]).split() == said.split()


def outcome(text: str) -> str | tuple[str | None, str]:
    try:
        return split_think(text)
    except PydanticCustomError as error:
        return error.type
