"""Trees of messages: the best ranked reply at each step."""

import pytest

from tests.harness.reading import Row, read, refused


def said(role: str, text: object, *replies: Row, **more: object) -> Row:
    return {"message_id": "m", "role": role, "text": text, "replies": list(replies), **more}


def tree(*replies: Row, **root: object) -> Row:
    return {"message_tree_id": "t", "prompt": said("prompter", "1+1?", *replies, **root)}


def texts(row: Row) -> list[str]:
    return [text for _, text, _ in read(row, "oasst").turns]


def test_the_best_ranked_reply_is_followed_and_the_others_are_counted() -> None:
    """Rank 0 is the best, and one without a rank comes last."""
    got = read(
        tree(
            said("assistant", "3", rank=None), said("assistant", "4", rank=2), said("assistant", "2", rank=0)
        ),
        "oasst",
    )

    assert got.turns == [("user", "1+1?", None), ("assistant", "2", None)]
    assert got.found == {"alternative": 2}


def test_without_ranks_the_first_reply_is_followed() -> None:
    """However deep the tree is."""
    row = tree(
        said("assistant", "2", said("prompter", "+1?", said("assistant", "3")), said("prompter", "Why?")),
        said("assistant", "two"),
    )
    assert texts(row) == ["1+1?", "2", "+1?", "3"]


@pytest.mark.parametrize("bad", [{"deleted": True}, {"review_result": False}])
def test_messages_that_people_took_out_are_passed_over(bad: Row) -> None:
    """Though their rank is the best; a review that is still to come is no reason."""
    row = tree(
        said("assistant", "5", rank=0, **bad),
        said("assistant", "2", rank=1, deleted=False, review_result=None),
    )
    assert texts(row) == ["1+1?", "2"]
    assert refused(tree(said("assistant", "2"), **bad), "oasst")[0] == "empty_turn"


@pytest.mark.parametrize("row", [{}, {"prompt": "1+1?"}, {"prompt": None}])
def test_a_row_without_a_tree_is_refused(row: Row) -> None:
    """The column must hold an object."""
    assert refused(row, "oasst")[0] == "wrong_type"


def test_a_strange_speaker_is_refused() -> None:
    """With its name."""
    reason, detail = refused(tree(said("critic", "No.")), "oasst")

    assert (reason, "'critic'" in detail) == ("role_unknown", True)


def test_a_tree_as_deep_as_a_row_may_be_is_read() -> None:
    """Step by step, without recursion."""
    message = said("assistant", "end")
    for depth in range(5_000):
        message = said("prompter" if depth % 2 == 0 else "assistant", str(depth), message)
    assert len(texts({"prompt": message})) == 5_001


def test_keys_of_messages_that_nobody_reads_are_noted() -> None:
    """Those of the path; what the sets say of each message is known."""
    known = {"lang": "en", "labels": {"spam": {"value": 0.1}}, "synthetic": False, "user_id": "u"}
    got = read(tree(said("assistant", "2", weight=0, **known), source="x"), "oasst")
    assert got.unread == ["prompt[].source", "prompt[].weight"]
