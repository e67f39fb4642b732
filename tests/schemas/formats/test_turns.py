"""What every list of turns has in common: speakers, keys, traces beside the text, marks, unread fields."""

import json
from decimal import Decimal
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from thinkmix.schemas.findings import Finding, Notes
from thinkmix.schemas.formats.contract import Draft
from thinkmix.schemas.formats.known import RowFormat
from thinkmix.schemas.formats.messages import Messages
from thinkmix.schemas.formats.roles import ROLE_NAMES
from thinkmix.schemas.formats.sharegpt import ShareGPT

FORMATS: TypeAdapter[RowFormat] = TypeAdapter(RowFormat)
SHAREGPT = {"type": "sharegpt"}
MESSAGES = {"type": "messages"}


def read(row: dict[str, Any], form: dict[str, Any], **flags: bool) -> tuple[Draft, Notes]:
    notes = Notes()
    return FORMATS.validate_python(form).read(row, notes, **flags), notes


def says(*turns: tuple[str, str], **more: object) -> dict[str, Any]:
    return {"conversations": [{"from": speaker, "value": text, **more} for speaker, text in turns]}


def chat(*answers: dict[str, Any], **columns: object) -> dict[str, Any]:
    turns = [
        {"role": "user", "content": "q"},
        *({"role": "assistant", "content": "a"} | one for one in answers),
    ]
    return {"messages": turns, **columns}


def roles(row: dict[str, Any], form: dict[str, Any]) -> list[str]:
    return [turn["role"] for turn in read(row, form)[0].messages]


@pytest.mark.parametrize(
    ("role", "names"), [(role, ROLE_NAMES[role]) for role in ("user", "assistant", "system")]
)
def test_speakers_are_known_by_their_usual_names(role: str, names: tuple[str, ...]) -> None:
    """Whatever their case, with spaces around them, words joined in any way."""
    for name in names:
        for spelt in (
            name,
            name.upper(),
            name.title(),
            f" {name} ",
            name.replace("_", "-"),
            name.replace("_", " "),
        ):
            assert roles(says((spelt, "x")), SHAREGPT) == [role], spelt


def test_an_unknown_speaker_is_named_with_the_nearest_known_one() -> None:
    """And with the setting that maps it."""
    with pytest.raises(
        PydanticCustomError, match="spoken by 'asistant', perhaps 'assistant' is meant: see `roles`"
    ):
        read(says(("asistant", "x")), SHAREGPT)
    form = SHAREGPT | {"roles": {"Narrator": "system", "gpt": "user"}}
    assert roles(says(("narrator", "s"), ("gpt", "x"), ("bot", "y")), form) == ["system", "user", "assistant"]


@pytest.mark.parametrize(
    ("names", "want"),
    [
        (("<|system|>", "USER:", "chat gpt"), ["system", "user", "assistant"]),
        (("sys", "### Human", "GPT-3.5-turbo"), ["system", "user", "assistant"]),
        (("System Prompt", "[user]", "gpt4"), ["system", "user", "assistant"]),
    ],
)
def test_marks_around_a_name_and_between_its_words_do_not_matter(
    names: tuple[str, ...], want: list[str]
) -> None:
    """A speaker is written in many ways."""
    assert roles(says(*((name, "x") for name in names)), SHAREGPT) == want


def test_a_name_of_a_speaker_is_no_role_of_the_recipe_and_says_which_is_meant() -> None:
    """`gpt` is what sets write, `assistant` is the role."""
    with pytest.raises(ValidationError, match=r"'gpt' is not a role.*did you mean `assistant`\?"):
        FORMATS.validate_python(SHAREGPT | {"roles": {"oracle": "gpt"}})


def test_a_wrong_role_in_the_recipe_is_named_with_the_nearest_one() -> None:
    """The recipe's error says field, value, and what is meant."""
    with pytest.raises(
        ValidationError, match=r"'asistant' is not a role.*did you mean `assistant`\?"
    ) as caught:
        FORMATS.validate_python(SHAREGPT | {"roles": {"narrator": "asistant"}})
    assert caught.value.errors()[0]["loc"][-2:] == ("roles", "narrator")


