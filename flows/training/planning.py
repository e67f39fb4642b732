"""What a training run will need, from a model's config and a version's row lengths: no weight is loaded."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from thinkmix.flows.store.paths import reading
from thinkmix.flows.training.train_command import train_command
from thinkmix.schemas.errors import TrainError
from thinkmix.schemas.record import Record
from thinkmix.schemas.training import Method, TrainPlan
from thinkmix.train.data.rows import index_rows, read_manifest
from thinkmix.train.estimate.forecast import Forecast, forecast
from thinkmix.train.estimate.gpus import GPUS, Gpu, Verdict
from thinkmix.train.estimate.options import (
    METHODS,
    PREFERRED,
    Change,
    Option,
    Size,
    least_change,
    option,
    propose,
    with_method,
)
from thinkmix.train.estimate.shapes import QWEN3, ModelShape, find_shape, read_shape

EVERY_LENGTH = 2**62

_LEAST_BATCH = 16
"""Tokens; a plan takes no fewer."""


class MethodOutlook(Record):
    """One method on one model: what it needs, and on which cards it fits."""

    method: Method
    parts: Mapping[str, int]
    """Bytes of each part; those of the moments that are not the peak are no part of the total."""
    moments: Mapping[str, int]
    """Bytes on top of what is always held, when the loss is taken, on the way back, and at the step."""
    peak: str
    """The moment at which the most is needed."""
    total: int
    """Bytes at the peak."""
    cards: Mapping[str, Verdict]
    """Whether it fits, by card."""
    to_fit: Sequence[str] | None
    """What to change to fit the one card that was asked for; unset where nothing helps, or none was."""
    adjusted: Mapping[str, Verdict]
    """Whether it fits with the least change that helps, by card."""
    adjusted_total: int | None
    """Bytes at the peak with these changes; unset like `to_fit`."""


class Choice(Record):
    """What is proposed: a method, a card, and what to change in the plan."""

    method: Method
    card: str
    changes: Sequence[str]
    total: int
    left_out: int | None
    """Rows that are longer than the proposed batch; unset without a version."""
    command: str | None
    """The command that trains so; unset for models that `thinkmix train` does not take."""


class Outlook(Record):
    """The whole answer of `thinkmix plan`."""

    model: str
    parameters: int
    active_parameters: int
    """Weights that one token passes through: fewer than all in a model of experts."""
    experts: bool
    tokens: int
    """Tokens that are read at once, padding included."""
    checkpointing: bool
    lengths: Forecast | None
    methods: tuple[MethodOutlook, ...]
    choice: Choice | None
    """Unset when no method fits any card that was asked for."""


def read_model(model: str) -> ModelShape:
    """Return the shape of a local model (its folder or config.json) or of a published Qwen3.

    Raises:
        TrainError: when it is neither, or its config.json is not one of a known kind.
    """
    path = Path(model).expanduser()
    if not path.exists():
        if shape := find_shape(model):
            return shape
        msg = f"model {model}: no such folder, and no published Qwen3 ({', '.join(QWEN3)})"
        raise TrainError(msg)
    file = path / "config.json" if path.is_dir() else path
    try:
        config = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        msg = f"model {model}: {file.name} cannot be read as JSON: {error}"
        raise TrainError(msg) from error
    if not isinstance(config, dict):
        msg = f"model {model}: {file.name} is not a JSON object"
        raise TrainError(msg)
    return read_shape(config, name=model)


def look_ahead(
    model: str,
    plan: TrainPlan,
    *,
    version: Path | None = None,
    tokens: int | None = None,
    tokens_per_second: float | None = None,
    card: Gpu | None = None,
    plan_file: Path | None = None,
) -> Outlook:
    """Return what training needs.

    Args:
        model: a local folder or config.json, or the name of a published Qwen3.
        plan: how to train; a method that it states, and does not leave to the default, is the one proposed.
        version: a version whose row lengths decide how much is read at once.
        tokens: without a version, tokens that are read at once; the plan's `batch` if unset.
        tokens_per_second: speed of the card, for the hours.
        card: the one card to plan for.
        plan_file: what of the plan was read from a file, for the command.

    Raises:
        TrainError: when the model or the version cannot be planned with.
    """
    shape = read_model(model)
    lengths, rows_over = _measure(version, plan, tokens_per_second) if version else (None, None)
    size = Size(lengths.largest_batch, lengths.longest_read) if lengths else _size(plan, tokens)
    options = [option(shape, with_method(plan, name), size) for name in METHODS]
    methods = (plan.method,) if "method" in plan.model_fields_set else PREFERRED
    change, chosen = _choose(shape, plan, size, card, methods)
    command = None
    if change and shape.head_norms and not shape.experts:  # a dense Qwen3
        bounded = change.option.plan if version else _bounded(change.option)
        command = train_command(bounded, model=model, version=version, file=plan_file)
    return Outlook(
        model=Path(model).name if Path(model).exists() else model,
        parameters=shape.parameters,
        active_parameters=shape.active_parameters,
        experts=bool(shape.experts),
        tokens=size.tokens,
        checkpointing=plan.checkpointing,
        lengths=lengths,
        methods=tuple(_method(shape, each, card) for each in options),
        choice=_choice(change, chosen, rows_over, command) if change and chosen else None,
    )


def _size(plan: TrainPlan, tokens: int | None) -> Size:
    tokens = tokens or plan.batch
    return Size(tokens, min(tokens, plan.max_tokens))


def _bounded(chosen: Option) -> TrainPlan:
    """Return the plan of an option that was reckoned for fewer tokens at once than its batches may have."""
    tokens = max(chosen.size.tokens, _LEAST_BATCH)
    few = {name: min(getattr(chosen.plan, name), tokens) for name in ("batch", "max_tokens")}
    return chosen.plan.model_copy(update=few)


def _measure(
    version: Path, plan: TrainPlan, tokens_per_second: float | None
) -> tuple[Forecast, Sequence[int]]:
    """Return what the plan does with a version's rows, and the length of each of them."""
    with reading(version) as folder:
        manifest = read_manifest(folder, digest=folder.name)
        rows = index_rows(folder, manifest, split="train", max_tokens=EVERY_LENGTH)
        return forecast(rows, plan, tokens_per_second=tokens_per_second), rows.lengths().tolist()


