"""Which rows of the version a run reads: those to train on, step by step, and those to measure."""

from collections.abc import Sequence
from dataclasses import dataclass

from thinkmix.schemas.manifest import Manifest
from thinkmix.train.checks import forgetting
from thinkmix.train.data.rows import Rows, Step, index_rows, plan_steps, read_manifest, sample_rows
from thinkmix.train.run.job import TrainJob


@dataclass(frozen=True)
class Selection:
    """The rows of one run, and the version that they are of."""

    manifest: Manifest
    rows: Rows
    """Rows to train on."""
    steps: Sequence[Step]
    """Their batches, step by step."""
    held_out: Rows
    """All held-out rows that fit."""
    measured: Rows
    """Of these, the rows on which the loss is measured."""


def select_rows(job: TrainJob) -> Selection:
    """Return the rows that a run reads; none is opened for its text.

    Raises:
        TrainError: when the version is not what was verified, a protected source is not measured, or there is
            nothing to train on.
    """
    plan = job.plan
    manifest = read_manifest(job.version, digest=job.digest)
    rows = index_rows(job.version, manifest, split="train", max_tokens=plan.max_tokens)
    held_out = index_rows(job.version, manifest, split="eval", max_tokens=plan.max_tokens)
    measured = sample_rows(held_out, per_source=plan.eval_rows)
    forgetting.check_sources(plan.protected, set(measured.frame["source"]))
    return Selection(manifest, rows, plan_steps(rows, plan), held_out, measured)