@pytest.mark.parametrize(
    "keys", [("from", "content"), ("role", "value"), ("speaker", "text"), ("author", "value")]
)
@pytest.mark.parametrize(("form", "column"), [(SHAREGPT, "conversations"), (MESSAGES, "messages")])
def test_turns_have_one_of_the_usual_keys(form: dict[str, Any], column: str, keys: tuple[str, str]) -> None:
    """In either format, without a setting."""
    row = {column: [dict(zip(keys, turn, strict=True)) for turn in (("human", "q"), ("gpt", "a"))]}
    assert [(turn["role"], turn["content"]) for turn in read(row, form)[0].messages] == [
        ("user", "q"),
        ("assistant", "a"),
    ]


def test_other_keys_take_a_setting() -> None:
    """A turn without them says which keys it has."""
    row = {"conversations": [{"who": "human", "said": "q"}, {"who": "gpt", "said": "a"}]}
    with pytest.raises(PydanticCustomError, match=r"conversations\[0\]\.role is missing"):
        read(row, SHAREGPT)
    with pytest.raises(
        PydanticCustomError, match="turn 0 has no content: its keys are 'who', 'said'; see `text`"
    ):
        read(row, SHAREGPT | {"speaker": "who"})
    assert roles(row, SHAREGPT | {"speaker": "who", "text": "said"}) == ["user", "assistant"]
    with pytest.raises(ValidationError, match="speaker and text are both 'who'"):
        FORMATS.validate_python(SHAREGPT | {"speaker": "who", "text": "who"})


@pytest.mark.parametrize(
    "turns",
    [
        '[{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]',
        {"from": ["human", "gpt"], "value": ["q", "a"]},
        {"from": ["human", "gpt"], "value": ["q", "a"], "weight": None},
    ],
)
def test_turns_are_a_list_in_each_of_the_ways_that_files_have(turns: object) -> None:
    """JSON text, or an object of lists, as `datasets` stores a list of objects."""
    assert roles({"conversations": turns}, SHAREGPT) == ["user", "assistant"]


@pytest.mark.parametrize("turns", [{"from": ["human"], "value": ["q", "a"]}, {"from": "human"}, {}, "7", 7])
def test_what_is_not_a_list_of_turns_is_refused(turns: object) -> None:
    """Lists of other lengths, an object that is one turn, a number."""
    with pytest.raises(PydanticCustomError, match="not a list"):
        read({"conversations": turns}, SHAREGPT)


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning", "thinking", "thought", "think"])
@pytest.mark.parametrize(("form", "make"), [(SHAREGPT, "value"), (MESSAGES, "content")])
def test_a_trace_beside_the_text_is_read(form: dict[str, Any], make: str, key: str) -> None:
    """Under its usual names; a word for yes or no is not a trace."""
    for value, want in (("hm", "hm"), ("on", None), ("", None), (True, None), (None, None)):
        turns = [{"role": "user", make: "q"}, {"role": "assistant", make: "a", key: value}]
        draft, notes = read({"conversations": turns, "messages": turns}, form)
        assert draft.messages[1].get("reasoning") == want
        unread = [field.path.rpartition(".")[2] for field in notes.tally().unread]
        assert unread == ([key] if value in ("on", True) else [])


def test_a_trace_under_another_name_takes_a_setting() -> None:
    """Which the report of unread fields names."""
    row = chat({"cot": "hm"})
    draft, notes = read(row, MESSAGES)
    assert "reasoning" not in draft.messages[1]
    (field,) = notes.tally().unread
    assert (field.path, field.count, field.example) == ("messages[].cot", 1, '"hm"')
    assert (
        FORMATS.validate_python(MESSAGES).setting_for(field.path)
        == "format: {type: messages, reasoning: cot}"
    )
    draft, notes = read(row, MESSAGES | {"reasoning": "cot"})
    assert (draft.messages[1]["reasoning"], notes.tally().unread) == ("hm", ())


def test_a_trace_in_a_column_belongs_to_the_only_answer() -> None:
    """Where there are several answers nobody can say whose it is, so it stays unread."""
    one, notes = read(chat({}, reasoning="hm"), MESSAGES)
    assert (one.messages[1]["reasoning"], notes.read) == ("hm", {"reasoning"})
    two, notes = read(chat({}, {}, reasoning="hm"), MESSAGES)
    assert ("reasoning" in two.messages[1], notes.read) == (False, set())


