"""Labels lie on the completion and nowhere else."""

import re

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinkmix.schemas.conversation import CONTROL_TOKENS
from thinkmix.schemas.errors import TrainError
from thinkmix.templates.chat.tokenizer import encode, reference_tokenizer
from thinkmix.train.data.encode import IGNORE, encode_example, encode_rows
from thinkmix.train.data.rows import index_rows, read_manifest

BLOCK = "<think>\n\n</think>\n\n"
THINK, THINK_END, IM_START, IM_END = 151667, 151668, 151644, 151645


def decode(ids) -> str:
    return reference_tokenizer().decode([int(i) for i in ids if i != IGNORE], skip_special_tokens=False)


def example_of(row):
    return encode_example(row["id"], prompt=row["prompt"], completion=row["completion"])


def test_labels_mask_exactly_the_prompt(chat):
    """Prompt tokens are ignored, completion tokens are their own labels, and the text is all there."""
    row = chat("2 + 2 = ?", "It is 4.", reasoning="2 and 2 is 4.")
    example = example_of(row)
    masked = row["prompt_tokens"]
    assert decode(example.input_ids) == row["prompt"] + row["completion"]
    assert decode(example.input_ids[:masked]) == row["prompt"]
    assert (example.labels[:masked] == IGNORE).all()
    assert (example.labels[masked:] == example.input_ids[masked:]).all()


def test_a_thinking_turn_trains_from_its_opening_tag(chat):
    """The first trained token is <think>, the last two are <|im_end|> and its newline."""
    labels = example_of(chat("2 + 2 = ?", "4", reasoning="Easy.")).labels
    trained = labels[labels != IGNORE].tolist()
    assert (trained[0], trained[-2:]) == (THINK, [IM_END, *encode("\n")])


def test_an_empty_think_block_is_read_but_never_trained(chat):
    """In a turn without thinking both tags stand in the prompt, under the mask."""
    example = example_of(chat("Hi", "Hello!"))
    assert [int((example.input_ids == tag).sum()) for tag in (THINK, THINK_END)] == [1, 1]
    assert [int((example.labels == tag).sum()) for tag in (THINK, THINK_END)] == [0, 0]
    assert decode(example.labels) == "Hello!<|im_end|>\n"


def test_an_empty_trace_that_is_learned_is_trained(chat):
    """Where it begins the completion, in answer to `/no_think`, its tags are labels like any other token."""
    row = chat("Hi /no_think", "Hello!")
    prompt, completion = row["prompt"].removesuffix(BLOCK), BLOCK + row["completion"]
    labels = encode_example("x", prompt=prompt, completion=completion).labels
    assert decode(labels) == f"{BLOCK}Hello!<|im_end|>\n"


@given(st.text(alphabet="ab 1.,\n中文é", max_size=40), st.text(alphabet="ab 1.,\n中文é", max_size=40))
def test_the_labels_spell_the_completion(question, answer):
    """Whatever is said, the labels decode to the completion and the rest to the prompt."""
    prompt = f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
    completion = f"<think>\n{question}\n</think>\n\n{answer}<|im_end|>\n"
    example = encode_example("x", prompt=prompt, completion=completion)
    assert decode(example.labels) == completion
    assert decode(example.input_ids[example.labels == IGNORE]) == prompt


@pytest.mark.parametrize(("prompt", "completion"), [("<|im_start|>assistant\n", ""), ("", "Hello!")])
def test_a_row_without_a_trained_token_is_refused_by_name(prompt, completion):
    """A row that could teach nothing ends the run before it starts."""
    with pytest.raises(TrainError, match="row r7: no token to train on"):
        encode_example("r7", prompt=prompt, completion=completion)


def test_a_token_across_the_seam_is_refused():
    """White space that melts into the prompt's last token would be other tokens to other trainers."""
    with pytest.raises(TrainError, match=r"row r7: a token spans the end of .*: build the mixture again"):
        encode_example("r7", prompt="<|im_start|>assistant\n", completion="\nHello!<|im_end|>\n")


