"""torchtune: token ids, a dataset of ours that hands them over, and a config."""

import json
from collections.abc import Mapping
from typing import ClassVar

from thinkmix.curation.export.handoff import PLAN, block
from thinkmix.curation.export.record import Counts
from thinkmix.curation.export.token_rows import TokenRows
from thinkmix.schemas.manifest import Split

_CONFIG, _DATASET = "torchtune.yaml", "mixture.py"


class Torchtune(TokenRows):
    """Token ids as parquet, a dataset class that hands them to torchtune, and a config."""

    name: ClassVar[str] = "torchtune"
    readers: ClassVar[str] = "`tune run`"
    title: ClassVar[str] = "torchtune"
    tested: ClassVar[str] = "torchtune 0.6.1"
    tool: ClassVar[str | None] = "torchtune"
    pitfalls: ClassVar[Mapping[str, str]] = {
        "`chat_dataset` trains the header of an answer and not its `<|im_end|>`": "the labels are ours",
        "it takes no rows of ids": f"`{_DATASET}` hands them over as `tokens` and `labels`",
        "release 0.6.1 has no Qwen3, and the project is no longer maintained": (
            "the config names the modules of its repository's last state; train with another tool if you can"
        ),
        "with torchao 0.18 it cannot be imported": "install `torchao==0.11.0`",
    }

    def configs(self, counts: Mapping[Split, Counts]) -> Mapping[str, str]:
        """Return the dataset class and the config."""
        dataset = block('''
            """The rows beside this file, as torchtune reads them."""

            from pathlib import Path

            import pyarrow.parquet as pq
            from torch.utils.data import Dataset


            class Mixture(Dataset):
                """Rows of ids and labels; the recipe pads and shifts them."""

                def __init__(self, tokenizer=None, *, file="data/train.parquet"):
                    table = pq.read_table(Path(__file__).parent / file)
                    self.ids, self.labels = table["input_ids"], table["labels"]

                def __len__(self):
                    return len(self.ids)

                def __getitem__(self, row):
                    return {"tokens": self.ids[row].as_py(), "labels": self.labels[row].as_py()}
        ''')
        config = block(f"""
            output_dir: trained
            base: {json.dumps(self.model)}  # a folder: download the model first
            model:
              _component_: torchtune.models.qwen3.lora_qwen3_4b_instruct  # of the size of the model
              lora_attn_modules: [q_proj, k_proj, v_proj, output_proj]
              apply_lora_to_mlp: true
              lora_rank: {PLAN.rank}
              lora_alpha: {PLAN.alpha}
              lora_dropout: 0.0
            tokenizer:
              _component_: torchtune.models.qwen3.qwen3_tokenizer
              path: ${{base}}/vocab.json
              merges_file: ${{base}}/merges.txt
              max_seq_len: null
            checkpointer:
              _component_: torchtune.training.FullModelHFCheckpointer
              checkpoint_dir: ${{base}}
              checkpoint_files:  # as many as the model has
                - model-00001-of-00003.safetensors
                - model-00002-of-00003.safetensors
                - model-00003-of-00003.safetensors
              recipe_checkpoint: null
              output_dir: ${{output_dir}}
              model_type: QWEN3
            resume_from_checkpoint: false
            dataset:
              _component_: mixture.Mixture
              file: {self.file("train")}
            collate_fn: torchtune.data.padded_collate_sft
            seed: {PLAN.seed}
            shuffle: true
            batch_size: 1
            gradient_accumulation_steps: 8
            epochs: 1
            max_steps_per_epoch: null
            optimizer:
              _component_: torch.optim.AdamW
              lr: {PLAN.learning_rate}
            lr_scheduler:
              _component_: torchtune.training.lr_schedulers.get_cosine_schedule_with_warmup
              num_warmup_steps: 10
            loss:
              _component_: torchtune.modules.loss.LinearCrossEntropyLoss
            clip_grad_norm: 1.0
            compile: false
            device: cuda
            dtype: bf16
            enable_activation_checkpointing: true
            enable_activation_offloading: false
            metric_logger:
              _component_: torchtune.training.metric_logging.DiskLogger
              log_dir: ${{output_dir}}/logs
            log_every_n_steps: 1
            log_peak_memory_stats: false
            profiler:
              _component_: torchtune.training.setup_torch_profiler
              enabled: false
        """)
        return {_DATASET: dataset, _CONFIG: config}

    def line(self, counts: Mapping[Split, Counts]) -> str:
        """Return its command."""
        return f"env PYTHONPATH=. tune run lora_finetune_single_device --config {_CONFIG}"
