"""`render_chat` against the official renderings, and against our own small cases."""

import json
from hashlib import sha256
from pathlib import Path

import pytest

from thinkmix.schemas.conversation import Message, ToolCall
from thinkmix.schemas.errors import TemplateError
from thinkmix.templates.chat.families.known import FAMILIES, family_of
from thinkmix.templates.chat.families.qwen3 import QWEN3
from thinkmix.templates.chat.families.qwen3_instruct_2507 import QWEN3_INSTRUCT_2507
from thinkmix.templates.chat.families.qwen3_thinking_2507 import QWEN3_THINKING_2507
from thinkmix.templates.chat.render import render_chat

GOLDEN = (Path(__file__).parents[2] / "../shared/golden").resolve()
FILES = {
    QWEN3: "qwen3_hybrid.jsonl",
    QWEN3_INSTRUCT_2507: "qwen3_instruct2507.jsonl",
    QWEN3_THINKING_2507: "qwen3_thinking2507.jsonl",
}
EMPTY_TRACE = "<think>\n\n</think>\n\n"


def turn(role, text):
    return f"<|im_start|>{role}\n{text}<|im_end|>\n"


def user(content="q"):
    return {"role": "user", "content": content}


def assistant(content="a", **fields):
    return {"role": "assistant", "content": content, **fields}


def tool(content="r"):
    return {"role": "tool", "content": content}


def rendered(row, family):
    try:
        return render_chat(row["messages"], tools=row["tools"], family=family, **row["kwargs"])
    except TemplateError:
        return None


@pytest.mark.skipif(not GOLDEN.is_dir(), reason="no golden renderings beside the checkout")
@pytest.mark.parametrize("family", FILES)
def test_every_golden_row_renders_as_the_official_template_does(family):
    """Every golden row has the official text, byte for byte, or is refused where the official one fails."""
    rows = [json.loads(line) for line in (GOLDEN / FILES[family]).read_text(encoding="utf-8").splitlines()]
    wrong = [
        row["id"] for row in rows if rendered(row, family) != row.get("plain_jinja", row.get("expected"))
    ]
    assert wrong == []
    assert len(rows) == 793


@pytest.mark.parametrize(
    ("messages", "want"),
    [
        pytest.param(
            [user(), assistant()], turn("user", "q") + turn("assistant", EMPTY_TRACE + "a"), id="empty-trace"
        ),
        pytest.param(
            [user(), assistant("<think>\n\nr\n</think>\n\n\n a")],
            turn("user", "q") + turn("assistant", "<think>\nr\n</think>\n\n a"),
            id="inline-trace-only-newlines-are-stripped",
        ),
        pytest.param(
            [user(), assistant("a", reasoning_content=" r\r\n")],
            turn("user", "q") + turn("assistant", "<think>\n r\r\n</think>\n\na"),
            id="own-field-carriage-returns-stay",
        ),
        pytest.param(
            [user(), assistant("x<think>1</think>y<think>2</think>z")],
            turn("user", "q") + turn("assistant", "<think>\n1\n</think>\n\nz"),
            id="several-traces",
        ),
        pytest.param(
            [user(), assistant("<think>never closed")],
            turn("user", "q") + turn("assistant", EMPTY_TRACE + "<think>never closed"),
            id="unclosed-trace",
        ),
        pytest.param(
            [user(), assistant("<think>1</think>a", reasoning_content=""), user("q2")],
            turn("user", "q") + turn("assistant", "<think>1</think>a") + turn("user", "q2"),
            id="an-empty-field-forbids-the-search-for-tags",
        ),
        pytest.param(
            [user(), assistant("a", reasoning_content="r"), user("q2"), assistant("b")],
            turn("user", "q")
            + turn("assistant", "a")
            + turn("user", "q2")
            + turn("assistant", EMPTY_TRACE + "b"),
            id="history-without-trace",
        ),
        pytest.param(
            [
                user(),
                assistant("a", reasoning_content="r"),
                user("<tool_response>x</tool_response>"),
                assistant("b"),
            ],
            turn("user", "q")
            + turn("assistant", "<think>\nr\n</think>\n\na")
            + turn("user", "<tool_response>x</tool_response>")
            + turn("assistant", EMPTY_TRACE + "b"),
            id="a-disguised-response-is-no-query",
        ),
        pytest.param(
            [user([{"type": "text", "text": "q"}]), assistant("a", reasoning_content="r")],
            turn("user", "") + turn("assistant", "a"),
            id="parts-are-dropped-and-are-no-query",
        ),
        pytest.param(
            [
                {"role": "system", "content": ""},
                user(),
                {"role": "developer", "content": "x"},
                {"role": "system", "content": None},
            ],
            turn("system", "") + turn("user", "q") + turn("system", ""),
            id="unknown-roles-vanish",
        ),
        pytest.param(
            [user(), tool("1"), tool("2"), tool(None)],
            turn("user", "q")
            + "<|im_start|>user\n<tool_response>\n1\n</tool_response>\n<tool_response>\n2\n</tool_response>"
            + "\n<tool_response>\n\n</tool_response><|im_end|>\n",
            id="responses-share-a-turn",
        ),
        pytest.param([{"from": "human", "value": "q"}], "", id="foreign-keys"),
        pytest.param(
            [user("{{ 6 * 7 }}{% raw %}")], turn("user", "{{ 6 * 7 }}{% raw %}"), id="text-is-no-template"
        ),
    ],
)
def test_the_hybrid_template_prints(messages, want):
    """The rules of the hybrid template, one case each."""
    assert render_chat(messages, family=QWEN3) == want


