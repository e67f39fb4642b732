"""The end of a run: the weights to keep, whether they think as they are asked to, and their manifest."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from thinkmix.templates.chat.families.known import family_of
from thinkmix.train.checks import forgetting
from thinkmix.train.checks.thinking_mode import Prompt, check_thinking_mode
from thinkmix.train.model import model as models
from thinkmix.train.model.model import Learner
from thinkmix.train.output.atomic_output import atomic_output
from thinkmix.train.output.result import MANIFEST, Counts, ModeReport, TrainResult
from thinkmix.train.output.trained_folder import digests_of
from thinkmix.train.run.load import LoadedRun


def finish(run: LoadedRun, prompts: Sequence[Prompt], *, kept_step: int, work: Path) -> TrainResult:
    """Write the weights after `kept_step` and their manifest to the job's output; return the manifest.

    Args:
        run: a run whose last step was made.
        prompts: held-out prompts that the model must answer first; none asks nothing.
        kept_step: step whose weights are kept.
        work: folder that holds the output until it is whole.

    Raises:
        ThinkingModeFailed: when the trained model does not think as it is asked to.
        TrainError: when the weights of `kept_step` are gone.
    """
    run.go_back(kept_step)
    family = family_of(run.selection.manifest.template)
    asked = check_thinking_mode(run.engine.learner, prompts, run.job.plan, family=family) if prompts else None
    result = _describe(run, kept_step=kept_step, switch=asked)
    with run.engine.whole():
        if run.engine.process.rank == 0:
            result = _publish(run.engine.learner, result, run.job.output, work)
    return result


def _describe(run: LoadedRun, *, kept_step: int, switch: ModeReport | None) -> TrainResult:
    """Return the manifest of a run before any of its files is written."""
    manifest, plan, history = run.selection.manifest, run.job.plan, run.history
    return TrainResult(
        mixture=manifest.mixture,
        mixture_digest=run.job.digest,
        template=manifest.template,
        template_sha256=manifest.template_sha256,
        tokenizer_sha256=manifest.tokenizer_sha256,
        model=run.facts,
        plan=plan,
        counts=_count(run),
        losses=tuple(history.losses),
        evals=tuple(history.evals),
        kept_step=kept_step,
        protected=forgetting.verdicts(history.evals, plan.protected, kept_step=kept_step),
        switch=switch,
        lineage=run.job.adapter.lineage() if run.job.adapter else (),
        versions=run.checkpoints.origin.versions,
        files={},
    )


def _count(run: LoadedRun) -> Counts:
    plan, tokens, selection = run.job.plan, run.tokens, run.selection
    steps = selection.steps[: run.history.steps]
    batches = [batch for step in steps for batch in step]
    seen = np.concatenate(batches)
    read = int(tokens.lengths(seen).sum())
    padded = read if plan.packing else sum(len(batch) * int(tokens.lengths(batch).max()) for batch in batches)
    return Counts(
        rows=selection.rows.frame.height,
        too_long=selection.rows.too_long,
        eval_rows=selection.measured.frame.height,
        eval_too_long=selection.measured.too_long,
        steps=len(steps),
        rows_seen=len(seen),
        tokens=read,
        trained_tokens=tokens.trained(seen),
        padding_tokens=padded - read,
        packing_efficiency=read / (len(batches) * plan.batch),
    )


def _publish(learner: Learner, result: TrainResult, output: Path, work: Path) -> TrainResult:
    """Write weights and manifest; return the manifest, which names each file's sha256."""
    with atomic_output(output, work) as folder:
        models.save_weights(learner, folder)
        result = result.model_copy(update={"files": digests_of(folder)})
        (folder / MANIFEST).write_text(result.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return result
