"""The training that follows a build whose recipe asks for one; whatever becomes of it, the version stays."""

import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version as installed
from pathlib import Path

from thinkmix.flows.build.pipeline import Built
from thinkmix.flows.recipe.plans import plan_of
from thinkmix.flows.recipe.training import TrainingSettings
from thinkmix.flows.runs import webhook
from thinkmix.flows.store.digests import SHORT, digest, key_of
from thinkmix.flows.store.store import Store
from thinkmix.flows.system.progress import Notify, silent
from thinkmix.flows.training.monitors.watching import monitors_named, watched
from thinkmix.flows.training.pace import Events
from thinkmix.flows.training.run import run_training
from thinkmix.schemas.errors import ThinkmixError, TrainError
from thinkmix.schemas.training import TrainPlan
from thinkmix.train.model.names import TINY_RANDOM
from thinkmix.train.output.result import LIBRARIES, TrainResult
from thinkmix.train.output.trained_folder import read_trained


@dataclass(frozen=True)
class TrainingAfterBuild:
    """One training to be made."""

    version: Path
    model: str
    """`tiny-random`, the path of a folder, or a hub id."""
    plan: TrainPlan
    output: Path
    """Folder that it writes."""
    report_to: tuple[str, ...] = ()
    """Monitors that are told of each step."""

    def run(self, notify: Notify = silent) -> TrainResult:
        """Train.

        Raises:
            StoreCorrupt: if the version is damaged.
            TrainError: if the run cannot start or go on.
        """
        told = Events(notify, self.version.parent.parent.name)
        version, model, plan, output = self.version, self.model, self.plan, self.output
        chosen = monitors_named(self.report_to)
        with watched(told, chosen, version=version, model=model, plan=plan, output=output) as view:
            return run_training(version, model=model, plan=plan, output=output, view=view)


def train_after(
    built: Built,
    training: TrainingSettings | None,
    base: Path,
    train: Callable[[TrainingAfterBuild], TrainResult],
) -> None:
    """Train on what a build came to if the recipe asks for it and it was not done yet; say how that ended.

    Nothing that goes wrong is raised: it is a line of the error stream, a message to the chat and a line of
    the mixture's `trainings.jsonl`.

    Args:
        built: the build; its version is current.
        training: what the recipe asks for, if anything.
        base: folder that a relative path of a model starts from.
        train: makes the training.
    """
    if training is None or built.status not in _BUILDS[training.when]:
        return
    mixture, began = built.manifest.mixture, datetime.now(UTC)
    line: dict[str, object] = {"started": began.isoformat(timespec="seconds"), "version": built.digest}
    try:
        training_job = _plan(built.version, training, base)
        line["output"] = training_job.output.name
        if _is_there(training_job.output):
            return
        sentence = _outcome(train(training_job))
    except Exception as error:  # of a library, a device or a disk: the version is as good as before
        if not isinstance(error, ThinkmixError):
            traceback.print_exc()
        line |= {"status": "failed", "error": _word(error), "sentence": str(error)}
        _say(mixture, f"the training on {built.digest[:SHORT]} failed, the version stays published: {error}")
        webhook.tell_training_failed(mixture, built.digest[:SHORT], error)
    else:
        line |= {"status": "trained", "error": None, "sentence": sentence}
        _say(mixture, f"{sentence}; {training_job.output}")
        webhook.tell_training(mixture, built.digest[:SHORT], sentence, training_job.output)
    line["seconds"] = round((datetime.now(UTC) - began).total_seconds(), 3)
    with suppress(OSError):  # the disk has no room for a line: what it would say has happened
        _store(built.version).log.record_training(mixture, line)


_BUILDS: Mapping[str, tuple[str, ...]] = {
    "published": ("published",),
    "missing": ("published", "unchanged"),
}
"""Endings of a build after which there may be something to train, by `Tuning.when`."""


def _plan(version: Path, training: TrainingSettings, base: Path) -> TrainingAfterBuild:
    """Return the training of a version: its folder is named by all that decides what is learnt.

    Raises:
        TrainError: if there is no such model, or nothing to train with.
    """
    plan, model = plan_of(training), training.model
    if model != TINY_RANDOM and (local := base / Path(model).expanduser()).is_dir():
        model = str(local.resolve())
    try:
        libraries = {name: installed(name) for name in LIBRARIES}
        way = key_of(model=_identity(model), plan=plan.model_dump(mode="json"), libraries=libraries)
    except ModuleNotFoundError as error:
        msg = f"training needs {error.name}: pip install 'thinkmix[train]'"
        raise TrainError(msg) from error
    trained = _store(version).log.trained(version.parent.parent.name)
    return TrainingAfterBuild(
        version, model, plan, trained / f"{version.name[:SHORT]}-{way[:SHORT]}", training.report_to
    )


def _identity(model: str) -> object:
    """Return what tells a model from others: the digests of a folder's files, or a hub's id and commit."""
    folder = Path(model)
    if model == TINY_RANDOM:
        return model
    if folder.is_dir():
        return {path.name: digest(path) for path in sorted(folder.glob("*")) if _decides(path)}
    from thinkmix.train.model.loading import load_config  # noqa: PLC0415 - torch takes seconds

    return {"id": model, "commit": getattr(load_config(model), "_commit_hash", None)}


def _decides(path: Path) -> bool:
    return path.suffix == ".safetensors" or path.name in ("config.json", "model.safetensors.index.json")


def _is_there(output: Path) -> bool:
    """Return whether a training was made before.

    Raises:
        TrainError: if something else lies there, or it is damaged.
    """
    if not output.exists():
        return False
    try:
        read_trained(output)
    except TrainError as error:
        msg = f"{output} has no complete training, remove it to train again: {error}"
        raise TrainError(msg) from error
    return True


def _outcome(result: TrainResult) -> str:
    made = f"trained {result.counts.steps} steps on {result.mixture_digest[:SHORT]}"
    if result.eval_before and result.eval_after:
        before, after = result.eval_before.total.loss, result.eval_after.total.loss
        return f"{made}: held-out loss {before:.3f} → {after:.3f}"
    return f"{made}: loss {result.losses[-1]:.3f} in the last one"


def _store(version: Path) -> Store:
    return Store(version.parents[2])


def _word(error: Exception) -> str:
    return error.code if isinstance(error, ThinkmixError) else type(error).__name__


def _say(mixture: str, sentence: str) -> None:
    sys.stderr.write(f"{mixture}: {sentence}\n")
