"""The training loop: one optimiser step after another on planned batches, and the loss on held-out rows."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256

import numpy as np
import torch
from peft import PeftModel
from torch import Tensor

from schemas.errors import TrainError
from schemas.training import TrainPlan
from train.encode import IGNORE, Tokens
from train.loss import token_losses
from train.model import head_weight, hidden_states
from train.result import EvalLoss, Loss, Progress
from train.rows import RowNumbers, Rows, Step


def train(
    model: PeftModel,
    tokens: Tokens,
    steps: Sequence[Step],
    plan: TrainPlan,
    *,
    progress: Callable[[Progress], None] | None = None,
) -> tuple[float, ...]:
    """Train the adapter in place; return the mean loss of each step's trained tokens.

    The loss of a step is the sum over its batches divided by all its trained tokens, so a token
    weighs the same in a short row and in a long one. Dropout is seeded by seed and step.

    Raises:
        TrainError: when the loss or its gradient is no longer a number.
    """
    weights = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=plan.learning_rate, weight_decay=plan.weight_decay)
    losses: list[float] = []
    read = trained = 0
    model.train()
    for number, step in enumerate(steps):
        torch.manual_seed(_step_seed(plan.seed, number))
        rate = optimiser.param_groups[0]["lr"] = learning_rate(plan, step=number, steps=len(steps))
        rows = np.concatenate(step)
        losses.append(accumulate(model, tokens, step))
        norm = torch.nn.utils.clip_grad_norm_(weights, plan.clip_norm)
        if not math.isfinite(losses[-1]) or not bool(norm.isfinite()):
            msg = f"step {number + 1}: loss {losses[-1]}, gradient {float(norm)}: lower learning_rate"
            raise TrainError(msg)
        optimiser.step()
        optimiser.zero_grad()
        read += int(tokens.lengths(rows).sum())
        trained += tokens.trained(rows)
        if progress:
            progress(Progress(number + 1, len(steps), losses[-1], rate, read, trained))
    return tuple(losses)


def learning_rate(plan: TrainPlan, *, step: int, steps: int) -> float:
    """Return the rate of `step` (from 0) of `steps`: linear warm-up, then the plan's schedule."""
    warmup = round(plan.warmup * steps)
    if step < warmup:
        return plan.learning_rate * (step + 1) / warmup
    if plan.schedule == "constant":
        return plan.learning_rate
    return plan.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))


def _step_seed(seed: int, step: int) -> int:
    return int.from_bytes(sha256(f"{seed}\0dropout\0{step}".encode()).digest()[:8])


def accumulate(model: PeftModel, tokens: Tokens, step: Step) -> float:
    """Add up the gradients of a step's batches; return the mean loss of all its trained tokens."""
    trained = tokens.trained(np.concatenate(step))
    total = 0.0
    for batch in step:
        loss = row_losses(model, tokens, batch).sum() / trained
        loss.backward()  # type: ignore[no-untyped-call]
        total += float(loss.detach())
    return total


def row_losses(model: PeftModel, tokens: Tokens, batch: RowNumbers) -> Tensor:
    """Return the loss of every trained token of `batch`: the head sees only positions that carry loss."""
    input_ids, labels = pad(tokens, batch)
    device = head_weight(model).device
    targets = labels[:, 1:].to(device)
    carries_loss = targets != IGNORE
    hidden = hidden_states(model, input_ids.to(device))[:, :-1][carries_loss]
    return token_losses(hidden, head_weight(model), targets[carries_loss])


def pad(tokens: Tokens, batch: RowNumbers) -> tuple[Tensor, Tensor]:
    """Return ids and labels of `batch`, (B, T) each, padded on the right with tokens that carry no loss."""
    examples = [tokens.example(row) for row in batch.tolist()]
    longest = max(len(example.input_ids) for example in examples)
    input_ids = torch.zeros(len(examples), longest, dtype=torch.int64)
    labels = torch.full((len(examples), longest), IGNORE, dtype=torch.int64)
    for number, example in enumerate(examples):
        input_ids[number, : len(example.input_ids)] = torch.from_numpy(example.input_ids.astype(np.int64))
        labels[number, : len(example.labels)] = torch.from_numpy(example.labels.astype(np.int64))
    return input_ids, labels


@torch.no_grad()
def evaluate(model: PeftModel, tokens: Tokens, rows: Rows) -> EvalLoss | None:
    """Return the loss on `rows` in all, per source and per thinking mode; None when there are no rows."""
    if rows.frame.is_empty():
        return None
    model.eval()
    sums: Mapping[tuple[str, str], list[tuple[float, int]]] = defaultdict(list)
    for number, (source, thinking) in enumerate(rows.frame.select("source", "thinking").iter_rows()):
        losses = row_losses(model, tokens, np.array([number]))
        mode = "thinking" if thinking else "non_thinking"
        measured = (float(losses.double().sum()), len(losses))
        for key in (("total", ""), ("source", source), ("mode", mode)):
            sums[key].append(measured)
    means = {key: _mean(measured) for key, measured in sorted(sums.items())}
    return EvalLoss(
        total=means["total", ""],
        by_source={name: loss for (kind, name), loss in means.items() if kind == "source"},
        by_mode={name: loss for (kind, name), loss in means.items() if kind == "mode"},
    )


def _mean(measured: Sequence[tuple[float, int]]) -> Loss:
    trained = sum(count for _, count in measured)
    return Loss(loss=sum(loss for loss, _ in measured) / trained, rows=len(measured), trained_tokens=trained)