@pytest.mark.parametrize(
    ("calls", "want"),
    [
        (
            [{"name": "f", "arguments": {"é": "<&>'", "a": [1, None]}}],
            '{"name": "f", "arguments": {"é": "<&>\'", "a": [1, null]}}',
        ),
        (
            [{"type": "function", "function": {"name": "f", "arguments": "not json"}}],
            '{"name": "f", "arguments": not json}',
        ),
        ([{"name": 'a"b', "arguments": None}], '{"name": "a"b", "arguments": null}'),
        ([{"arguments": True}], '{"name": "", "arguments": true}'),
    ],
)
def test_tool_calls_are_printed_as_they_are(calls, want):
    """Arguments that are text are printed verbatim, all others as JSON; nothing is validated."""
    got = render_chat([user(), assistant("", tool_calls=calls), user("q2")], family=QWEN3)
    assert got == turn("user", "q") + turn("assistant", f"<tool_call>\n{want}\n</tool_call>") + turn(
        "user", "q2"
    )


def test_calls_after_text_start_on_new_lines():
    """Text and the first call, and calls among each other, are parted by one line break."""
    calls = [{"name": "f", "arguments": {}}, {"name": "g", "arguments": {}}]
    got = render_chat([user(), assistant("a", tool_calls=calls)], family=QWEN3_INSTRUCT_2507)
    call = '<tool_call>\n{{"name": "{}", "arguments": {{}}}}\n</tool_call>'
    assert got == turn("user", "q") + turn("assistant", f"a\n{call.format('f')}\n{call.format('g')}")


@pytest.mark.parametrize("family", FILES)
@pytest.mark.parametrize(("system", "before"), [([], ""), ([{"role": "system", "content": "s"}], "s\n\n")])
def test_tools_are_listed_in_the_system_turn(family, system, before):
    """Tools are printed as given, keys in their order, under the system prompt if there is one."""
    tools = [{"z": "中", "a": {"<": 1}}, "odd"]
    got = render_chat([*system, user()], tools=tools, family=family)
    assert got.startswith(f"<|im_start|>system\n{before}# Tools\n\nYou may call one or more functions")
    assert '\n<tools>\n{"z": "中", "a": {"<": 1}}\n"odd"\n</tools>\n\nFor each function call' in got
    assert got.endswith("<args-json-object>}\n</tool_call><|im_end|>\n" + turn("user", "q"))


@pytest.mark.parametrize(
    ("family", "enable_thinking", "want"),
    [
        (QWEN3, False, EMPTY_TRACE),
        *[(QWEN3, value, "") for value in (None, True, 0, "", "false", [])],
        (QWEN3_INSTRUCT_2507, False, ""),
        (QWEN3_THINKING_2507, False, "<think>\n"),
        (QWEN3_THINKING_2507, True, "<think>\n"),
    ],
)
def test_the_generation_prompt_opens_the_assistants_turn(family, enable_thinking, want):
    """Only the value False closes the trace in advance, and only for the hybrid."""
    got = render_chat([user()], family=family, add_generation_prompt=True, enable_thinking=enable_thinking)
    assert got == turn("user", "q") + "<|im_start|>assistant\n" + want


def test_instruct_prints_assistant_turns_untouched():
    """Instruct-2507 knows no traces: tags stay where they are, the field is not shown."""
    got = render_chat(
        [user(), assistant("\n<think>r</think>a", reasoning_content="x")], family=QWEN3_INSTRUCT_2507
    )
    assert got == turn("user", "q") + turn("assistant", "\n<think>r</think>a")


