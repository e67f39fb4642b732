"""One training run, from a published version to weights whose manifest names the mixture's digest."""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from importlib.metadata import version as installed
from pathlib import Path

import numpy as np

from schemas.errors import TrainError
from schemas.training import TrainPlan
from train import guard
from train.calibration import shown_ids
from train.encode import Tokens, encode_rows
from train.result import Counts, Evaluation, Progress, TrainResult
from train.rows import Rows, Step, draw_rows, index_rows, plan_steps, read_manifest
from train.staging import CHECKPOINTS, published, refuse_used, workspace

MANIFEST = "training.json"

_LIBRARIES = ("torch", "transformers", "peft", "bitsandbytes")


def fit(
    version: Path,
    *,
    digest: str,
    plan: TrainPlan,
    model: str,
    output: Path,
    restart: bool = False,
    progress: Callable[[Progress], None] | None = None,
    measured: Callable[[Evaluation], None] | None = None,
    notice: Callable[[str], None] | None = None,
) -> TrainResult:
    """Train on a published mixture and write what was learnt to the new folder `output`.

    On a CPU in float32, the same version, plan, model and thread count write the same bytes, whether the run
    was killed and begun again or not: with `plan.save_every` checkpoints lie beside `output` until it is
    there. `output` appears whole or not at all: the weights, their config, and training.json.

    Args:
        version: folder of a published version, which the caller has verified.
        digest: sha256 of the version's manifest, as verified: the mixture's digest.
        plan: how to train.
        model: `tiny-random`, a local folder, or a hub id of a dense Qwen3.
        output: folder that does not exist yet, or is empty.
        restart: whether to drop the checkpoints of an earlier run with this output.
        progress: called after every step.
        measured: called with every point of the curve, those of a run that is gone on with included.
        notice: called with what a person should know of a checkpoint.

    Raises:
        Forgotten: when a protected source was forgotten and the plan keeps no earlier weights.
        ModeSwitchFailed: when the trained model does not think as it is asked to.
        TrainError: when the run cannot start (nothing is written) or its loss is no longer a number.
    """
    refuse_used(output)
    manifest = read_manifest(version, digest=digest)
    rows = index_rows(version, manifest, split="train", max_tokens=plan.max_tokens)
    held_out = index_rows(version, manifest, split="eval", max_tokens=plan.max_tokens)
    drawn = draw_rows(held_out, per_source=plan.eval_rows)
    guard.check_sources(plan.protected, set(drawn.frame["source"]))
    steps = plan_steps(rows, plan)
    seen = np.concatenate([batch for step in steps for batch in step])
    try:
        from train import checkpoint, loop, switch  # noqa: PLC0415 - torch takes seconds, and is an extra
        from train import model as models  # noqa: PLC0415
        from train.evaluate import evaluate  # noqa: PLC0415
        from train.optimiser import build_optimiser  # noqa: PLC0415
    except ModuleNotFoundError as error:
        msg = f"training needs {error.name}: pip install 'thinkmix[train]'"
        raise TrainError(msg) from error
    prompts = switch.draw_prompts(held_out, plan, template=manifest.recipe.template)
    versions = {name: installed(name) for name in _LIBRARIES}
    with workspace(output, restart=restart) as work, models.quiet(), models.threads_for(model):
        checkpoints = checkpoint.Checkpoints(
            work / CHECKPOINTS,
            keep=plan.keep_checkpoints,
            origin=checkpoint.origin_of(plan, mixture=digest, versions=versions),
            notice=notice or _silent,
        )
        past = checkpoints.newest()
        learner = models.prepare(model, plan, calibration=_shown(rows, plan))
        facts = models.describe(learner, name=model)
        began = checkpoint.fingerprint(learner, facts)
        optimiser = build_optimiser(learner, plan)
        history = checkpoints.restore(past, learner, optimiser, model=began)
        tokens = encode_rows(rows, seen, scratch=work / "train.ids")
        eval_tokens = encode_rows(drawn, np.arange(drawn.frame.height), scratch=work / "eval.ids")
        kept_step = loop.train(
            learner,
            tokens,
            steps,
            plan,
            optimiser=optimiser,
            history=history,
            measure=lambda: evaluate(learner, eval_tokens, drawn),
            save=lambda best: checkpoints.save(learner, optimiser, history, model=began, best=best),
            progress=progress,
            measured=measured,
        )
        if kept_step < history.steps:
            checkpoints.restore_weights(kept_step, learner)
        answers = (
            switch.check_switch(learner, prompts, plan, template=manifest.recipe.template)
            if prompts
            else None
        )
        with published(output, work) as folder:
            models.save_weights(learner, folder)
            result = TrainResult(
                mixture=manifest.mixture,
                mixture_digest=digest,
                template=manifest.template,
                template_sha256=manifest.template_sha256,
                tokenizer_sha256=manifest.tokenizer_sha256,
                model=facts,
                plan=plan,
                counts=_count(rows, drawn, tokens, steps[: history.steps]),
                losses=tuple(history.losses),
                evals=tuple(history.evals),
                kept_step=kept_step,
                protected=guard.verdicts(history.evals, plan.protected, kept_step=kept_step),
                switch=answers,
                versions=versions,
                files=_digests(folder),
            )
            (folder / MANIFEST).write_text(result.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return result


def _shown(rows: Rows, plan: TrainPlan) -> Sequence[Sequence[int]]:
    """Return the rows that an adapter begins from, as token ids; none unless the plan says so."""
    return shown_ids(rows, plan) if plan.init in ("eva", "corda") else ()


def _silent(sentence: str) -> None:
    """Tell nobody."""


def _digests(folder: Path) -> Mapping[str, str]:
    return {file.name: sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())}


def _count(rows: Rows, held_out: Rows, tokens: Tokens, steps: Sequence[Step]) -> Counts:
    batches = [batch for step in steps for batch in step]
    seen = np.concatenate(batches)
    read = int(tokens.lengths(seen).sum())
    return Counts(
        rows=rows.frame.height,
        too_long=rows.too_long,
        eval_rows=held_out.frame.height,
        eval_too_long=held_out.too_long,
        steps=len(steps),
        rows_seen=len(seen),
        tokens=read,
        trained_tokens=tokens.trained(seen),
        padding_tokens=sum(len(batch) * int(tokens.lengths(batch).max()) for batch in batches) - read,
    )