def _choose(
    shape: ModelShape, plan: TrainPlan, size: Size, card: Gpu | None, methods: tuple[Method, ...]
) -> tuple[Change | None, Gpu | None]:
    """Return a proposal for the card that was asked for, or the smallest card for the first method."""
    if card:
        return propose(shape, plan, size, card, methods=methods), card
    wanted = option(shape, with_method(plan, methods[0]), size)
    for each in GPUS:
        change = least_change(shape, wanted, each)
        if change and change.option.size == size:
            return change, each
    return None, None


def _method(shape: ModelShape, each: Option, card: Gpu | None) -> MethodOutlook:
    memory = each.memory
    cards = (card,) if card else GPUS
    changes = {gpu.name: least_change(shape, each, gpu) for gpu in cards}
    change = changes[card.name] if card else None
    parts = ("weights", "adapter", "gradients", "optimiser", "context", "activations", "logits")
    return MethodOutlook(
        method=each.plan.method,
        parts={name: getattr(memory, name) for name in (*parts, "layer", "dequantised", "step")},
        moments=memory.moments,
        peak=memory.peak,
        total=memory.total,
        cards={gpu.name: gpu.verdict(memory.total) for gpu in cards},
        to_fit=change.words if change else None,
        adjusted={gpu.name: "fits" if changes[gpu.name] else gpu.verdict(memory.total) for gpu in cards},
        adjusted_total=change.option.memory.total if change else None,
    )


def _choice(change: Change, card: Gpu, lengths: Sequence[int] | None, command: str | None) -> Choice:
    tokens = change.option.size.tokens
    return Choice(
        method=change.option.plan.method,
        card=card.name,
        changes=change.words,
        total=change.option.memory.total,
        left_out=None if lengths is None else sum(length > tokens for length in lengths),
        command=command,
    )