def test_messages_of_a_conversation_are_accepted_as_they_are():
    """A `Message` renders as its chat form."""
    call = ToolCall(name="f", arguments={"x": 1})
    messages = [
        Message(role="user", content="q"),
        Message(role="assistant", reasoning="r", tool_calls=(call,)),
    ]
    assert render_chat(messages, family=QWEN3) == render_chat(
        [message.to_chat() for message in messages], family=QWEN3
    )
    assert render_chat(messages, family=QWEN3).endswith(
        '<think>\nr\n</think>\n\n<tool_call>\n{"name": "f", "arguments": {"x": 1}}\n</tool_call><|im_end|>\n'
    )


@pytest.mark.parametrize(
    ("messages", "tools", "want"),
    [
        ([], None, "messages is empty: a chat needs at least one turn"),
        (["hi"], None, "messages[0] is a str, not an object with role and content"),
        (
            [{"role": "system", "content": None}],
            None,
            "messages[0] (system): content is missing, but a leading system turn must be text",
        ),
        (
            [{"role": "system"}],
            [{}],
            "messages[0] (system): content is missing, but a leading system turn must be text",
        ),
        (
            [{"role": "system", "content": [1]}],
            None,
            "messages[0] (system): content is a list, but a leading system turn must be text",
        ),
        (
            [user(), assistant(tool_calls=[{"name": "f"}])],
            None,
            "messages[1] (assistant): tool_calls[0] has no arguments",
        ),
        (
            [user(), assistant(tool_calls={"name": "f", "arguments": {}})],
            None,
            "messages[1] (assistant): tool_calls is a dict, not a list",
        ),
        (
            [user(), assistant(tool_calls=["f"])],
            None,
            "messages[1] (assistant): tool_calls[0] is a str, not an object with name and arguments",
        ),
        (
            [user(), assistant(tool_calls=[{"name": "f", "arguments": {1}}])],
            None,
            "messages[1] (assistant): tool_calls[0]: arguments are not JSON: "
            "Object of type set is not JSON serializable",
        ),
        (
            [user(), assistant(tool_calls=[{"function": {"name": "f", "arguments": {1}}}])],
            None,
            "messages[1] (assistant): tool_calls[0]: arguments are not JSON: "
            "Object of type set is not JSON serializable",
        ),
        (
            [{"role": "system", "content": "s"}, assistant(tool_calls=["f"])],
            None,
            "messages[1] (assistant): tool_calls[0] is a str, not an object with name and arguments",
        ),
        (
            [user([{"type": "text", "text": "q"}]), assistant(tool_calls=["f"])],
            None,
            "messages[1] (assistant): tool_calls[0] is a str, not an object with name and arguments",
        ),
        ([user()], [{"a": b"x"}], "tools[0] is not JSON: Object of type bytes is not JSON serializable"),
        ([user()], 5, "tools is a int, not a list"),
    ],
)
@pytest.mark.parametrize("family", FILES)
def test_what_cannot_be_printed_is_named(family, messages, tools, want):
    """An error says which message, which field, and why."""
    with pytest.raises(TemplateError) as caught:
        render_chat(messages, tools=tools, family=family)
    assert str(caught.value) == want


def test_values_nested_without_end_are_refused():
    """A value too deep to be written as JSON is an error of its row, not a crash."""
    deep = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(TemplateError, match=r"tool_calls\[0\]: arguments are not JSON: nested too deep"):
        render_chat([user(), assistant(tool_calls=[{"name": "f", "arguments": deep}])], family=QWEN3)


def test_an_unknown_template_is_refused():
    """The error lists the templates there are."""
    with pytest.raises(TemplateError, match="no chat template 'qwen2'; there are qwen3, qwen3-instruct-2507"):
        family_of("qwen2")


def test_digests_are_those_of_the_files():
    """A template's digest is the sha256 of its file, that of the text which was checked; no two are equal."""
    folder = Path(__file__).parents[2] / "templates" / "chat" / "families"
    got = {name: family.digest() for name, family in FAMILIES.items()}
    assert got == {
        name: sha256((folder / family.jinja).read_bytes()).hexdigest() for name, family in FAMILIES.items()
    }
    assert got == {name: family.sha256 for name, family in FAMILIES.items()}
    assert len(set(got.values())) == len(FAMILIES)


def test_every_family_is_compared_with_its_official_template():
    """Golden renderings are listed for each."""
    assert set(FILES) == set(FAMILIES.values())


@pytest.mark.parametrize(
    "payload",
    [
        "{{ cycler.__init__.__globals__.os.system('true') }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{% for x in range(10**9) %}{% endfor %}",
    ],
)
def test_row_text_is_never_run(payload):
    """Template code in any field of a row is text."""
    call = {"name": payload, "arguments": {payload: payload}}
    got = render_chat(
        [
            {"role": "system", "content": payload},
            user(payload),
            assistant(payload, tool_calls=[call]),
            tool(payload),
        ],
        tools=[{payload: payload}],
        family=QWEN3,
    )
    assert got.count(payload) == 9
