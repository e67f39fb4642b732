"""What a training run may be told: how the adapter is shaped, and how it learns."""

from typing import Literal, Self

from pydantic import Field, model_validator

from schemas.record import Record


class TrainPlan(Record):
    """One complete statement of a training run: same plan, mixture and model, same adapter."""

    method: Literal["lora"] = "lora"
    """What is trained: LoRA leaves the model as it is and learns a small adapter beside it."""
    rank: int = Field(default=16, ge=1, le=1024)
    """Width of the adapter; a lower rank learns less and forgets less."""
    alpha: int = Field(default=32, ge=1, le=4096)
    """Strength of the adapter: its output is scaled by alpha / rank."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of the adapter's inputs that is set to zero while training."""
    targets: Literal["all-linear"] | tuple[str, ...] = "all-linear"
    """Layers that get an adapter: every linear layer but the head, or names such as `q_proj`."""
    learning_rate: float = Field(default=2e-4, gt=0, le=1)
    """Peak learning rate of AdamW."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """How the learning rate goes on after the warm-up: down to zero along a cosine, or not at all."""
    warmup: float = Field(default=0.05, ge=0, lt=1)
    """Share of the steps over which the learning rate rises to its peak."""
    weight_decay: float = Field(default=0.0, ge=0, le=1)
    """AdamW's weight decay."""
    clip_norm: float = Field(default=1.0, gt=0)
    """Gradients longer than this are scaled down to it."""
    max_steps: int | None = Field(default=None, ge=1)
    """Optimiser steps; rows are seen again when they run out. Instead of `epochs`."""
    epochs: int | None = Field(default=None, ge=1)
    """How often every row is seen. Unset, like `max_steps`, means once."""
    batch: int = Field(default=16_384, ge=1)
    """Size of one batch, in `batch_unit`."""
    batch_unit: Literal["tokens", "examples"] = "tokens"
    """What `batch` counts. Tokens include padding, so they bound the memory; examples do not."""
    accumulate: int = Field(default=1, ge=1)
    """Batches per optimiser step."""
    max_tokens: int = Field(default=16_384, ge=16, le=1_048_576)
    """Longest row, prompt and completion together; longer ones are left out and counted, never cut."""
    eval_rows: int = Field(default=32, ge=0)
    """How many held-out rows of each source are measured before and after; 0 measures none."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """Precision of the frozen model: auto is bfloat16 on a GPU, float32 on a CPU. The adapter is float32."""
    seed: int = Field(default=20250428, ge=0, lt=2**63)
    """Decides the order of the rows, the adapter's first values, and dropout."""

    @model_validator(mode="after")
    def _length_is_said_once(self) -> Self:
        if self.max_steps is not None and self.epochs is not None:
            msg = f"give max_steps ({self.max_steps}) or epochs ({self.epochs}), not both"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _longest_row_fits(self) -> Self:
        if self.batch_unit == "tokens" and self.batch < self.max_tokens:
            msg = f"a row of max_tokens ({self.max_tokens}) does not fit a batch of {self.batch} tokens"
            raise ValueError(f"{msg}: raise batch, or lower max_tokens")
        return self

    @model_validator(mode="after")
    def _targets_are_named(self) -> Self:
        if not self.targets:
            msg = "targets is empty, so nothing would be trained: name layers, or say all-linear"
            raise ValueError(msg)
        return self