def test_only_the_assistant_reasons_and_calls() -> None:
    """A question with a trace or a call is refused, one with an empty field is not."""
    asked = {"role": "user", "content": "q"}
    for more in ({"reasoning": "hm"}, {"tool_calls": [{"name": "f"}]}):
        with pytest.raises(PydanticCustomError, match="a user turn cannot reason or call tools"):
            read({"messages": [asked | more]}, MESSAGES)
    assert roles({"messages": [asked | {"reasoning": "", "tool_calls": []}]}, MESSAGES) == ["user"]


@pytest.mark.parametrize(
    "mark", ["weight", "loss", "train", "loss_mask", "trainable", "loss_weight", "training"]
)
@pytest.mark.parametrize("value", [0, 0.0, False, "0", "false", " False "])
def test_a_turn_that_is_marked_is_context(mark: str, value: object) -> None:
    """In each of the ways that trainers write it."""
    draft, notes = read(chat({mark: value}), MESSAGES)
    assert (draft.messages[1].get("context"), notes.found, notes.tally().unread) == (True, {}, ())
    row = says(("human", "q"), ("gpt", "a"))
    row["conversations"][1][mark] = value
    assert read(row, SHAREGPT)[0].messages[1]["context"]


@pytest.mark.parametrize("value", [1, 1.0, True, "1", "true", None, float("nan")])
def test_a_turn_that_is_marked_as_learned_or_not_at_all_is_learned(value: object) -> None:
    """Nothing is said of it."""
    draft, notes = read(chat({"weight": value}), MESSAGES)
    assert ("context" in draft.messages[1], notes.found) == (False, {})


@pytest.mark.parametrize("value", [2, -1, "maybe", [0], {"a": 1}, "2", "nan", "off"])
def test_a_mark_that_says_neither_is_counted(value: object) -> None:
    """And the turn is learned as before."""
    draft, notes = read(chat({"loss": value}), MESSAGES)
    assert ("context" in draft.messages[1], notes.found) == (False, {Finding.MARK_UNREADABLE: 1})


def test_a_weight_between_0_and_1_refuses_the_row_unless_the_recipe_takes_it() -> None:
    """Of an answer; what a question weighs does not matter."""
    with pytest.raises(PydanticCustomError, match=r"weight of turn 1 is 0\.5, neither 0 nor 1") as caught:
        read(chat({"weight": 0.5}), MESSAGES)
    assert caught.value.type == "weight_fractional"
    assert (
        "context" not in read(chat({"weight": 0.5}), MESSAGES | {"fractional_weight": "train"})[0].messages[1]
    )
    asked = {"role": "user", "content": "q", "weight": 0.5}
    assert roles({"messages": [asked]}, MESSAGES) == ["user"]


@pytest.mark.parametrize("value", [0.25, "0.25", " .25 ", Decimal("0.25")])
def test_a_weight_between_0_and_1_is_one_however_it_is_stored(value: object) -> None:
    """As a number or as text, which tables of text have."""
    with pytest.raises(PydanticCustomError, match=r"weight of turn 1 is 0\.25, neither 0 nor 1"):
        read(chat({"weight": value}), MESSAGES)
    draft, notes = read(chat({"weight": value}), MESSAGES | {"fractional_weight": "train"})
    assert ("context" in draft.messages[1], notes.found) == (False, {})


def test_marks_in_a_list_are_read_as_marks_of_turns_are() -> None:
    """Numbers, truth values and text, in any case."""
    row = chat({}, marks=["False", "TRUE"])
    form = MESSAGES | {"turn_marks": "marks"}
    assert "context" not in read(row, form)[0].messages[1]
    draft, notes = read(row | {"marks": [None, "0.0"]}, form)
    assert (draft.messages[1]["context"], notes.found) == (True, {Finding.MARK_UNREADABLE: 1})


@pytest.mark.parametrize("marked", ["gpt", "function_call"])
def test_an_answer_and_its_calls_are_context_if_one_of_them_is_marked(marked: str) -> None:
    """They are two turns of the row, and one that the model learns as a whole."""
    row = says(("human", "q"), ("gpt", "Wait."), ("function_call", '{"name": "f"}'), ("observation", "r"))
    row["conversations"] = [
        turn | ({"loss": False} if turn["from"] == marked else {}) for turn in row["conversations"]
    ]
    draft, _ = read(row, SHAREGPT)
    assert draft.messages[1]["context"]
    assert (draft.messages[1]["content"], len(draft.messages[1]["tool_calls"])) == ("Wait.", 1)


