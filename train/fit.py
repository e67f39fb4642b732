"""One training run, from a published version to an adapter whose manifest names the mixture's digest."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from importlib.metadata import version as installed
from pathlib import Path

import numpy as np

from schemas.errors import TrainError
from schemas.training import TrainPlan
from train.encode import Tokens, encode_rows
from train.result import Counts, Progress, TrainResult
from train.rows import Rows, Step, draw_rows, index_rows, plan_steps, read_manifest

MANIFEST = "training.json"


def fit(
    version: Path,
    *,
    digest: str,
    plan: TrainPlan,
    model: str,
    output: Path,
    progress: Callable[[Progress], None] | None = None,
) -> TrainResult:
    """Train a LoRA adapter on a published mixture and write it to the new folder `output`.

    On a CPU in float32, the same version, plan, model and thread count write the same bytes. `output`
    appears whole or not at all: adapter_model.safetensors, adapter_config.json, training.json.

    Args:
        version: folder of a published version, which the caller has verified.
        digest: sha256 of the version's manifest, as verified: the mixture's digest.
        plan: how to train.
        model: `tiny-random`, a local folder, or a hub id of a dense Qwen3.
        output: folder that does not exist yet, or is empty.
        progress: called after every step.

    Raises:
        TrainError: when the run cannot start (nothing is written) or its loss is no longer a number.
    """
    _refuse_used(output)
    manifest = read_manifest(version, digest=digest)
    rows = index_rows(version, manifest, split="train", max_tokens=plan.max_tokens)
    held_out = index_rows(version, manifest, split="eval", max_tokens=plan.max_tokens)
    held_out = draw_rows(held_out, per_source=plan.eval_rows)
    steps = plan_steps(rows, plan)
    seen = [batch for step in steps for batch in step]
    try:
        from train import loop  # noqa: PLC0415 - torch takes seconds, and is an extra
        from train import model as models  # noqa: PLC0415
        from train.evaluate import evaluate  # noqa: PLC0415
    except ModuleNotFoundError as error:
        msg = f"training needs {error.name}: pip install 'thinkmix[train]'"
        raise TrainError(msg) from error
    with _new_folder(output) as folder, models.quiet(), models.threads_for(model):
        learner = models.prepare(model, plan)
        tokens = encode_rows(rows, np.concatenate(seen), scratch=folder / "train.ids")
        eval_tokens = encode_rows(held_out, np.arange(held_out.frame.height), scratch=folder / "eval.ids")
        before = evaluate(learner, eval_tokens, held_out)
        losses = loop.train(learner, tokens, steps, plan, progress=progress)
        after = evaluate(learner, eval_tokens, held_out)
        models.save_weights(learner, folder)
        result = TrainResult(
            mixture=manifest.mixture,
            mixture_digest=digest,
            template=manifest.template,
            template_sha256=manifest.template_sha256,
            tokenizer_sha256=manifest.tokenizer_sha256,
            model=models.describe(learner, name=model),
            plan=plan,
            counts=_count(rows, held_out, tokens, steps),
            losses=losses,
            eval_before=before,
            eval_after=after,
            versions={name: installed(name) for name in ("torch", "transformers", "peft")},
            files={file.name: sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())},
        )
        (folder / MANIFEST).write_text(result.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return result


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


def _refuse_used(output: Path) -> None:
    if output.is_dir() and not any(output.iterdir()):
        return
    if output.exists():
        msg = f"{output} exists already: name a new folder for the adapter, or remove it"
        raise TrainError(msg)


@contextmanager
def _new_folder(output: Path) -> Iterator[Path]:
    """Give a folder beside `output` to write to; it becomes `output` only when everything went well."""
    folder = output.parent / f".{output.name}.{os.getpid()}.partial"
    folder.mkdir(parents=True)
    try:
        yield folder
        for path in (*folder.iterdir(), folder):
            _sync(path)
        folder.rename(output)
        _sync(output.parent)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
