"""What `format: auto` makes of rows: each layout is told from all others; ties and strangers are said."""

import pyarrow as pa
import pytest
import yaml

from tests.harness.layouts import HUMAN_GPT, REFUSED, SAMPLES, TOOLS, USER_ASSISTANT, Row, Sample, chat, gpt
from thinkmix.schemas.conversation import Message
from thinkmix.schemas.findings import HARMLESS, Notes, looks_like, states_something
from thinkmix.schemas.formats import recognition
from thinkmix.schemas.formats.recognition import (
    FORMATS,
    best,
    format_statement,
    parse_format,
    refusal,
    unknown,
)


def recognised(*rows: Row) -> list[str]:
    return [format.statement() for format in best(rows)]


@pytest.mark.parametrize("stored", [False, True], ids=["json", "table"])
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.set)
def test_every_set_is_recognised_and_read(sample: Sample, stored: bool) -> None:
    """The layout of each set is one format with its settings, and that reads roles, texts and traces.

    In a table every object of a column has the keys of all of them.
    """
    rows = pa.Table.from_pylist(sample.rows).to_pylist() if stored else sample.rows
    (found,) = best(rows)
    draft = found.read(rows[0], Notes())
    messages = [Message.model_validate(fields) for fields in draft.messages]
    while messages and messages[-1].role == "user":
        messages.pop()

    assert refusal(rows) is None
    assert found.statement() == sample.statement
    assert [(turn.role, turn.content, turn.reasoning) for turn in messages] == sample.turns
    assert sample.set in type(found).sets


@pytest.mark.parametrize(("name", "want", "row"), TOOLS, ids=[name for name, _, _ in TOOLS])
def test_sets_of_tool_calls_are_recognised(name: str, want: str, row: Row) -> None:
    """Though most of them are lists of turns or texts, too; and what was recognised reads the row."""
    (found,) = best([row])

    assert (found.statement(), refusal([row])) == (want, None)
    assert name in type(found).sets
    assert [turn["role"] for turn in found.read(row, Notes()).messages][-1] == "assistant"


@pytest.mark.parametrize(("name", "row", "words"), REFUSED, ids=[name for name, _, _ in REFUSED])
def test_rows_that_no_format_may_read_are_refused_in_a_sentence(name: str, row: Row, words: str) -> None:
    """Though a format might fit them: preferences, images, and single messages of trees."""
    assert words in (refusal([row]) or "")


def test_two_formats_that_fit_equally_well_are_both_returned() -> None:
    """Turns in both usual columns, and two answers to one question."""
    both = {"messages": chat(*USER_ASSISTANT), "conversations": gpt(*HUMAN_GPT)}

    assert sorted(recognised(both)) == ["{type: messages}", "{type: sharegpt}"]
    assert recognised({"question": "q", "answer": "a", "response": "b"}) == [
        "{type: qa}",
        "{type: qa, answer: response}",
    ]


def test_a_sample_may_hold_rows_that_fit_nothing() -> None:
    """More than half of its rows decide; without such a majority there is no format."""
    good: Row = {"conversations": gpt(*HUMAN_GPT)}

    assert recognised(good, good, {"conversations": None}) == ["{type: sharegpt}"]
    assert recognised(good, {"conversations": None}) == []


def test_unknown_rows_are_named_by_their_columns() -> None:
    """Twenty of them at most, without characters that steer a terminal."""
    assert unknown([{"a": 1, "b\x1b[31m": 2}]) == (
        "its rows are in no layout that is known; their columns are `a`, `b·[31m`; see docs/formats.md"
    )
    assert "and 5 more" in unknown([{f"c{n}": n for n in range(25)}])


@pytest.mark.parametrize(
    "row",
    [
        {"chosen": None, "rejected": None, "conversations": gpt(*HUMAN_GPT)},
        {"image": None, "images": [], "messages": chat(*USER_ASSISTANT)},
        {"label": 3, "question": "q", "answer": "a"},
        {"responses": [{"response": "a", "response_model": "m"}] * 2, "question": "q"},
    ],
)
def test_columns_of_such_names_that_say_nothing_of_the_kind_do_not_matter(row: Row) -> None:
    """Nulls, empty lists, and labels that are numbers."""
    assert refusal([row]) is None
    assert len(recognised(row)) == 1


