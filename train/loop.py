"""The training loop: one optimiser step after another on planned batches."""

import math
from collections.abc import Callable, Sequence
from hashlib import sha256

import numpy as np
import torch

from schemas.errors import TrainError
from schemas.training import TrainPlan
from train.encode import Tokens
from train.forward import row_losses
from train.model import Learner
from train.result import Progress
from train.rows import Step


def train(
    model: Learner,
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
        losses.append(accumulate(model, tokens, step, packing=plan.packing))
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


def accumulate(model: Learner, tokens: Tokens, step: Step, *, packing: bool = False) -> float:
    """Add up the gradients of a step's batches; return the mean loss of all its trained tokens."""
    trained = tokens.trained(np.concatenate(step))
    total = 0.0
    for batch in step:
        loss = row_losses(model, tokens, batch, packing=packing).sum() / trained
        loss.backward()  # type: ignore[no-untyped-call]
        total += float(loss.detach())
    return total