def test_a_mark_under_another_name_takes_a_setting() -> None:
    """Then the usual names mean nothing."""
    form = MESSAGES | {"weight": "use"}
    assert "context" in read(chat({"use": 0}), form)[0].messages[1]
    draft, notes = read(chat({"weight": 0}), form)
    assert "context" not in draft.messages[1]
    assert [field.path for field in notes.tally().unread] == ["messages[].weight"]


@pytest.mark.parametrize("nothing", [None, "", " \n", 0, 0.0, False, float("nan")])
def test_a_system_prompt_may_be_one_of_the_words_for_nothing(nothing: object) -> None:
    """Null, blank, 0, false, NaN; everything else that is not text is refused."""
    row = says(("human", "q"), ("gpt", "a"))
    assert roles({**row, "system": nothing}, SHAREGPT) == ["user", "assistant"]
    for wrong in (1, True, ["s"], {"s": 1}):
        with pytest.raises(PydanticCustomError, match="system is"):
            read({**row, "system": wrong}, SHAREGPT)


def test_one_system_prompt_in_two_places_is_one() -> None:
    """A column and a turn with the same words; other words are another turn; an empty turn does not count."""
    row = says(("system", "s"), ("system", ""), ("human", "q"), ("gpt", "a"))
    assert roles({**row, "system": "s"}, SHAREGPT) == ["system", "user", "assistant"]
    assert roles({**row, "system": "t"}, SHAREGPT) == ["system", "system", "user", "assistant"]


def test_windows_line_breaks_become_plain_ones_and_are_counted() -> None:
    """In every text of a chat; in arguments of calls they are data."""
    call = {"name": "f", "arguments": {"x": "1\r\n2"}}
    row = says(("system", "a\r\nb"), ("human", "q\r\n"), ("gpt", "<think>\r\nt\r\n</think>\r\n\r\na\r\n"))
    row["conversations"][2]["tool_calls"] = [call]
    draft, notes = read(row, SHAREGPT)
    assert [turn["content"] for turn in draft.messages] == ["a\nb", "q\n", "\n\na\n"]
    assert draft.messages[2]["reasoning"] == "\nt\n"
    assert draft.messages[2]["tool_calls"][0]["arguments"] == {"x": "1\r\n2"}
    assert notes.found == {Finding.CRLF: 3}


def test_a_trace_that_the_template_opened_needs_no_opening_tag() -> None:
    """Where the recipe says so; elsewhere the row is broken."""
    row = chat({"content": "hm\n</think>\n\na"})
    draft, _ = read(row, MESSAGES, unopened=True)
    assert (draft.messages[1]["reasoning"], draft.messages[1]["content"]) == ("hm\n", "\n\na")
    with pytest.raises(PydanticCustomError) as caught:
        read(row, MESSAGES)
    assert caught.value.type == "think_unopened"


def test_an_answer_in_tags_of_its_own_takes_a_setting() -> None:
    """The tags are taken off where they enclose the whole answer."""
    row = says(("human", "q"), ("gpt", "<think>t</think>\n<answer>\na\n</answer>\n"))
    draft, notes = read(row, SHAREGPT | {"answer_tag": "answer"})
    assert (draft.messages[1]["content"], notes.found) == ("\na\n", {Finding.ANSWER_TAG: 1})
    assert "<answer>" in read(row, SHAREGPT)[0].messages[1]["content"]


def test_definitions_stand_in_columns_or_turns() -> None:
    """`tools`, or `functions` beside the older `function_call`; in a system turn, too."""
    tool = {"name": "f", "parameters": {}}
    wrapped = {"type": "function", "function": tool}
    call = {"content": None, "function_call": {"name": "f", "arguments": "{}"}}
    assert read(chat(call, functions=[tool]), MESSAGES)[0].tools == [wrapped]
    assert read(chat(call, tools=None, functions=json.dumps([tool])), MESSAGES)[0].tools == [wrapped]
    turns = [{"role": "system", "content": "s", "tools": [tool]}, *chat(call)["messages"]]
    assert read({"messages": turns, "tools": [wrapped]}, MESSAGES)[0].tools == [wrapped]