@pytest.mark.parametrize(
    "format",
    [
        {"type": "messages"},
        {"type": "qa", "question": "질문", "answer": "a: b"},
        {"type": "sharegpt", "roles": {"no": "user", "12": "assistant"}, "conversations": "on"},
        {"type": "rendered", "dialect": "chatml", "text": 'a "quoted" name\u202e'},
    ],
)
def test_a_statement_is_yaml_that_means_the_same_format(format: dict[str, object]) -> None:
    """On one line, whatever the columns are called, and without characters that steer a terminal."""
    stated = parse_format(format)

    assert parse_format(yaml.safe_load(stated.statement())) == stated
    assert stated.statement().isprintable()


def test_a_stated_format_that_is_no_more_is_shown_as_it_was() -> None:
    """A manifest may be older than the program."""
    assert format_statement({"type": "gone", "column": "a"}) == "{type: gone, column: a}"


def test_every_format_is_documented_and_each_set_belongs_to_one() -> None:
    """Remarks are made of sets that are read, and no two formats claim a set."""
    sets = [name for kind in FORMATS for name in kind.sets]

    assert [kind.__name__ for kind in FORMATS if not kind.sets] == []
    assert len(sets) == len(set(sets))
    assert [name for kind in FORMATS for name in kind.remarks if name not in kind.sets] == []


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.set)
def test_no_set_holds_a_field_that_looks_as_if_it_should_be_read(sample: Sample) -> None:
    """What a set has beside its turns must not warn in every build, or nobody looks at warnings."""
    (format,), row, notes = best(sample.rows), sample.rows[0], Notes()
    format.read(row, notes)
    known = format.columns() | HARMLESS | notes.read
    left = [name for name, value in row.items() if name not in known and states_something(value)]

    assert [name for name in left if looks_like(name)] == []
    assert [field.path for field in notes.tally().unread if looks_like(field.path)] == []


@pytest.mark.parametrize(
    ("turns", "words"),
    [
        (
            [{"who": "a", "says": "Hi"}, {"who": "b", "says": "Hello"}],
            "if `talk` holds turns, state `format: {type: messages, messages: talk}` with those of their "
            "keys (`who`, `says`) that are `speaker` and `text`",
        ),
        (
            gpt(("pilgrim", "Where?"), ("oracle", "There."), ("human", "Ah.")),
            "if `talk` holds turns, state `format: {type: messages, messages: talk}` with the `roles` of "
            "`pilgrim`, `oracle`",
        ),
        (gpt(("human", "Where?")), "see docs/formats.md"),
        (["Where?", "There."], "see docs/formats.md"),
    ],
)
def test_turns_that_are_not_recognised_are_told_with_the_settings_that_read_them(
    turns: object, words: str
) -> None:
    """Their keys if none is known, and else the speakers of unknown names."""
    assert unknown([{"id": 1, "talk": turns}]).endswith(f"`id`, `talk`; {words}")


PAIRED = [
    ("chosen", "rejected"),
    ("chosen_response", "rejected_response"),
    ("response_chosen", "response_rejected"),
    ("chosen_output", "rejected_output"),
    ("conversation_a", "conversation_b"),
    ("response_0", "response_1"),
    ("response_1", "response_2"),
    ("response1", "response2"),
    ("response_a", "response_b"),
    ("answer_0", "answer_1"),
    ("output_1", "output_2"),
    ("human_ref_a", "human_ref_b"),
]


@pytest.mark.parametrize("pair", PAIRED, ids=" ".join)
def test_two_columns_of_answers_are_preferences(pair: tuple[str, str]) -> None:
    """In any letter case, as the file writes them; one of them alone is none."""
    one, other = pair[0].title(), pair[1].upper()
    sentence = f"its rows are preferences (`{one}` and `{other}`), which no format reads yet"

    assert refusal([{"prompt": "q", one: "a", other: "b"}]) == sentence
    assert [refusal([{"prompt": "q", name: "a"}]) for name in pair] == [None, None]


@pytest.mark.parametrize("name", ["label", "preferred", "is_preferred", "Label"])
def test_answers_with_a_label_that_is_true_or_false_are_preferences(name: str) -> None:
    """In most rows; in half of them it is not enough."""
    sentence = f"its rows are preferences (answers with the label `{name}`), which no format reads yet"
    rows = [{"prompt": "q", "completion": "a", name: said} for said in (True, False, "yes")]

    assert refusal(rows) == sentence
    assert refusal(rows[1:]) is None


