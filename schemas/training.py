"""What a training run may be told: which weights learn, in which form they are held, and how."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from thinkmix.schemas.patterns import LAYER
from thinkmix.schemas.record import Record

Method = Literal["lora", "qlora4", "qlora8", "freeze", "full"]
"""Which weights learn: an adapter beside 16, 4 or 8 bit weights, the last layers, or all of them."""

Layer = Annotated[str, Field(pattern=LAYER)]
"""Name, or last part of the name, of a module, such as `q_proj` or `layers.3.mlp.down_proj`."""

Tolerance = Annotated[float, Field(ge=0, le=100)]
"""How far a held-out loss may rise, in nats per token."""

_ADAPTED = ("lora", "qlora4", "qlora8")


class TrainPlan(Record):
    """One complete statement of a training run: same plan, mixture and model, same weights."""

    method: Method = "lora"
    """Which weights learn: lora, qlora4 and qlora8 train an adapter beside 16, 4 or 8 bit weights; freeze
    the last `train_layers` layers; full everything."""

    rank: int = Field(default=16, ge=1, le=1024)
    """Width of the adapter; a lower rank learns less and forgets less."""
    alpha: int = Field(default=32, ge=1, le=4096)
    """Strength of the adapter: its output is scaled by alpha / rank."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of the adapter's inputs that is set to zero while training."""
    targets: Literal["all-linear"] | Annotated[tuple[Layer, ...], Field(max_length=1000)] = "all-linear"
    """Layers that get an adapter: every linear layer but the head, or names such as `q_proj`."""
    rslora: bool = False
    """Scale the adapter by alpha / sqrt(rank), so that a high rank does not learn more slowly."""
    dora: bool = False
    """Learn the magnitude of each weight's columns apart from their direction."""
    init: Literal["random", "pissa", "loftq", "eva", "corda"] = "random"
    """First values of the adapter: random and zero; from the weights (pissa); from what quantising loses
    (loftq); or from calibration rows of the mixture (eva, corda)."""
    neftune: float = Field(default=0.0, ge=0, le=100)
    """Strength of the uniform noise that is added to embeddings while training; 0 adds none."""
    train_layers: int = Field(default=2, ge=1, le=1000)
    """How many of the last layers learn, for freeze."""

    quant: Literal["nf4", "fp4"] = "nf4"
    """Number format of 4 bit weights."""
    double_quant: bool = True
    """Whether the scales of 4 bit weights are quantised too: 4.13 instead of 4.5 bits a weight."""
    keep_16bit: tuple[Layer, ...] = Field(default=(), max_length=1000)
    """Linear layers that stay in 16 bit where the others are quantised; the head always does."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """Precision of weights that are not quantised: auto is bfloat16 on a GPU, float32 on a CPU. What learns
    is float32, but for full and freeze in bfloat16."""

    learning_rate: float = Field(default=2e-4, gt=0, le=1)
    """Peak learning rate."""
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    """How the learning rate goes on after the warm-up: down to zero along a cosine or a line, or it stays."""
    warmup: float = Field(default=0.05, ge=0, lt=1)
    """Share of the steps over which the learning rate rises to its peak."""
    optimiser: Literal["adamw", "adamw8bit", "sgd"] = "adamw"
    """AdamW, AdamW with moments in 8 bit, or plain gradient descent, which keeps no state."""
    weight_decay: float = Field(default=0.0, ge=0, le=1)
    """Decoupled weight decay."""
    clip_norm: float = Field(default=1.0, gt=0, le=1e6)
    """Gradients longer than this are scaled down to it."""
    checkpointing: bool = False
    """Forget activations and work them out again on the way back: less memory, about a third more time."""

    sharding: Literal["none", "fsdp2", "zero2", "zero3"] = "none"
    """How the processes of a run with several devices hold the weights that learn: each a copy, or shared out
    by FSDP2 of torch or ZeRO of DeepSpeed."""

    max_steps: int | None = Field(default=None, ge=1, le=10**9)
    """Optimiser steps; rows are seen again when they run out. Instead of `epochs`."""
    epochs: int | None = Field(default=None, ge=1, le=1000)
    """How often every row is seen. Unset, like `max_steps`, means once."""
    batch: int = Field(default=16_384, ge=16, le=10**8)
    """Most tokens that the model reads at once, padding included: it bounds the memory."""
    packing: bool = True
    """Put several rows into one sequence, each blind to the others; otherwise rows are padded."""
    accumulate: int = Field(default=1, ge=1, le=10**6)
    """Batches per optimiser step."""
    max_tokens: int = Field(default=16_384, ge=16, le=1_048_576)
    """Longest row, prompt and completion together; longer ones are left out and counted, never cut."""
    attention: Literal["auto", "sdpa", "eager"] = "auto"
    """How attention is computed: auto works on one row of a packed sequence after another."""

    eval_rows: int = Field(default=32, ge=0, le=10**6)
    """How many held-out rows of each source are measured; 0 measures none."""
    eval_every: int | None = Field(default=None, ge=1, le=10**9)
    """Steps between measurements; unset measures before the first and after the last step only."""
    protected: Mapping[str, Tolerance] = Field(default={}, max_length=256)
    """Sources that must not be forgotten: how far their held-out loss may rise above that before training."""
    on_forgetting: Literal["stop", "keep_best"] = "stop"
    """What happens when a protected source was forgotten: the run fails, or ends with the weights of the
    best measurement at which none was."""
    mode_prompts: int = Field(default=0, ge=0, le=10_000)
    """Held-out prompts that are answered with thinking on and off after training; 0 asks none."""
    mode_least: float = Field(default=0.9, ge=0, le=1)
    """Least share of these answers that must think when asked to, and must not when asked not to."""
    mode_tokens: int = Field(default=256, ge=4, le=32_768)
    """Longest answer to such a prompt, in tokens."""

    save_every: int | None = Field(default=None, ge=1, le=10**9)
    """Steps between checkpoints, from which a run that was killed goes on; unset writes none."""
    keep_checkpoints: int = Field(default=2, ge=1, le=1000)
    """How many of the latest checkpoints are kept while a run lasts."""
    seed: int = Field(default=20250428, ge=0, lt=2**63)
    """Decides the order of the rows, first values, dropout and noise."""

    @model_validator(mode="after")
    def _length_is_said_once(self) -> Self:
        if self.max_steps is not None and self.epochs is not None:
            msg = f"give max_steps ({self.max_steps}) or epochs ({self.epochs}), not both"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _longest_row_fits(self) -> Self:
        if self.batch < self.max_tokens:
            msg = f"a row of max_tokens ({self.max_tokens}) does not fit a batch of {self.batch} tokens"
            raise ValueError(f"{msg}: raise batch, or lower max_tokens")
        return self

    @model_validator(mode="after")
    def _targets_are_named(self) -> Self:
        if not self.targets:
            msg = "targets is empty, so nothing would be trained: name layers, or say all-linear"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _method_has_what_it_needs(self) -> Self:
        """Refuse settings that the method would pass over in silence, or cannot do."""
        for refused, why in self._impossible():
            if refused:
                raise ValueError(why)
        return self

    @model_validator(mode="after")
    def _what_is_guarded_is_measured(self) -> Self:
        if self.protected and not self.eval_rows:
            msg = "protected sources are judged by held-out rows, and eval_rows is 0: raise it"
            raise ValueError(msg)
        if self.protected and self.on_forgetting == "keep_best" and self.eval_every is None:
            msg = "on_forgetting keep_best chooses between measurements: set eval_every"
            raise ValueError(msg)
        return self

    def _impossible(self) -> tuple[tuple[bool, str], ...]:
        method, adapted = self.method, self.method in _ADAPTED
        quantised, deepspeed = method in ("qlora4", "qlora8"), self.sharding in ("zero2", "zero3")
        return (
            (
                not adapted and self.dora,
                f"method {method} trains no adapter that dora could shape",
            ),
            (
                not adapted and self.rslora,
                f"method {method} trains no adapter, so rslora has nothing to scale",
            ),
            (
                not adapted and self.init != "random",
                f"method {method} trains no adapter that init {self.init} could begin",
            ),
            (
                not adapted and self.dropout > 0,
                f"method {method} trains no adapter, whose inputs dropout would set to zero",
            ),
            (
                self.init == "loftq" and method != "qlora4",
                f"init loftq makes up for 4 bit weights, and method {method} has none: use qlora4",
            ),
            (
                self.init in ("pissa", "corda", "eva") and quantised,
                f"init {self.init} reads 16 bit weights, and method {method} has none: use lora",
            ),
            (
                self.dora and self.init != "random",
                f"dora and init {self.init} both redefine the weights: choose one of them",
            ),
            (
                deepspeed and self.save_every is not None,
                f"sharding {self.sharding} writes no checkpoints: unset save_every, or use fsdp2",
            ),
            (
                deepspeed and bool(self.protected) and self.on_forgetting == "keep_best",
                f"sharding {self.sharding} writes no checkpoints to go back to: let on_forgetting be stop",
            ),
            (
                self.sharding in ("fsdp2", "zero3") and self.mode_prompts > 0,
                f"sharding {self.sharding} leaves no process with all weights to ask: unset mode_prompts",
            ),
            (
                self.sharding != "none" and quantised,
                f"sharding {self.sharding} cannot share out weights of {method}: use lora, or sharding none",
            ),
            (
                bool(self.keep_16bit) and not quantised,
                f"method {method} quantises nothing, so keep_16bit has nothing to leave out",
            ),
        )

    @property
    def has_adapter(self) -> bool:
        """Whether an adapter is trained, and the model's own weights stay as they are."""
        return self.method in _ADAPTED
