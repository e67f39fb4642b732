"""What a training run reports: progress while it lasts, and a manifest that names everything it came from."""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.record import Record
from schemas.training import TrainPlan


@dataclass(frozen=True)
class Progress:
    """Where a run stands after a step."""

    step: int
    """Counted from 1."""
    steps: int
    loss: float
    """Mean loss of the step's trained tokens, in nats."""
    learning_rate: float
    tokens: int
    """Tokens that the model has read so far, padding not counted."""
    trained_tokens: int
    """Of these, the tokens that carried loss."""


class Loss(Record):
    """Mean loss over some held-out rows."""

    loss: float
    """Nats per trained token."""
    rows: int
    trained_tokens: int


class EvalLoss(Record):
    """Loss on held-out rows: over all, per source, and per thinking mode."""

    total: Loss
    by_source: Mapping[str, Loss]
    by_mode: Mapping[str, Loss]
    """Keys thinking and non_thinking."""


class ModelFacts(Record):
    """Which model was trained, and as what."""

    name: str
    """`tiny-random`, a hub id, or the name of a local folder."""
    revision: str | None
    """Commit of a hub model."""
    config_sha256: str
    """Digest of the architecture: the model's config without paths, versions and precision."""
    device: str
    """cpu or cuda."""
    dtype: str
    """Precision of the model: float32 or bfloat16."""
    trainable_parameters: int


class Counts(Record):
    """How much of the mixture the run read."""

    rows: int
    """Training rows that fit `max_tokens`."""
    too_long: int
    """Training rows that were left out because they do not."""
    eval_rows: int
    """Held-out rows that were measured."""
    eval_too_long: int
    steps: int
    rows_seen: int
    """Rows read; a row counts once per epoch."""
    tokens: int
    trained_tokens: int
    padding_tokens: int


class TrainResult(Record):
    """The manifest of a training run, `training.json`: no clock, no path: equal runs write equal bytes."""

    mixture: str
    mixture_digest: str
    """sha256 of the version's manifest, which is the version's name."""
    template: str
    template_sha256: str
    tokenizer_sha256: str
    model: ModelFacts
    plan: TrainPlan
    counts: Counts
    losses: tuple[float, ...]
    """Mean loss per trained token of each step, before the step's update."""
    eval_before: EvalLoss | None
    eval_after: EvalLoss | None
    versions: Mapping[str, str]
    """Versions of torch, transformers and peft."""
    files: Mapping[str, str]
    """sha256 of each file that the run wrote beside its manifest."""