@pytest.mark.parametrize("name", ["completions", "answers", "responses", "candidates", "generations"])
@pytest.mark.parametrize("rank", ["rank", "score", "rating", "annotations", "Overall_Score"])
def test_lists_of_ranked_answers_are_preferences(name: str, rank: str) -> None:
    """Two or more, each with its rank."""
    ranked = [{"text": "a", rank: 1}, {"text": "b", rank: 2}]
    sentence = f"its rows are preferences (the ranked list `{name}`), which no format reads yet"

    assert refusal([{"prompt": "q", name: ranked}]) == sentence
    assert refusal([{"prompt": "q", name: tuple(ranked)}]) == sentence
    for other in (
        ranked[:1],
        [*ranked, {"text": "c"}],
        [*ranked, "c"],
        {"a": ranked[0], "b": ranked[1]},
        "ab",
    ):
        assert refusal([{"prompt": "q", name: other}]) is None


def test_media_and_single_messages_are_refused_in_their_own_words() -> None:
    """Each sentence names the column, or the way out."""
    seen = {"image": b"x", "messages": chat(*USER_ASSISTANT)}
    sentence = "its rows come with media (column `image`), which a model of text cannot see"

    assert refusal([seen, seen, {**seen, "image": None}]) == sentence
    assert refusal([seen, {**seen, "image": None}]) is None
    single = dict.fromkeys(("message_id", "parent_id", "text", "role", "message_tree_id"), "x")
    assert refusal([single]) == (
        "it holds one message a row, and a conversation lies in many rows; name the files of whole "
        "trees instead (*.trees.jsonl.gz), which `format: oasst` reads"
    )


def test_kinds_that_are_refused_are_told_with_their_sets() -> None:
    """The page of the formats shows them."""
    assert {words.partition(":")[0]: sets for words, sets in recognition.REFUSED.items()} == {
        "Media": ("liuhaotian/LLaVA-Instruct-150K",),
        "One message a row": ("OpenAssistant/oasst2 (`*.messages.jsonl.gz` and its parquet files)",),
        "Preferences": (
            "HuggingFaceH4/ultrafeedback_binarized",
            "Anthropic/hh-rlhf",
            "Intel/orca_dpo_pairs",
            "llamafactory/DPO-En-Zh-20k",
            "PKU-Alignment/PKU-SafeRLHF",
            "nvidia/HelpSteer3",
            "openbmb/UltraFeedback",
        ),
    }


def test_long_names_and_many_columns_are_cut() -> None:
    """After 60 characters, and after 20 columns."""
    assert "`" + "a" * 60 + "`" in unknown([{"a" * 60: 1}])
    assert "`" + "a" * 59 + "…`" in unknown([{"a" * 61: 1}])
    words = unknown([{f"c{n}": n for n in range(20)}])
    assert words.endswith("`c18`, `c19`; see docs/formats.md")
    words = unknown([{f"c{n}": n for n in range(21)}])
    assert words.endswith("`c18`, `c19` and 1 more; see docs/formats.md")
    assert unknown([{}]).endswith("their columns are none; see docs/formats.md")


def test_of_turns_that_are_not_recognised_20_keys_and_20_speakers_are_told() -> None:
    """And only columns are turns that hold lists of objects in most rows."""
    keyed = [{f"k{n}": "x" for n in range(21)}]
    words = "with those of their keys ({}) that are `speaker` and `text`"
    assert unknown([{"talk": keyed}]).endswith(words.format(", ".join(f"`k{n}`" for n in range(20))))
    voices = gpt(*((f"v{n}", "Hi.") for n in range(21)))
    assert unknown([{"talk": voices}]).endswith(f"of {', '.join(f'`v{n}`' for n in range(20))}")
    assert unknown([{"talk": voices}, {"talk": None}]).endswith("; see docs/formats.md")
    spoken = [{"role": "user", "said": "Hi"}]
    assert unknown([{"talk": spoken}]).endswith(words.format("`role`, `said`"))
    texts = [{"who": "a", "content": "Hi"}]
    assert unknown([{"talk": texts}]).endswith(words.format("`who`, `content`"))
    some = [{"role": "pilgrim", "content": "Hi"}, {"role": "pilgrim", "content": None}]
    assert unknown([{"talk": some}]).endswith("with the `roles` of `pilgrim`")
    odd = [{"role": 3, "content": "Hi"}]
    assert unknown([{"talk": odd}]).endswith("; see docs/formats.md")
