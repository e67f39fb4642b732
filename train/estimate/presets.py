"""Settings to begin with, for each size of Qwen3 and each method: what neither a plan nor a flag says.

Where they come from:

* learning_rate. Adapters 2e-4, and 1e-4 for 32B: Dettmers et al. 2023 (QLoRA, arXiv 2305.14314, table 9)
  searched them for 7B to 65B models; full a tenth of that, as Schulman et al. 2025 ("LoRA without regret")
  measured between the two, and from 4B 1e-5, as in ms-swift's example for 7B. Freeze moves weights of the
  same kind, but few of them, and takes twice the rate of full: a choice, which nobody measured.
* rank 16, alpha 32, at every size: rank decides how much is forgotten before it decides how much is learnt
  (in a toy measurement on three layers, the loss on what was to be kept rose 2.6 times as far at rank 32
  as at rank 4), and one alpha / rank lets one learning rate do for every size. Alpha 32 as in "LoRA
  without regret".
* clip_norm 0.3 for 4 bit weights, as in QLoRA, whose gradients have outliers.
* batch and accumulate: 16,384 tokens are read at once, which is one row of the longest; a step has 32,768,
  about 16 rows of long reasoning, QLoRA's batch. Adapters suffer from larger batches ("LoRA without
  regret"); full takes twice as many.
* checkpointing everywhere: without it, 16,384 tokens of Qwen3-0.6B keep 23 GB of activations
  (2 T (4h + 3q + 2k + 4f) bytes a layer), those of 8B 94 GB.
* train_layers: a quarter of the layers, for two of 64 can change little but the form of answers.
* optimiser: moments of 8 bit for full from 4B, where they save 6 bytes a weight, 48 GB for 8B; as they
  are not compensated for what bfloat16 rounds off, those weights learn in float32. Larger models are not
  trained in full on one GPU.
"""

from collections.abc import Mapping

Settings = Mapping[str, object]
"""Fields of a `TrainPlan`."""

LAYERS = {"0.6B": 28, "1.7B": 28, "4B": 36, "8B": 36, "14B": 40, "32B": 64}
"""Layers of each dense Qwen3, by the size in its name."""


def preset(size: str, method: str) -> Settings | None:
    """Return settings for a size of Qwen3 such as `8B`, or None where the method does not fit one GPU."""
    if size not in LAYERS or (method == "full" and size in ("14B", "32B")):
        return None
    common: Settings = {"batch": 16_384, "max_tokens": 16_384, "checkpointing": True}
    if method in ("lora", "qlora4", "qlora8"):
        return {**common, **_adapter(size, method)}
    return {**common, **(_freeze(size) if method == "freeze" else _full(size))}


def _adapter(size: str, method: str) -> Settings:
    rate = 1e-4 if size == "32B" else 2e-4
    clip = {"clip_norm": 0.3} if method == "qlora4" else {}
    return {"rank": 16, "alpha": 32, "learning_rate": rate, "accumulate": 2, **clip}


def _freeze(size: str) -> Settings:
    return {"train_layers": LAYERS[size] // 4, "learning_rate": 2 * _full_rate(size), "accumulate": 2}


def _full(size: str) -> Settings:
    large = {"optimiser": "adamw8bit", "dtype": "float32"} if size in ("4B", "8B") else {}
    return {"learning_rate": _full_rate(size), "accumulate": 4, **large}


def _full_rate(size: str) -> float:
    return 2e-5 if size in ("0.6B", "1.7B") else 1e-5
