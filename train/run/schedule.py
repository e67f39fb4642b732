"""The learning rate of each step, by the plan and the number of steps alone."""

import math

from thinkmix.schemas.training import TrainPlan


def learning_rate(plan: TrainPlan, *, step: int, steps: int) -> float:
    """Return the rate of `step` (from 0) of `steps`: linear warm-up, then the plan's schedule."""
    warmup = round(plan.warmup * steps)
    if step < warmup:
        return plan.learning_rate * (step + 1) / warmup
    done = (step - warmup) / (steps - warmup)
    falls = {"constant": 1.0, "linear": 1 - done, "cosine": 0.5 * (1 + math.cos(math.pi * done))}
    return plan.learning_rate * falls[plan.schedule]
