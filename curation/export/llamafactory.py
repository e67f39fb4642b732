"""LLaMA-Factory: rendered texts in its alpaca form, with the template that adds nothing."""

import json
from collections.abc import Mapping
from typing import ClassVar

from thinkmix.curation.export.handoff import PLAN, block, room
from thinkmix.curation.export.record import Counts
from thinkmix.curation.export.text_pairs import TextPairs
from thinkmix.schemas.manifest import Split

_CONFIG = "llamafactory.yaml"


class LlamaFactory(TextPairs):
    """Rendered texts in LLaMA-Factory's alpaca form, and a config whose template adds nothing."""

    name: ClassVar[str] = "llamafactory"
    readers: ClassVar[str] = "`llamafactory-cli train`, LlamaBoard"
    title: ClassVar[str] = "LLaMA-Factory"
    tested: ClassVar[str] = "llamafactory 0.9.5"
    tool: ClassVar[str | None] = "llamafactory"
    pitfalls: ClassVar[Mapping[str, str]] = {
        "`enable_thinking: false` deletes the trace of every answer; the default `true` trains an empty "
        "think block on answers without a trace": "`template: empty` renders nothing, so neither can happen",
        "its tool formatter wraps tools again, adds blank lines where there is no system turn, and drops the "
        "trace before a call": "tools and calls are in the text, as the model's own template writes them",
        "without `mask_history` it learns every earlier answer of a line": "the prompt is one text, masked",
        "it replaces the first `{{idx}}` in the text of a question by 0": (
            "prompts are in the place of system turns, whose text stays as it is"
        ),
        "at `cutoff_len` it cuts prompt and answer, and in a row of exactly that length sometimes the last "
        "token": "`cutoff_len` is one more than the longest row has",
        "`template: empty` is for training only": "chat with the trained model by `template: qwen3`",
    }

    def configs(self, counts: Mapping[Split, Counts]) -> Mapping[str, str]:
        """Return dataset_info.json and the config."""
        entry = {"formatting": "alpaca", "columns": {"system": "prompt", "response": "completion"}}
        info = {f"mixture_{split}": {"file_name": self.file(split), **entry} for split in counts}
        held_out = "eval_dataset: mixture_eval\n" if "eval" in counts else ""
        config = block(f"""
            model_name_or_path: {json.dumps(self.model)}
            stage: sft
            do_train: true
            finetuning_type: lora
            lora_target: all
            lora_rank: {PLAN.rank}
            lora_alpha: {PLAN.alpha}
            dataset_dir: .
            dataset: mixture_train
            template: empty  # the rows are rendered already
            cutoff_len: {room(counts)}
            learning_rate: {PLAN.learning_rate}
            num_train_epochs: 1
            seed: {PLAN.seed}
            output_dir: trained
        """)
        return {"dataset_info.json": json.dumps(info, indent=2) + "\n", _CONFIG: config + held_out}

    def line(self, counts: Mapping[Split, Counts]) -> str:
        """Return its command."""
        return f"llamafactory-cli train {_CONFIG}"
