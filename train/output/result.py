"""What a training run reports: progress while it lasts, and a manifest that names everything it came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from thinkmix.schemas.record import Record
from thinkmix.schemas.training import TrainPlan

MANIFEST = "training.json"
"""Name of a run's manifest, beside its weights."""

LIBRARIES = ("torch", "transformers", "peft", "bitsandbytes")
"""Libraries that decide the weights."""


@dataclass(frozen=True)
class Start:
    """Where a run stands before its first step: at nothing, or where a checkpoint left it."""

    step: int
    """Steps that were made before."""
    steps: int
    """Steps that there will be in all."""
    tokens: int
    """Tokens that the model read in those before; padding is not counted."""
    trained_tokens: int
    """Of these, the tokens that carried loss."""
    total_tokens: int
    """Tokens that it will have read after the last step."""


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
    """Tokens that the model has read so far, before a resumption too; padding is not counted."""
    trained_tokens: int
    """Of these, the tokens that carried loss."""
    total_tokens: int
    """Tokens that it will have read after the last step."""


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


class Evaluation(EvalLoss):
    """One point of the curve: the held-out loss after `step` steps."""

    step: int
    """Optimiser steps before it; 0 is the model as it came."""


@dataclass
class History:
    """How a run went so far: all that its next step depends on but weights, optimiser and plan."""

    losses: list[float] = field(default_factory=list)
    """Mean loss of each step."""
    evals: list[Evaluation] = field(default_factory=list)

    @property
    def steps(self) -> int:
        """Return how many steps were made."""
        return len(self.losses)


class Guarded(Record):
    """What became of one protected source."""

    tolerance: float
    """How far its held-out loss might rise, in nats per token."""
    before: float
    """Its loss before the first step."""
    worst: float
    """Its highest loss of all measurements."""
    after: float
    """Its loss with the weights that were written."""


class Answer(Record):
    """What the trained model said to one held-out prompt."""

    id: str
    """Of the held-out row."""
    mode: Literal["thinking", "non_thinking"]
    """What it was asked for."""
    text: str
    """Its answer, tags included, up to and with the end of its turn if it came to one."""


class ModeAnswers(Record):
    """How many answers did what in one mode."""

    answers: int
    opened: int
    """Answers that hold `<think>`."""
    closed: int
    """Of these, answers whose trace ends with `</think>`; the others were cut off, or have no end."""
    empty: int
    """Of these, answers whose trace says nothing."""
    right: int
    """With thinking on: answers that begin with a trace which says something, or nothing where the row learnt
    that of `/no_think`. Off: answers without a tag."""


class ModeReport(Record):
    """Whether the trained model thinks when it is asked to, and only then."""

    thinking: ModeAnswers
    """Asked with the generation prompt alone."""
    non_thinking: ModeAnswers
    """Asked with an empty trace after it."""
    samples: tuple[Answer, ...]
    """The first few answers of each mode."""


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
    """Tokens that filled shorter rows up to the longest of their batch; 0 if rows are packed."""
    packing_efficiency: float
    """Share of the token budget, `batch` tokens for each batch, that rows fill: above 0, at most 1."""


class Stage(Record):
    """An adapter that a run went on from, or that one before it did."""

    adapter_sha256: str
    """Of its weights' file."""
    mixture: str | None = None
    """What it was trained on; None if another tool wrote it, which does not say."""
    mixture_digest: str | None = None
    steps: int | None = None
    """Steps whose weights it holds, of its own run."""


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
    evals: tuple[Evaluation, ...]
    """Loss on held-out rows before the first step, at every `eval_every`, and after the last step."""
    kept_step: int
    """Step whose weights were written: the last one, unless a protected source was forgotten."""
    protected: Mapping[str, Guarded]
    switch: ModeReport | None
    lineage: tuple[Stage, ...] = ()
    """The adapters that the run goes on from, the oldest first; empty if it began a fresh one."""
    versions: Mapping[str, str]
    """Versions of the libraries that decide the weights."""
    files: Mapping[str, str]
    """sha256 of each file that the run wrote beside its manifest."""

    @property
    def eval_before(self) -> Evaluation | None:
        """Return the held-out loss of the model as it came; None if nothing was measured."""
        return self.evals[0] if self.evals else None

    @property
    def eval_after(self) -> Evaluation | None:
        """Return the held-out loss with the weights that were written; None if nothing was measured."""
        return next((found for found in self.evals[::-1] if found.step == self.kept_step), None)
