"""A run in memory: the encoded rows, the model with its optimiser, and how far an earlier run came."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path

import numpy as np
from torch.optim import Optimizer

from thinkmix.schemas.training import TrainPlan
from thinkmix.train.checks import packing_check
from thinkmix.train.data.cache import open_tokens
from thinkmix.train.data.encode import Tokens
from thinkmix.train.data.rows import Rows
from thinkmix.train.model import model as models
from thinkmix.train.output.atomic_output import checkpoints_of
from thinkmix.train.output.listener import SILENT, Listener
from thinkmix.train.output.result import LIBRARIES, EvalLoss, History, ModelFacts
from thinkmix.train.quantize.calibration import shown_ids
from thinkmix.train.run.checkpoint import Checkpoints, fingerprint, origin_of
from thinkmix.train.run.engine import Engine
from thinkmix.train.run.engines import build_engine, shard
from thinkmix.train.run.evaluate import evaluate
from thinkmix.train.run.job import TrainJob
from thinkmix.train.run.optimiser import build_optimiser
from thinkmix.train.run.processes import Process
from thinkmix.train.run.selection import Selection


@dataclass(frozen=True)
class LoadedRun:
    """A run with all that its next step needs."""

    job: TrainJob
    selection: Selection
    tokens: Tokens
    """The rows to train on, encoded."""
    eval_tokens: Tokens
    """The rows that are measured, encoded."""
    engine: Engine
    """Makes the steps of the model to train."""
    optimiser: Optimizer
    history: History
    """The past, empty for a new run; every step and measurement is added to it."""
    checkpoints: Checkpoints
    facts: ModelFacts
    began: str
    """Fingerprint of the model, as training begins with it."""

    def measure(self) -> EvalLoss | None:
        """Return the loss on held-out rows, or None if the version has no such rows."""
        return evaluate(
            self.engine.learner,
            self.eval_tokens,
            self.selection.measured,
            self.job.plan,
            losses=self.engine.losses,
        )

    def save(self, best: int | None) -> None:
        """Write a checkpoint of this moment.

        Args:
            best: step of the best measurement so far, if the run may have to go back to it.

        Raises:
            TrainError: if it cannot be written.
        """
        self.checkpoints.save(self.engine.learner, self.optimiser, self.history, model=self.began, best=best)

    def go_back(self, step: int) -> None:
        """Set the weights to those after `step`, if steps were made after it.

        Raises:
            TrainError: if its checkpoint is not there, or damaged.
        """
        if step < self.history.steps:
            self.checkpoints.restore_weights(step, self.engine.learner)


def load(
    job: TrainJob,
    selection: Selection,
    *,
    process: Process,
    cache: Path,
    workers: int | None,
    listener: Listener,
) -> LoadedRun:
    """Load the rows, the model, and the latest checkpoint of an earlier run with this output.

    Args:
        job: what the run is of.
        selection: its rows.
        process: this process among those of the run.
        cache: folder of encoded mixtures.
        workers: processes that encode when there is much to do; one per core if unset.
        listener: is told of checkpoints, in the run's first process.

    Raises:
        TrainError: when a row is bad, the model cannot follow the plan, or the checkpoint is of another run.
    """
    plan = job.plan
    checkpoints = _checkpoints(job, process, listener)
    past = checkpoints.newest()
    earlier = job.adapter.folder if job.adapter else None
    models.check(job.model, plan, adapter=earlier)
    # rows are encoded, and bad ones refused, before a weight takes up memory
    tokens = open_tokens(selection.rows, split="train", mixture=job.digest, folder=cache, workers=workers)
    eval_tokens = open_tokens(
        selection.measured, split="eval", mixture=job.digest, folder=cache, workers=workers
    )
    shown = () if earlier else _shown(selection.rows, plan)
    learner = models.prepare(job.model, plan, calibration=shown, adapter=earlier)
    facts = models.describe(learner, name=job.model)
    began = fingerprint(learner, facts)
    if plan.sharding == "fsdp2":
        shard(learner, process)
    optimiser = build_optimiser(learner, plan)
    history = checkpoints.restore(past, learner, optimiser, model=began)
    if plan.packing:
        packing_check.check_isolation(learner, tokens, np.arange(selection.rows.frame.height))
    return LoadedRun(
        job=job,
        selection=selection,
        tokens=tokens,
        eval_tokens=eval_tokens,
        engine=build_engine(learner, optimiser, plan, process),
        optimiser=optimiser,
        history=history,
        checkpoints=checkpoints,
        facts=facts,
        began=began,
    )


def _checkpoints(job: TrainJob, process: Process, listener: Listener) -> Checkpoints:
    versions = {name: installed(name) for name in LIBRARIES}
    return Checkpoints(
        checkpoints_of(job.output),
        keep=job.plan.keep_checkpoints,
        origin=origin_of(
            job.plan,
            mixture=job.digest,
            versions=versions,
            processes=process.world,
            adapter=job.adapter.sha256 if job.adapter else None,
        ),
        notice=(listener if process.rank == 0 else SILENT).say,
        process=process,
    )


def _shown(rows: Rows, plan: TrainPlan) -> Sequence[Sequence[int]]:
    """Return the rows that an adapter begins from, as token ids; none unless the plan needs them."""
    return shown_ids(rows, plan) if plan.init in ("eva", "corda") else ()
