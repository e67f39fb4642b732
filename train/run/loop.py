"""The training loop: one optimiser step after another on planned batches, measured and saved in between."""

import math
from collections.abc import Iterator, Sequence
from hashlib import sha256

import numpy as np

from thinkmix.schemas.errors import Forgotten, TrainError
from thinkmix.schemas.training import TrainPlan
from thinkmix.train.checks import forgetting
from thinkmix.train.data.encode import Tokens
from thinkmix.train.data.rows import Step
from thinkmix.train.output.listener import Listener
from thinkmix.train.output.result import Evaluation, History, Progress, Start
from thinkmix.train.run.load import LoadedRun
from thinkmix.train.run.schedule import learning_rate


def train(run: LoadedRun, listener: Listener) -> int:
    """Train in place from where the run's history ends; return the step whose weights are to be kept.

    That is the last step, or an earlier one if a protected source was forgotten and the plan keeps the best:
    then its checkpoint was saved. The history grows with every step and measurement.

    Args:
        run: what to train, on which batches, and by which plan.
        listener: is told where the run begins, every step, and every point of the curve, those of the past
            first.

    Raises:
        Forgotten: when a protected source is forgotten, and the plan says to stop or has nothing to keep.
        TrainError: when the loss or its gradient is no longer a number.
    """
    history, plan = run.history, run.job.plan
    for point in history.evals:
        listener.point(point)
    if not history.steps:
        _measure(run, listener)
    for told in _steps(run, listener):
        listener.step(told)
        last = told.step == told.steps
        if last or _due(told.step, plan.eval_every):
            _measure(run, listener)
            if lost := forgetting.forgotten(history.evals, plan.protected):
                return _forget(history, plan, lost)
        kept = _best(history, plan)
        saves = plan.save_every or plan.mode_prompts  # what fails after the last step need not train again
        if _due(told.step, plan.save_every) or (last and saves) or kept == told.step:
            run.save(kept)
    return len(run.selection.steps)


def _due(step: int, every: int | None) -> bool:
    return every is not None and step % every == 0


def _measure(run: LoadedRun, listener: Listener) -> None:
    """Add a point to the curve, if there is anything to measure by."""
    if found := run.measure():
        point = Evaluation(step=run.history.steps, **dict(found))
        run.history.evals.append(point)
        listener.point(point)


def _best(history: History, plan: TrainPlan) -> int | None:
    """Return the step of the best measurement, if the plan may have to go back to it."""
    if not plan.protected or plan.on_forgetting != "keep_best":
        return None
    best = forgetting.best(history.evals, plan.protected)
    return best.step if best else None


def _forget(history: History, plan: TrainPlan, lost: Sequence[str]) -> int:
    """Return the step to go back to.

    Raises:
        Forgotten: if there is none.
    """
    if kept := _best(history, plan):
        return kept
    allowed = ", ".join(f"{source} may rise by {plan.protected[source]:g}" for source in lost)
    went = forgetting.curve(history.evals, lost)
    msg = f"forgotten at step {history.steps}, so nothing is written: held-out loss of {went}; {allowed}"
    raise Forgotten(f"{msg}: add replay, or lower learning_rate or rank")


def _steps(run: LoadedRun, listener: Listener) -> Iterator[Progress]:
    """Make the steps that are missing in the run's history, and yield after each.

    The loss of a step is the sum over its batches divided by all its trained tokens, so a token
    weighs the same in a short row and in a long one. Dropout and noise are seeded by seed and step.
    """
    engine, tokens, steps = run.engine, run.tokens, run.selection.steps
    history, plan = run.history, run.job.plan
    sizes = np.array([_size(tokens, step) for step in steps], dtype=np.int64)
    reached, whole = sizes.cumsum(axis=0), int(sizes[:, 0].sum())
    read, trained = sizes[: history.steps].sum(axis=0).tolist()
    listener.begin(Start(history.steps, len(steps), read, trained, total_tokens=whole))
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