@pytest.mark.parametrize("nothing", [None, [], "[]", "null", "{}", float("nan")])
def test_definitions_may_stand_in_the_second_column_alone(nothing: object) -> None:
    """Where the first of them says that there are no tools."""
    row = chat({}, tools=nothing, functions=[{"name": "f"}])
    assert [tool["function"]["name"] for tool in read(row, MESSAGES)[0].tools] == ["f"]


def test_definitions_of_both_columns_are_read() -> None:
    """A tool that both define in different words is that of the first, and counted."""
    row = chat({}, tools=[{"name": "f"}], functions=[{"name": "g"}, {"name": "f"}])
    draft, notes = read(row, MESSAGES)
    assert ([tool["function"]["name"] for tool in draft.tools], notes.found) == (["f", "g"], {})
    row["functions"] = [{"name": "f", "description": "F"}]
    draft, notes = read(row, MESSAGES)
    assert (draft.tools, notes.found) == (
        [{"type": "function", "function": {"name": "f"}}],
        {Finding.TOOL_REPEATED: 1},
    )


@pytest.mark.parametrize(
    "nothing", ["{}", "None", {}, {"name": None, "arguments": None}, float("nan"), False]
)
@pytest.mark.parametrize("key", ["tool_calls", "function_call"])
def test_words_for_no_calls(key: str, nothing: object) -> None:
    """Tables of turns hold them in every turn that calls nothing."""
    draft, notes = read(chat({key: nothing}), MESSAGES)
    assert ("tool_calls" in draft.messages[1], notes.found) == (False, {})


CALL = {"name": "f", "arguments": {"a": 1}}
OTHER = {"name": "f", "arguments": {"a": 2}}


@pytest.mark.parametrize(
    "answer",
    [
        {"tool_calls": json.dumps(CALL)},
        {"tool_calls": [CALL], "function_call": CALL},
        {"tool_calls": [CALL | {"id": "c"}], "content": f"a<tool_call>{json.dumps(CALL)}</tool_call>"},
        {"tool_calls": [CALL], "content": [{"type": "tool_call", "value": CALL}]},
    ],
)
def test_a_call_that_a_turn_states_twice_is_made_once(answer: dict[str, Any]) -> None:
    """In a key and in its text, or in the older key and the newer one."""
    (call,) = read(chat(answer), MESSAGES)[0].messages[1]["tool_calls"]
    assert (call["name"], call["arguments"]) == ("f", {"a": 1})


def test_calls_that_differ_are_all_made() -> None:
    """Whether they stand in one list, or in two places."""
    for answer in ({"tool_calls": [CALL, CALL]}, {"tool_calls": [CALL], "function_call": OTHER}):
        assert len(read(chat(answer), MESSAGES)[0].messages[1]["tool_calls"]) == 2


def test_every_key_of_a_turn_or_call_that_nobody_reads_is_noted() -> None:
    """Unless it says nothing, or nothing of what is trained."""
    call = {
        "id": "c",
        "type": "function",
        "function": {"name": "f", "arguments": {}, "strict": True},
        "why": "w",
    }
    answer = {"tool_calls": [call], "name": "x", "annotations": [], "mood": "calm", "refusal": None}
    _, notes = read(chat(answer), MESSAGES)
    assert {field.path for field in notes.tally().unread} == {
        "messages[].mood",
        "messages[].tool_calls[].why",
        "messages[].tool_calls[].strict",
    }


def test_every_key_of_a_part_that_nobody_reads_is_noted() -> None:
    """Typed content has keys of its own, and a mark or a trace may be one of them."""
    parts = [
        {"type": "thinking", "thinking": "t", "signature": "s"},
        {"type": "text", "text": "a", "weight": 0, "annotations": []},
    ]
    _, notes = read(chat({"content": parts}), MESSAGES)
    assert [field.path for field in notes.tally().unread] == [
        "messages[].content[].signature",
        "messages[].content[].weight",
    ]


