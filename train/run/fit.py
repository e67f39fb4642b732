"""One training run, from a published version to weights whose manifest names the mixture's digest."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from hashlib import file_digest
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from thinkmix.schemas.errors import TrainError
from thinkmix.schemas.training import TrainPlan
from thinkmix.train.checks import guard
from thinkmix.train.data.cache import open_tokens
from thinkmix.train.data.encode import Tokens
from thinkmix.train.data.rows import Rows, Step, draw_rows, index_rows, plan_steps, read_manifest
from thinkmix.train.output.result import Counts, Evaluation, Progress, Start, TrainResult
from thinkmix.train.output.staging import checkpoints_of, published, refuse_used, workspace
from thinkmix.train.quantize.calibration import shown_ids

if TYPE_CHECKING:
    from thinkmix.train.model.model import Learner

MANIFEST = "training.json"

LIBRARIES = ("torch", "transformers", "peft", "bitsandbytes")
"""Libraries that decide the weights."""


def fit(
    version: Path,
    *,
    digest: str,
    plan: TrainPlan,
    model: str,
    output: Path,
    restart: bool = False,
    cache: Path | None = None,
    workers: int | None = None,
    begins: Callable[[Start], None] | None = None,
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
        cache: folder in which encoded mixtures are kept for later runs; unset keeps none.
        workers: processes that encode when there is much to do; one per core if unset.
        begins: called once, when all is loaded and the first step of this run is about to be made.
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
    try:
        from thinkmix.train.checks import probe, switch  # noqa: PLC0415 - slow, and an extra
        from thinkmix.train.model import model as models  # noqa: PLC0415
        from thinkmix.train.run import checkpoint, engines, loop, processes  # noqa: PLC0415 - slow, and an extra
        from thinkmix.train.run.evaluate import evaluate  # noqa: PLC0415
        from thinkmix.train.run.optimiser import build_optimiser  # noqa: PLC0415
    except ModuleNotFoundError as error:
        msg = f"training needs {error.name}: pip install 'thinkmix[train]'"
        raise TrainError(msg) from error
    prompts = switch.draw_prompts(held_out, plan, template=manifest.recipe.template)
    versions = {name: installed(name) for name in LIBRARIES}
    with ExitStack() as stack:
        process = stack.enter_context(processes.joined(plan))
        own = output if process.rank == 0 else output.with_name(f".{output.name}.process{process.rank}")
        work = stack.enter_context(workspace(own, restart=restart))
        stack.enter_context(models.quiet())
        stack.enter_context(models.threads_for(model))
        checkpoints = checkpoint.Checkpoints(
            checkpoints_of(output),
            keep=plan.keep_checkpoints,
            origin=checkpoint.origin_of(plan, mixture=digest, versions=versions, processes=process.world),
            notice=notice if notice and process.rank == 0 else _silent,
            process=process,
        )
        past = checkpoints.newest()
        models.check(model, plan)
        folder = cache or work  # rows are encoded, and bad ones refused, before a weight takes up memory
        tokens = open_tokens(rows, split="train", mixture=digest, folder=folder, workers=workers)
        eval_tokens = open_tokens(drawn, split="eval", mixture=digest, folder=folder, workers=workers)
        learner = models.prepare(model, plan, calibration=_shown(rows, plan))
        facts = models.describe(learner, name=model)
        began = checkpoint.fingerprint(learner, facts)
        if plan.sharding == "fsdp2":
            engines.shard(learner, process)
        optimiser = build_optimiser(learner, plan)
        history = checkpoints.restore(past, learner, optimiser, model=began)
        if plan.packing:
            probe.check_isolation(learner, tokens, np.arange(rows.frame.height))
        making = engines.build_engine(learner, optimiser, plan, process)
        kept_step = loop.train(
            making,
            tokens,
            steps,
            plan,
            history=history,
            measure=lambda: evaluate(learner, eval_tokens, drawn, plan, losses=making.losses),
            save=lambda best: checkpoints.save(learner, optimiser, history, model=began, best=best),
            begins=begins,
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
        result = TrainResult(
            mixture=manifest.mixture,
            mixture_digest=digest,
            template=manifest.template,
            template_sha256=manifest.template_sha256,
            tokenizer_sha256=manifest.tokenizer_sha256,
            model=facts,
            plan=plan,
            counts=_count(rows, drawn, tokens, steps[: history.steps], plan),
            losses=tuple(history.losses),
            evals=tuple(history.evals),
            kept_step=kept_step,
            protected=guard.verdicts(history.evals, plan.protected, kept_step=kept_step),
            switch=answers,
            versions=versions,
            files={},
        )
        with making.whole():
            if process.rank == 0:
                result = _publish(learner, result, output, work)
    return result


def _shown(rows: Rows, plan: TrainPlan) -> Sequence[Sequence[int]]:
    """Return the rows that an adapter begins from, as token ids; none unless the plan says so."""
    return shown_ids(rows, plan) if plan.init in ("eva", "corda") else ()


def _publish(learner: "Learner", result: TrainResult, output: Path, work: Path) -> TrainResult:
    """Write weights and manifest; return the manifest, which names each file's sha256."""
    from thinkmix.train.model import model as models  # noqa: PLC0415 - torch takes seconds

    with published(output, work) as folder:
        models.save_weights(learner, folder)
        result = result.model_copy(update={"files": _digests(folder)})
        (folder / MANIFEST).write_text(result.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return result


def _silent(sentence: str) -> None:
    """Tell nobody."""


def _digests(folder: Path) -> Mapping[str, str]:
    digests = {}
    for path in sorted(folder.iterdir()):
        with path.open("rb") as file:
            digests[path.name] = file_digest(file, "sha256").hexdigest()
    return digests


def _count(rows: Rows, held_out: Rows, tokens: Tokens, steps: Sequence[Step], plan: TrainPlan) -> Counts:
    batches = [batch for step in steps for batch in step]
    seen = np.concatenate(batches)
    read = int(tokens.lengths(seen).sum())
    padded = read if plan.packing else sum(len(batch) * int(tokens.lengths(batch).max()) for batch in batches)
    return Counts(
        rows=rows.frame.height,
        too_long=rows.too_long,
        eval_rows=held_out.frame.height,
        eval_too_long=held_out.too_long,
        steps=len(steps),
        rows_seen=len(seen),
        tokens=read,
        trained_tokens=tokens.trained(seen),
        padding_tokens=padded - read,
        packing_efficiency=read / (len(batches) * plan.batch),
    )
