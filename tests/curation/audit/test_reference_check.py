"""Published examples against the reference: what is right passes, and any slip is found and named."""

import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from thinkmix.curation.audit import reference_check
from thinkmix.curation.audit.reference_check import check_examples, compare_examples, write_sample
from thinkmix.curation.files.shards import write_shard
from thinkmix.curation.tables import EXAMPLES
from thinkmix.schemas.conversation import Message
from thinkmix.schemas.report import Check
from thinkmix.templates.chat.families.qwen3 import QWEN3
from thinkmix.templates.chat.tokenizer import count_tokens
from thinkmix.templates.chat.turns import TrainingTurn, training_turns

CHAT = (
    Message(role="system", content="Be brief."),
    Message(role="user", content="2+2? 中文"),
    Message(role="assistant", content="4", reasoning="two and two"),
    Message(role="user", content="sure?"),
    Message(role="assistant", content="Yes."),
)
SWITCHED = (*CHAT[:3], Message(role="user", content="sure? /no_think"), CHAT[-1])
IN_A_ROW = (*CHAT[:3], CHAT[3], Message(role="assistant", content="Well."), CHAT[-1])
BLOCK = "<think>\n\n</think>\n\n"


def examples(chat: tuple[Message, ...] = CHAT, **changes: Any) -> pl.DataFrame:
    """Make the first and the last example of one chat, with changes to the last one."""
    rows: list[dict[str, Any]] = []
    for turn in training_turns(chat, family=QWEN3, turns=(2, len(chat) - 1), soft_switch=True):
        assert isinstance(turn, TrainingTurn)
        prompt_tokens, completion_tokens = count_tokens([turn.prompt, turn.completion]).tolist()
        messages = [
            {"role": message.role, "content": message.content, "reasoning_content": message.reasoning}
            | {"tool_calls": None}
            for message in chat[: turn.turn + 1]
        ]
        facts = {"id": f"x-{turn.turn}", "source": "s", "conversation_id": "x", "turn": turn.turn}
        texts = {"thinking": turn.thinking, "prompt": turn.prompt, "completion": turn.completion}
        tokens = {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens}
        rows.append({**facts, **texts, **tokens, "messages": messages, "tools": None})
    rows[1] |= changes
    return pl.DataFrame(rows, schema=EXAMPLES, orient="row")


def sampled(shard: Path, shards: int = 1) -> list[Path]:
    """Write the sample of a shard beside it; return its files."""
    out = shard.with_name(f"{shard.name}-sample")
    out.mkdir()
    write_sample(shard, out, shards=shards)
    return sorted(out.iterdir())


def judged(*shards: Path) -> Check:
    files = [file for shard in shards for file in sampled(shard, len(shards))]
    return check_examples([compare_examples(file, family=QWEN3) for file in files])


def test_examples_that_equal_the_reference_pass(tmp_path: Path) -> None:
    """Thinking and not, first turn and later ones, in several shards."""
    for name in "ab":
        write_shard(tmp_path / name, examples())
    got = judged(tmp_path / "a", tmp_path / "b")
    assert got.passed
    assert got.detail == "4 examples rendered by Jinja and counted by the official tokenizer"


@pytest.mark.parametrize("chat", [SWITCHED, IN_A_ROW], ids=["learned-empty-trace", "answers-in-a-row"])
def test_other_forms_pass_as_they_are_served(tmp_path: Path, chat: tuple[Message, ...]) -> None:
    """A learned empty trace is the answer with thinking on; and of two answers the first ends the prompt."""
    write_shard(tmp_path / "a", examples(chat))
    assert judged(tmp_path / "a").passed
    assert (BLOCK in examples(chat)["completion"][-1]) == (chat is SWITCHED)
    write_shard(tmp_path / "b", examples(chat, prompt=examples(chat)["prompt"][-1] + BLOCK))
    assert not judged(tmp_path / "b").passed


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"prompt": "other"}, "x-4: another text"),
        ({"completion": "Yes.<|im_end|>"}, "x-4: another text"),
        ({"completion": "es.<|im_end|>\n"}, "x-4: another text"),
        ({"completion": f"{BLOCK}Yes.<|im_end|>\n"}, "x-4: another text"),
        ({"thinking": True}, "x-4: another text"),
        ({"prompt_tokens": 1}, r"x-4: 1 tokens in the prompt, \d+ by the reference"),
        ({"completion_tokens": 9}, "x-4: 9 tokens in the completion, 4 by the reference"),
    ],
)
def test_an_example_that_differs_fails_the_audit(tmp_path: Path, changes: Any, said: str) -> None:
    """The check names the first one, and what is wrong with it."""
    write_shard(tmp_path / "a", examples(**changes))
    got = judged(tmp_path / "a")
    assert not got.passed
    assert re.search(said, got.detail)


def test_only_a_sample_of_each_shard_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At least one example of a shard, and no more once its part of the bytes is used up."""
    for name in "ab":
        write_shard(tmp_path / name, pl.concat([examples()] * 50))
    monkeypatch.setattr(reference_check, "MOST_BYTES", 2)
    assert judged(tmp_path / "a", tmp_path / "b").detail.startswith("2 examples")


def test_a_changed_example_changes_one_file_of_the_sample(tmp_path: Path) -> None:
    """So the others need not be compared again; and any change of an example, wherever, changes its file."""
    rows = pl.concat([examples().with_columns(id=pl.col("id") + f"-{n}") for n in range(20)])
    contents = []
    for name, prompt in (("old", pl.col("prompt")), ("new", pl.lit("other"))):
        changed = pl.when(pl.col("id") == "x-4-7").then(prompt).otherwise("prompt")
        write_shard(tmp_path / name, rows.with_columns(prompt=changed))
        contents.append([file.read_bytes() for file in sampled(tmp_path / name)])
    old, new = contents
    assert len(old) == len(new) == reference_check.PARTS
    assert sum(one != other for one, other in zip(old, new, strict=True)) == 1
