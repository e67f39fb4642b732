"""axolotl: token ids with an attention mask, which it takes as they are."""

import json
from collections.abc import Mapping
from typing import ClassVar

from thinkmix.curation.export.handoff import PLAN, block, room
from thinkmix.curation.export.record import Counts
from thinkmix.curation.export.token_rows import TokenRows
from thinkmix.schemas.manifest import Split

_CONFIG = "axolotl.yaml"


class Axolotl(TokenRows):
    """Token ids with an attention mask as parquet, and a config whose dataset has no type."""

    name: ClassVar[str] = "axolotl"
    readers: ClassVar[str] = "`axolotl train`"
    title: ClassVar[str] = "axolotl"
    tested: ClassVar[str] = "axolotl 0.19.0"
    tool: ClassVar[str | None] = "axolotl"
    masked: ClassVar[bool] = True
    pitfalls: ClassVar[Mapping[str, str]] = {
        "`type: chat_template` trains neither the opening `<think>` of an answer nor the line break after "
        "its end": "the labels are ours, and no template renders the rows",
        "it renders rows that lack one of `input_ids`, `attention_mask` and `labels`": "there are all three",
        "it leaves rows longer than `sequence_len` out": "that is one more than the longest row has",
        "its kernels for LoRA need a GPU": "on a CPU add `--lora-mlp-kernel false --lora-qkv-kernel false "
        "--lora-o-kernel false`",
    }

    def configs(self, counts: Mapping[Split, Counts]) -> Mapping[str, str]:
        """Return the config."""
        held_out = block(f"""
            test_datasets:
              - path: {self.file("eval")}
                ds_type: parquet
                split: train
                type:
        """)
        config = block(f"""
            base_model: {json.dumps(self.model)}
            datasets:
              - path: {self.file("train")}
                ds_type: parquet
                split: train
                type:  # none: the rows have ids and labels
            sequence_len: {room(counts)}
            adapter: lora
            lora_r: {PLAN.rank}
            lora_alpha: {PLAN.alpha}
            lora_target_linear: true
            special_tokens:
              eos_token: "<|im_end|>"
            learning_rate: {PLAN.learning_rate}
            lr_scheduler: cosine
            optimizer: adamw_torch
            num_epochs: 1
            micro_batch_size: 1
            gradient_accumulation_steps: 8
            seed: {PLAN.seed % 2**31}
            output_dir: trained
        """)
        return {_CONFIG: config + (held_out if "eval" in counts else "")}

    def line(self, counts: Mapping[Split, Counts]) -> str:
        """Return its command."""
        return f"axolotl train {_CONFIG}"
