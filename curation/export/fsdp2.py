"""FSDP2: the script of transformers' Trainer, with the layers sharded by torch itself."""

from collections.abc import Mapping
from typing import ClassVar

from thinkmix.curation.export.handoff import block
from thinkmix.curation.export.hf_trainer import PITFALLS, HfTrainer
from thinkmix.curation.export.record import Counts
from thinkmix.schemas.manifest import Split

_CONFIG = "fsdp2.yaml"


class Fsdp2(HfTrainer):
    """Token ids as parquet, a script for transformers' Trainer, and a config of accelerate for FSDP2."""

    name: ClassVar[str] = "fsdp2"
    readers: ClassVar[str] = "transformers' Trainer on torch's FSDP2, the successor of FairScale"
    title: ClassVar[str] = "FSDP2"
    tested: ClassVar[str] = ""
    pitfalls: ClassVar[Mapping[str, str]] = {
        **PITFALLS,
        "accelerate 1.15 shards on accelerators only: processes on a CPU hold whole copies": (
            "use GPUs, or `thinkmix train --sharding fsdp2`, which shards on a CPU, too"
        ),
        "FairScale's own sharding fails with torch 2.13": "the config names torch's",
    }

    def configs(self, counts: Mapping[Split, Counts]) -> Mapping[str, str]:
        """Return the script and the config."""
        config = block("""
            compute_environment: LOCAL_MACHINE
            distributed_type: FSDP
            mixed_precision: bf16
            num_machines: 1
            num_processes: 2  # one a GPU
            fsdp_config:
              fsdp_version: 2
              fsdp_auto_wrap_policy: TRANSFORMER_BASED_WRAP
              fsdp_transformer_layer_cls_to_wrap: Qwen3DecoderLayer
              fsdp_reshard_after_forward: true
              fsdp_state_dict_type: FULL_STATE_DICT
        """)
        return {**super().configs(counts), _CONFIG: config}

    def line(self, counts: Mapping[Split, Counts]) -> str:
        """Return the command of accelerate."""
        return f"accelerate launch --config_file {_CONFIG} {self.settings()}"