@pytest.mark.parametrize(
    ("path", "setting"),
    [
        ("messages[].cot", "format: {type: messages, reasoning: cot}"),
        ("chat.tools", "format: {type: messages, tools: chat.tools}"),
        ("messages[].tool_calls[].weight", None),
        ("image_url", None),
        ("history", None),
        ("messages[].tools", None),
        ("messages[].content[].weight", None),
    ],
)
def test_a_setting_is_named_only_where_one_reads_such_a_field(path: str, setting: str | None) -> None:
    """Keys of turns and columns have settings; deeper keys have none."""
    assert FORMATS.validate_python(MESSAGES).setting_for(path) == setting


TRACES = ["reasoning_content", "reasoning", "thinking", "thought", "think", "thoughts", "thinking_content"]


@pytest.mark.parametrize("key", TRACES)
def test_every_usual_name_of_a_trace_is_one_of_a_turn_a_column_and_a_part(key: str) -> None:
    """Words for yes or no are not traces, in any letter case."""
    assert read(chat({key: "hm"}), MESSAGES)[0].messages[1]["reasoning"] == "hm"
    assert read(chat({}, **{key: "hm"}), MESSAGES)[0].messages[1]["reasoning"] == "hm"
    parts = [{"type": key, key: "hm"}, {"type": "text", "text": "a"}]
    assert read(chat({"content": parts}), MESSAGES)[0].messages[1]["reasoning"] == "hm"
    for flag in ("on", "off", "true", "false", "yes", "no", "none", "null", "n/a", " Yes ", "\n"):
        assert "reasoning" not in read(chat({key: flag}), MESSAGES)[0].messages[1]


@pytest.mark.parametrize(
    "mark",
    ["weight", "loss", "train", "loss_mask", "trainable", "loss_weight", "training", "train_on_turn"],
)
@pytest.mark.parametrize(("words", "learned"), [("true yes 1 1.0 YES", True), ("false no 0 0.0 No", False)])
def test_every_usual_name_of_a_mark_is_one(mark: str, words: str, learned: bool) -> None:
    """In words for yes and no."""
    for word in words.split():
        draft, notes = read(chat({mark: word}), MESSAGES)
        assert ("context" not in draft.messages[1], notes.found) == (learned, {})


@pytest.mark.parametrize(
    "key",
    [
        "id",
        "name",
        "tool_call_id",
        "call_id",
        "tool_use_id",
        "index",
        "idx",
        "turn",
        "timestamp",
        "lang",
        "language",
        "model",
        "type",
    ],
)
def test_keys_that_say_nothing_of_what_is_trained_are_not_noted(key: str) -> None:
    """In a turn and in a part; a turn that has no others has a text that is null."""
    _, notes = read(chat({key: "x"}), MESSAGES)
    assert notes.tally().unread == ()
    part = {"type": "text", "text": "a"} | ({} if key == "type" else {key: "x"})
    _, notes = read(chat({"content": [part]}), MESSAGES)
    assert notes.tally().unread == ()
    with pytest.raises(PydanticCustomError) as caught:
        read({"messages": [{"role": "user", key: "x"}]}, MESSAGES)
    assert caught.value.type == "prompt_withheld"


@pytest.mark.parametrize("key", ["tools", "functions", "tool_calls", "function_call", "weight", "thinking"])
def test_keys_that_are_read_hold_no_text(key: str) -> None:
    """A turn that has no others has a text that is null."""
    with pytest.raises(PydanticCustomError) as caught:
        read({"messages": [{"role": "user", key: None}]}, MESSAGES)
    assert caught.value.type == "prompt_withheld"


USUAL = ["messages", "conversations", "conversation", "turns", "dialog", "dialogue", "chat"]


@pytest.mark.parametrize("name", USUAL)
def test_a_list_of_a_usual_name_is_the_one(name: str) -> None:
    """Before lists of other names, and before usual names that are less so."""
    turns = chat({})["messages"]
    less = USUAL[USUAL.index(name) + 1 :]
    row = {"other": turns, **dict.fromkeys(reversed(less), turns), name: turns}
    (found,) = Messages.candidates([row])
    assert found.messages == name
    told = says(("human", "q"), ("gpt", "a"))["conversations"]
    (other,) = ShareGPT.candidates([{"other": told, name: told}])
    assert other.conversations == name
    assert [one.messages for one in Messages.candidates([{"another": turns, "beside": turns}])] == [
        "another",
        "beside",
    ]


