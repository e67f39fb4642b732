"""DeepSpeed: the script of transformers' Trainer, with the weights sharded by ZeRO."""

import json
from collections.abc import Mapping
from typing import ClassVar

from thinkmix.curation.export.hf_trainer import PITFALLS, HfTrainer
from thinkmix.curation.export.record import Counts
from thinkmix.schemas.manifest import Split

_CONFIG = "zero3.json"


class DeepSpeed(HfTrainer):
    """Token ids as parquet, a script for transformers' Trainer, and a config of DeepSpeed's ZeRO stage 3."""

    name: ClassVar[str] = "deepspeed"
    readers: ClassVar[str] = "transformers' Trainer on DeepSpeed"
    title: ClassVar[str] = "DeepSpeed"
    tested: ClassVar[str] = ""
    pitfalls: ClassVar[Mapping[str, str]] = {
        **PITFALLS,
        "`auto` values are filled by the Trainer alone; DeepSpeed's own launcher asks for numbers": (
            "start it as below"
        ),
        "plain `python` asks for MPI": "`torchrun` starts it",
    }

    def configs(self, counts: Mapping[Split, Counts]) -> Mapping[str, str]:
        """Return the script and the config."""
        config = {
            "zero_optimization": {"stage": 3, "stage3_gather_16bit_weights_on_model_save": True},
            "bf16": {"enabled": "auto"},
            "train_batch_size": "auto",
            "train_micro_batch_size_per_gpu": "auto",
            "gradient_accumulation_steps": "auto",
            "gradient_clipping": "auto",
        }
        return {**super().configs(counts), _CONFIG: json.dumps(config, indent=2) + "\n"}

    def line(self, counts: Mapping[Split, Counts]) -> str:
        """Return the command for the GPUs of one machine."""
        return f"torchrun --nproc-per-node gpu {self.settings()} --deepspeed {_CONFIG} --bf16 true"
