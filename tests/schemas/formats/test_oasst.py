"""Trees of messages: the best ranked reply at each step."""

import pytest

from tests.harness.reading import Row, read, refused
from thinkmix.schemas.formats.oasst import OpenAssistant, are_messages


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
    """Though their rank is the best; a review that is still to come does not matter."""
    row = tree(
        said("assistant", "5", rank=0, **bad),
        said("assistant", "2", rank=1, deleted=False, review_result=None),
    )
    assert texts(row) == ["1+1?", "2"]
    detail = "the prompt is deleted, failed its review, or says nothing"
    assert refused(tree(said("assistant", "2"), **bad), "oasst") == ("empty_turn", detail)


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


def test_it_is_recognised_by_a_prompt_with_replies() -> None:
    """That says something."""
    assert OpenAssistant.recognise([tree()]) == OpenAssistant()
    for prompt in ("1+1?", None, {"text": "1+1?"}, said("prompter", " "), said("prompter", None)):
        assert OpenAssistant.recognise([{"prompt": prompt}]) is None


@pytest.mark.parametrize("column", ["message_id", "parent_id", "message_tree_id", "role", "text"])
def test_single_messages_are_told_by_all_of_their_columns(column: str) -> None:
    """Which have to be there, whatever they hold."""
    message = dict.fromkeys(("message_id", "parent_id", "message_tree_id", "role", "text", "lang"))
    assert are_messages([message])
    assert not are_messages([{name: None for name in message if name != column}])


def test_columns_and_turns() -> None:
    """The ledger counts the best path, and what says which tree it is is known."""
    row = tree(said("assistant", "2", said("prompter", "+1?"), rank=0), said("assistant", "3", rank=1))
    assert OpenAssistant().turns(row) == 3
    assert OpenAssistant().turns({"prompt": "1+1?"}) == 0
    assert OpenAssistant().columns() == {"prompt", "message_tree_id", "tree_state"}


def test_all_that_the_set_says_of_a_message_is_known() -> None:
    """Who wrote it, and what people thought of it."""
    about = """created_date deleted detoxify emojis events labels lang message_id message_tree_id model_name
    parent_id rank review_count review_result synthetic tree_state user_id"""
    known = {name: "x" for name in about.split() if name != "review_result"}
    assert read(tree(said("assistant", "2", **known)), "oasst").unread == []


@pytest.mark.parametrize("rank", [True, "0", float("nan"), None])
def test_a_rank_that_is_no_number_is_none(rank: object) -> None:
    """Any other comes before it."""
    row = tree(
        said("assistant", "3", rank=rank), said("assistant", "2", rank=1.5), said("assistant", "4", rank=2)
    )
    assert texts(row) == ["1+1?", "2"]


def test_only_other_answers_are_counted() -> None:
    """Another question of a person does not count, nor does what was taken out."""
    answer = said("assistant", "2", said("prompter", "+1?"), said("prompter", "+2?"))
    row = tree(
        answer, said("assistant", "3", deleted=True), said("assistant", ""), "4", said("assistant", "5")
    )
    assert read(row, "oasst").found == {"alternative": 1}


@pytest.mark.parametrize(
    ("role", "shown"),
    [("asistant", "'asistant', perhaps 'assistant' is meant"), ("x" * 50, f"'{'x' * 40}'"), (7, "int")],
)
def test_a_strange_speaker_is_told_with_its_place(role: object, shown: str) -> None:
    """And with the one that is meant; a system turn has no place in a tree."""
    detail = f"message 1 of the path is spoken by {shown}"
    assert refused(tree({**said("assistant", "No."), "role": role}), "oasst") == ("role_unknown", detail)
    assert refused(tree(said("system", "No.")), "oasst")[0] == "role_unknown"