def test_keys_of_a_turn_without_text_are_shown_up_to_200_characters() -> None:
    """In their order."""
    turn = {"role": "user"} | {f"key{number}": "x" for number in range(50)}
    with pytest.raises(PydanticCustomError) as caught:
        read({"messages": [turn]}, MESSAGES)
    keys = ", ".join(map(repr, turn))[:200]
    assert caught.value.message() == f"turn 0 has no content: its keys are {keys}; see `text`"


def test_a_speaker_that_is_unknown_is_shown_up_to_40_characters() -> None:
    """Or its key, where it is not text; its place is that of the turn."""
    with pytest.raises(PydanticCustomError, match=rf"turn 1 is spoken by '{'x' * 40}': see `roles`"):
        read(says(("human", "q"), ("x" * 50, "a")), SHAREGPT)
    for name in (None, 7):
        with pytest.raises(PydanticCustomError, match=r"conversations\[0\]\.role is"):
            read({"conversations": [{"from": name, "value": "q"}]}, SHAREGPT)
    with pytest.raises(PydanticCustomError, match=r"messages\[1\] is str, not an object"):
        read({"messages": [{"role": "user", "content": "q"}, "a"]}, MESSAGES)


@pytest.mark.parametrize(
    "columns", [{"system": "s"}, {"system_prompt": "s"}, {"system": "", "system_prompt": "s"}]
)
def test_both_usual_names_of_a_system_prompt_are_read(columns: dict[str, str]) -> None:
    """And counted as a turn, unless they say nothing."""
    row = {**says(("human", "q"), ("gpt", "a")), **columns}
    form = FORMATS.validate_python(SHAREGPT)
    assert (roles(row, SHAREGPT), form.turns(row)) == (["system", "user", "assistant"], 3)
    assert roles(row, SHAREGPT | {"system": "other"}) == ["user", "assistant"]


def test_columns_that_are_read_are_named() -> None:
    """With those of the settings; a mark names only the column."""
    usual = {"tools", "functions", "system", "system_prompt", "score"}
    known = {"reasoning_language", "is_reasoning_complete"}  # of sets, and no trace
    assert FORMATS.validate_python(MESSAGES).columns() == {"messages", *usual, *known}
    stated = {"tools": "t", "system": "s", "score": "c", "turn_marks": "m.k.l", "messages": "list"}
    assert FORMATS.validate_python(MESSAGES | stated).columns() == {"list", "t", "s", "c", "m", *known}


@pytest.mark.parametrize("part", ["text", "input_text", "output_text"])
@pytest.mark.parametrize("key", ["text", "value"])
def test_parts_of_text_are_joined(part: str, key: str) -> None:
    """As they stand."""
    parts = [{"type": part, key: "a "}, {"type": part, key: "b"}]
    assert read(chat({"content": parts}), MESSAGES)[0].messages[1]["content"] == "a b"


@pytest.mark.parametrize(
    ("parts", "detail"),
    [
        (["a"], "a part of turn 1 is str, not an object"),
        ([{"type": 7}], "type of a part of turn 1 is int, not text"),
        ([{"type": "x" * 50}], f"turn 1 has a part of type {'x' * 40!r}"),
        ([{"type": "text", "text": None}], "text is missing, not text"),
        ([{"type": "thinking", "thinking": 7}], "thinking is int, not text"),
        ([{"type": "thinking", "content": "hm"}], "thinking is missing, not text"),
        (
            [{"type": "tool_call", "value": {"name": "f"}}, {"type": "text", "text": "a"}],
            "turn 1 goes on after its tool call",
        ),
        (
            [{"type": "tool_call", "value": {"name": "f"}}, {"type": "thinking", "text": "a"}],
            "turn 1 says something before it reasons",
        ),
        (
            [{"type": "text", "text": "a"}, {"type": "thinking", "text": "a"}],
            "turn 1 says something before it reasons",
        ),
        ({"a": 1}, "content of turn 1 is dict, not text"),
    ],
)
def test_parts_that_are_refused_are_told_with_their_turn(parts: object, detail: str) -> None:
    """The error says what is wrong in which turn."""
    with pytest.raises(PydanticCustomError) as caught:
        read(chat({"content": parts}), MESSAGES)
    assert caught.value.message() == detail


