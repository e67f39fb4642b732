"""A widely copied memory table for models of 7B to 110B, beside our estimate, with its errors marked.

It is the old table of LLaMA-Factory's README, as the brief of this project quotes it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from thinkmix.schemas.training import Method
from thinkmix.train.estimate.memory import Load, Memory, estimate
from thinkmix.train.estimate.shapes import ModelShape

TOKENS = 1024
"""Tokens read at once in our estimate, with checkpointing, rank 16 and two layers for freeze."""

COLUMNS: tuple[Method, ...] = ("freeze", "lora", "qlora8", "qlora4")


def _llama(
    hidden: int, layers: int, heads: int, intermediate: int, kv_heads: int | None = None
) -> ModelShape:
    return ModelShape(
        hidden, layers, heads, kv_heads or heads, hidden // heads, intermediate, vocabulary=32_000, tied=False
    )


SHAPES = {
    "7B": _llama(4096, 32, 32, 11_008),
    "13B": _llama(5120, 40, 40, 13_824),
    "30B": _llama(6656, 60, 52, 17_920),
    "70B": _llama(8192, 80, 64, 28_672, kv_heads=8),
    "110B": ModelShape(8192, 80, 64, 8, 128, 49_152, 152_064, tied=False, attention_biases=True),
}
"""LLaMA 7B, 13B and 30B, Llama 2 70B and Qwen1.5-110B: the models that were meant."""

STATED = {
    "7B": ("20", "16", "10", "6"),
    "13B": ("40", "32", "20", "12-13"),
    "30B": ("80", "64", "40", "24"),
    "70B": ("200", "80", "160", "48"),
    "110B": ("360", "240", "140", "72"),
}
"""Gigabytes, as stated, in the order of COLUMNS."""

MARKS = {
    ("70B", "lora"): "a",
    ("70B", "qlora8"): "a",
    ("70B", "qlora4"): "b",
    ("30B", "qlora4"): "d",
    ("30B", "lora"): "i",
}
"""Which note a cell needs."""

NOTES = {
    "a": "Swapped: less memory for 16 bit weights than for 8 bit ones is impossible, and 70B weights "
    "of 16 bit alone are 138 GB. LLaMA-Factory's table had 160 for LoRA and 80 for INT8.",
    "b": "The text beside the table fine-tunes 70B on one card of 24 GB. The 4 bit weights alone take "
    "36 GB: impossible without offloading, and against the table's own 48.",
    "c": "The text says that QLoRA saves 40 to 50 % against LoRA. By the table it is 38 to 50 % for "
    "INT8 and 61 to 70 % for INT4, with the 70B cells put right.",
    "d": "A card of 24 GB has no headroom for 30B in INT4, which is stated as 24; by this table an RTX"
    " 4090 takes 13B and 30B quantised only, an RTX 3060 of 12 GB nothing but 7B quantised. The "
    "cards for 110B are garbled: read as 5 and 2 of 80 GB and 3 of 24 GB they have room for "
    "Freeze, INT8 and INT4, and none are named for LoRA (240).",
    "e": "Inference does not always get 20 to 30 % faster by quantising: Qwen's README measures 40.9 "
    "tokens/s in BF16, 50.1 in GPTQ-Int4, but 37.5 in Int8.",
    "f": "No length and no batch is stated, yet they decide: Qwen3-8B with LoRA needs 10 GB more for "
    "16,384 tokens than for 1,024, and 33 GB more in a trainer that holds all logits.",
    "g": "The sizes are those of LLaMA with 32,000 tokens. Qwen3-8B has 151,936: embedding and head, "
    "which stay in 16 bit, take 2.5 GB, so its INT4 needs more than the 6 GB of the 7B row.",
    "h": "The control tokens are misspelt beside it: <|im_start|> is 151644, <think> 151667, </think> "
    "151668.",
    "i": "What is called 30B has 32.5 B weights, 65 GB in 16 bit: more than the 64 stated for LoRA, "
    "which is impossible too.",
}


@dataclass(frozen=True)
class Cell:
    """One figure of the table, and ours."""

    size: str
    method: Method
    stated: str
    """Gigabytes."""
    note: str
    """Key of NOTES, or nothing."""
    ours: Memory


def cells() -> Iterator[Cell]:
    """Yield the table cell by cell, size by size."""
    for size, stated in STATED.items():
        for method, figure in zip(COLUMNS, stated, strict=True):
            yield Cell(size, method, figure, MARKS.get((size, method), ""), ours(SHAPES[size], method))


def ours(shape: ModelShape, method: Method, *, tokens: int = TOKENS) -> Memory:
    """Return our estimate under the conditions that the table leaves out."""
    load = Load(method, tokens=tokens, longest=tokens, checkpointing=True)
    return estimate(shape, load)
