"""The training loop: one optimiser step after another on planned batches, measured and saved in between."""

import math
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import TypeVar

import numpy as np

from thinkmix.schemas.errors import Forgotten, TrainError
from thinkmix.schemas.training import TrainPlan
from thinkmix.train.checks import guard
from thinkmix.train.data.encode import Tokens
from thinkmix.train.data.rows import Step
from thinkmix.train.output.result import EvalLoss, Evaluation, History, Progress, Start
from thinkmix.train.run.engine import Engine
from thinkmix.train.run.schedule import learning_rate

_Told = TypeVar("_Told", Start, Progress, Evaluation)


def train(
    engine: Engine,
    tokens: Tokens,
    steps: Sequence[Step],
    plan: TrainPlan,
    *,
    history: History,
    measure: Callable[[], EvalLoss | None],
    save: Callable[[int | None], None],
    begins: Callable[[Start], None] | None = None,
    progress: Callable[[Progress], None] | None = None,
    measured: Callable[[Evaluation], None] | None = None,
) -> int:
    """Train in place from where `history` ends; return the step whose weights are to be kept.

    That is the last step, or an earlier one if a protected source was forgotten and the plan keeps the best:
    then its checkpoint was saved. `history` grows with every step and measurement.

    Args:
        engine: makes the steps of the model to train.
        tokens: the encoded rows of all steps.
        steps: the batches of every step of the run, those of the past included.
        plan: how to train.
        history: the past; empty for a new run.
        measure: returns the loss on held-out rows, or None if there are none.
        save: writes a checkpoint of this moment; told the step of the best measurement, if that is kept.
        begins: called once, before the first step that is made here.
        progress: called after every step.
        measured: called with every point of the curve, those of the past first.

    Raises:
        Forgotten: when a protected source is forgotten, and the plan says to stop or has nothing to keep.
        TrainError: when the loss or its gradient is no longer a number.
    """
    for point in history.evals:
        _tell(measured, point)
    if not history.steps:
        _measure(history, measure, measured)
    for told in _steps(engine, tokens, steps, plan, history, begins):
        _tell(progress, told)
        last = told.step == told.steps
        if last or _due(told.step, plan.eval_every):
            _measure(history, measure, measured)
            if lost := guard.forgotten(history.evals, plan.protected):
                return _forget(history, plan, lost)
        kept = _best(history, plan)
        saves = plan.save_every or plan.switch_prompts  # what fails after the last step need not train again
        if _due(told.step, plan.save_every) or (last and saves) or kept == told.step:
            save(kept)
    return len(steps)


def _due(step: int, every: int | None) -> bool:
    return every is not None and step % every == 0


def _measure(
    history: History,
    measure: Callable[[], EvalLoss | None],
    measured: Callable[[Evaluation], None] | None,
) -> None:
    """Add a point to the curve, if there is anything to measure by."""
    if found := measure():
        history.evals.append(Evaluation(step=history.steps, **dict(found)))
        _tell(measured, history.evals[-1])


def _tell(listener: Callable[[_Told], None] | None, told: _Told) -> None:
    if listener:
        listener(told)


def _best(history: History, plan: TrainPlan) -> int | None:
    """Return the step of the best measurement, if the plan may have to go back to it."""
    if not plan.protected or plan.on_forgetting != "keep_best":
        return None
    best = guard.best(history.evals, plan.protected)
    return best.step if best else None


def _forget(history: History, plan: TrainPlan, lost: Sequence[str]) -> int:
    """Return the step to go back to.

    Raises:
        Forgotten: if there is none.
    """
    if kept := _best(history, plan):
        return kept
    allowed = ", ".join(f"{source} may rise by {plan.protected[source]:g}" for source in lost)
    went = guard.curve(history.evals, lost)
    msg = f"forgotten at step {history.steps}, so nothing is written: held-out loss of {went}; {allowed}"
    raise Forgotten(f"{msg}: add replay, or lower learning_rate or rank")


def _steps(
    engine: Engine,
    tokens: Tokens,
    steps: Sequence[Step],
    plan: TrainPlan,
    history: History,
    begins: Callable[[Start], None] | None,
) -> Iterator[Progress]:
    """Make the steps that are missing in `history`, and yield after each.

    The loss of a step is the sum over its batches divided by all its trained tokens, so a token
    weighs the same in a short row and in a long one. Dropout and noise are seeded by seed and step.
    """
    sizes = np.array([_size(tokens, step) for step in steps], dtype=np.int64)
    reached, whole = sizes.cumsum(axis=0), int(sizes[:, 0].sum())
    read, trained = sizes[: history.steps].sum(axis=0).tolist()
    _tell(begins, Start(history.steps, len(steps), read, trained, total_tokens=whole))
    for number in range(history.steps, len(steps)):
        engine.learner.train()
        rate = learning_rate(plan, step=number, steps=len(steps))
        loss = engine.accumulate(tokens, steps[number], seed=_step_seed(plan.seed, number))
        length = engine.update(rate)
        if not math.isfinite(loss) or not math.isfinite(length):
            msg = f"step {number + 1}: loss {loss}, gradient {length}: lower learning_rate"
            raise TrainError(msg)
        history.losses.append(loss)
        read, trained = reached[number].tolist()
        yield Progress(number + 1, len(steps), loss, rate, read, trained, total_tokens=whole)


def _size(tokens: Tokens, step: Step) -> tuple[int, int]:
    """Return how many tokens of a step are read, and how many carry loss."""
    rows = np.concatenate(step)
    return int(tokens.lengths(rows).sum()), tokens.trained(rows)


def _step_seed(seed: int, step: int) -> int:
    return int.from_bytes(sha256(f"{seed}\0dropout\0{step}".encode()).digest()[:7])