def test_several_parts_of_a_trace_are_its_lines() -> None:
    """Blank text before it or after a call says nothing."""
    parts = [
        {"type": "text", "text": " "},
        {"type": "text", "text": "\n"},
        {"type": "thinking", "thinking": "one"},
        {"type": "thinking", "value": "two"},
        {"type": "text", "text": "a"},
        {"type": "tool_call", "tool_call": {"name": "f"}},
        {"type": "text", "text": "\n"},
    ]
    (_, answer) = read(chat({"content": parts}), MESSAGES)[0].messages
    assert answer["reasoning"] == "one\ntwo"
    assert [call["name"] for call in answer["tool_calls"]] == ["f"]


def test_a_response_is_told_its_tool_and_its_call() -> None:
    """By the usual keys, or by an id that is one of a call; other ids are the turn's."""
    call = {"id": "c", "name": "f", "arguments": {}}
    for more, want in (
        ({"tool_call_id": "x"}, {"answers": "x"}),
        ({"call_id": 7}, {"answers": "7"}),
        ({"id": "c"}, {"answers": "c"}),
        ({"id": "m"}, {}),
        ({"name": "f"}, {"named": "f"}),
        ({"name": 7}, {}),
    ):
        turns = [*chat({"tool_calls": [call]})["messages"], {"role": "tool", "content": "r", **more}]
        assert read({"messages": turns}, MESSAGES)[0].messages[2] == {"role": "tool", "content": "r", **want}


def test_calls_of_a_turn_of_calls_may_have_a_trace_beside_them() -> None:
    """And must be calls."""
    row = says(("human", "q"), ("function_call", '{"name": "f"}'))
    row["conversations"][1]["reasoning"] = "hm"
    assert read(row, SHAREGPT)[0].messages[1]["reasoning"] == "hm"
    for nothing in ("[]", "<think>hm</think>\n"):
        with pytest.raises(PydanticCustomError, match="a turn of calls calls nothing"):
            read(says(("human", "q"), ("function_call", nothing)), SHAREGPT)
    with pytest.raises(PydanticCustomError, match=r"messages\[\]\.tool_calls\[\] is int, not a list"):
        read(chat({"tool_calls": 7}), MESSAGES)
    with pytest.raises(PydanticCustomError, match=r"messages\[\]\.tool_calls\[\] is str, not a list"):
        read(chat({"tool_calls": '"f"'}), MESSAGES)
    (_, answer) = read(chat({"tool_calls": {"name": ["f", "g"], "arguments": [{}, {}]}}), MESSAGES)[
        0
    ].messages
    assert [call["name"] for call in answer["tool_calls"]] == ["f", "g"]


@pytest.mark.parametrize(
    ("turns", "fits"),
    [
        ([("user", "q"), ("assistant", "a")], True),
        ([("user", "q"), ("function_call", "{}")], True),
        ([("user", "q"), ("assistant", "a"), ("critic", "c"), ("judge", "j")], True),
        ([("user", "q"), ("assistant", "a"), ("critic", "c"), ("judge", "j"), ("jury", "y")], False),
        ([("assistant", "a"), ("assistant", "b")], False),
        ([("user", "q"), ("user", "b")], False),
    ],
)
def test_a_chat_is_recognised_by_its_speakers(turns: list[tuple[str, str]], fits: bool) -> None:
    """Somebody asks, the assistant answers or calls, and at least half of the turns are of known speakers."""
    listed = [{"role": speaker, "content": text} for speaker, text in turns]
    assert bool(Messages.candidates([{"messages": listed}])) == fits


@pytest.mark.parametrize(
    ("metadata", "fits"),
    [
        ({"train_turns": [True, False]}, True),
        ({"train_turns": (True, False)}, True),
        ({"train_turns": [1, 0]}, False),
        ({"train_turns": [True, 0]}, False),
        ({"train_turns": [True]}, False),
        ({"train_turns": "ab"}, False),
        ({"other": [True, False]}, False),
        ([True, False], False),
    ],
)
def test_marks_in_a_list_are_recognised_by_one_truth_value_a_turn(metadata: object, fits: bool) -> None:
    """In any row."""
    (found,) = Messages.candidates([chat({}), chat({}, metadata=metadata), chat({})])
    assert found.turn_marks == ("metadata.train_turns" if fits else None)
