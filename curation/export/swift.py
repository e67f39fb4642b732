"""ms-swift: rendered texts as system turn and answer, with a template of ours that adds nothing."""

import shlex
from collections.abc import Mapping
from typing import Any, ClassVar

from thinkmix.curation.export.handoff import PLAN, block, room
from thinkmix.curation.export.reading import Pair
from thinkmix.curation.export.record import Counts
from thinkmix.curation.export.text_pairs import TextPairs
from thinkmix.curation.export.version import Example
from thinkmix.schemas.manifest import Split

_TEMPLATE = "as_is.py"


class Swift(TextPairs):
    """Rendered texts as a system turn and an answer for ms-swift, and a template that adds nothing."""

    name: ClassVar[str] = "ms-swift"
    readers: ClassVar[str] = "`swift sft`"
    title: ClassVar[str] = "ms-swift"
    tested: ClassVar[str] = "ms-swift 4.6.0"
    tool: ClassVar[str | None] = "ms-swift"
    held: ClassVar[Mapping[str, str]] = {
        "prompt": "content of the first message",
        "completion": "content of the last message",
        "source": "channel, by which `--enable_channel_loss true` logs a loss for each source",
    }
    left_out: ClassVar[Mapping[str, str]] = {
        **{name: why for name, why in TextPairs.left_out.items() if name != "source"},
        "conversation_id": "as id",
    }
    pitfalls: ClassVar[Mapping[str, str]] = {
        "it ignores `reasoning_content`, and trains an empty think block instead": "the trace is in the text",
        "its tool formatter adds blank lines without a system turn, and drops the trace before a call": (
            "tools and calls are in the text, as the model's own template writes them"
        ),
        "releases differ in whether they train the empty think block and the think blocks of earlier turns": (
            f"`{_TEMPLATE}` adds nothing, so that no setting of theirs applies; keep `--loss_scale default`"
        ),
        "it replaces `{{ROUND0}}` and `{{ROUND1}}` in the text of a question by numbers": (
            "prompts are in the place of system turns, whose text stays as it is"
        ),
        "`--max_length` drops or cuts longer rows": "it is one more than the longest row has",
        "the template is for training only": "`swift infer` reads the trained model with `--template qwen3`",
    }

    def row(self, example: Example) -> dict[str, Any]:
        """Return an example as a system turn, an empty question and an answer."""
        turns = [
            {"role": "system", "content": example.prompt},
            {"role": "user", "content": ""},
            {"role": "assistant", "content": self.completion(example)},
        ]
        return {"messages": turns, "channel": example.source}

    def pair(self, row: Mapping[str, Any]) -> Pair:
        """Return the content of the last message, and what stands before it."""
        *asked, answered = row["messages"]
        return "".join(turn["content"] for turn in asked), answered["content"]

    def configs(self, counts: Mapping[Split, Counts]) -> Mapping[str, str]:
        """Return the plug-in."""
        text = block('''
            """A template for ms-swift that adds nothing: question and answer are rendered already."""

            from swift.template import TemplateMeta, register_template

            # system_prefix: a prompt stands there, because in a question ms-swift would replace {{ROUND0}}
            as_is = TemplateMeta(
                "as_is", prefix=[], system_prefix=["{{SYSTEM}}"], prompt=["{{QUERY}}"],
                chat_sep=None, suffix=[],
            )
            register_template(as_is, exist_ok=True)
        ''')
        return {_TEMPLATE: text}

    def line(self, counts: Mapping[Split, Counts]) -> str:
        """Return its command."""
        held_out = f"--val_dataset {self.file('eval')} " if "eval" in counts else "--split_dataset_ratio 0 "
        return (
            f"swift sft --model {shlex.quote(self.model)} --external_plugins {_TEMPLATE} --template as_is "
            f"--loss_scale default --tuner_type lora --target_modules all-linear --lora_rank {PLAN.rank} "
            f"--lora_alpha {PLAN.alpha} --learning_rate {PLAN.learning_rate} --num_train_epochs 1 "
            f"--dataset {self.file('train')} {held_out}--max_length {room(counts)} --output_dir trained"
        )