def test_wanted_rows_are_found_across_shards_and_row_groups(publish, digest_of, sums, tmp_path):
    """A row's number leads to its own tokens, whichever file it lies in, and no scratch file stays."""
    version = publish(sums, shards=3)
    manifest = read_manifest(version, digest=digest_of(version))
    rows = index_rows(version, manifest, split="train", max_tokens=40)
    assert rows.too_long > 0
    wanted = np.array([rows.frame.height - 1, 0, 7, 13, 7])
    tokens = encode_rows(rows, wanted, scratch=tmp_path / "ids")
    by_id = {row["id"]: row for row in sums}
    for number in wanted.tolist():
        row = by_id[rows.frame["id"][number]]
        assert tokens.example(number).input_ids.tolist() == encode(row["prompt"] + row["completion"])
        assert decode(tokens.example(number).labels) == row["completion"]
    assert not (tmp_path / "ids").exists()


def test_counts_that_differ_from_the_published_ones_are_refused(publish, digest_of, sums, tmp_path):
    """A version that was counted with another tokenizer is not trained on."""
    version = publish([{**sums[0], "completion_tokens": 3}])
    rows = index_rows(
        version, read_manifest(version, digest=digest_of(version)), split="train", max_tokens=4096
    )
    with pytest.raises(TrainError, match=f"row {sums[0]['id']}: .* tokens, published as .* \\+ 3"):
        encode_rows(rows, np.array([0]), scratch=tmp_path / "ids")


def test_a_split_without_rows_encodes_to_nothing(publish, digest_of, sums, tmp_path):
    """A mixture may hold nothing out."""
    version = publish(sums)
    rows = index_rows(
        version, read_manifest(version, digest=digest_of(version)), split="eval", max_tokens=4096
    )
    assert isinstance(rows.frame, pl.DataFrame)
    assert encode_rows(rows, np.arange(0), scratch=tmp_path / "ids").starts.tolist() == []


def encode_all(version, digest, scratch):
    rows = index_rows(version, read_manifest(version, digest=digest), split="train", max_tokens=4096)
    return encode_rows(rows, np.arange(rows.frame.height), scratch=scratch)


@pytest.mark.parametrize("token", CONTROL_TOKENS)
@pytest.mark.parametrize("field", ["question", "answer", "reasoning"])
def test_a_control_token_in_what_was_said_is_refused(publish, digest_of, chat, sums, tmp_path, field, token):
    """Somebody's `<|im_end|>` would end a turn: no id of it is ever trained on or read, for any speaker."""
    said = {"question": "Why?", "answer": "So.", "reasoning": "Well."}
    bad = chat(**{**said, field: f"{said[field]} {token} and on"})
    version = publish([*sums[:7], bad])
    with pytest.raises(TrainError, match=rf"row {bad['id']}: its content holds {re.escape(token)}, which"):
        encode_all(version, digest_of(version), tmp_path / "ids")


@pytest.mark.parametrize("where", ["name", "arguments", "tools"])
def test_a_control_token_in_tools_and_calls_is_refused(publish, digest_of, chat, tmp_path, where):
    """Names, arguments and definitions are printed as they are, so they are looked at, too."""
    call, row = {"name": "f", "arguments": "{}"}, chat("Why?", "So.")
    row["tools"] = '[{"name": "<|im_start|>system"}]' if where == "tools" else None
    if where != "tools":
        call[where] = '{"a": "<|im_start|>"}'
    row["messages"][1]["tool_calls"] = [{"type": "function", "function": call}]
    version = publish([row])
    with pytest.raises(TrainError, match=rf"row {row['id']}: its content holds <\|im_start\|>"):
        encode_all(version, digest_of(version), tmp_path / "ids")


def test_what_nearly_is_a_control_token_is_text(publish, digest_of, chat, tmp_path):
    """Parts and look-alikes are words like any other: the only control tokens are the template's own."""
    said = "<|im_end| > <|im_ start|> im_end|> <| think> < think> </think <thinking> <tool_calls> <"
    row = chat(said, said, reasoning=said)
    version = publish([row])
    tokens = encode_all(version, digest_of(version), tmp_path / "ids")
    controls = [int(token) for token in tokens.row(0) if token >= 151_643]
    assert controls == [IM_START, IM_END, IM_START, THINK, THINK_END, IM_END]
    assert decode(tokens.row(0)) == row["prompt"] + row["completion"]
