"""From a published version to an adapter or a model: verify first, then train."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from thinkmix.flows.pages.training.page import PAGE, FailedTraining, write_failure, write_page
from thinkmix.flows.pages.training.timing import TIMING, Stopwatch, Timing, write_timing
from thinkmix.flows.store.paths import home, reading
from thinkmix.flows.store.versions import problems
from thinkmix.flows.system.cores import usable_cores
from thinkmix.flows.training.model_access import check_access
from thinkmix.flows.training.pace import View, speaks
from thinkmix.schemas.errors import StoreCorrupt, StoreError, ThinkmixError, TrainError
from thinkmix.schemas.training import TrainPlan
from thinkmix.train.model.names import TINY_RANDOM, public_name
from thinkmix.train.output.atomic_output import atomic_output, refuse_used, workspace
from thinkmix.train.output.result import Evaluation, Progress, Start, TrainResult
from thinkmix.train.output.trained_folder import read_trained
from thinkmix.train.run.fit import fit
from thinkmix.train.run.job import TrainJob


def run_training(
    version: Path,
    *,
    model: str | None,
    plan: TrainPlan,
    output: Path,
    view: View,
    adapter: Path | None = None,
    restart: bool = False,
    cache: Path | None = None,
) -> TrainResult:
    """Train on a version whose every byte was verified just now, and note the run's times beside its weights.

    Args:
        version: a version's folder, or a mixture's folder for its current version.
        model: `tiny-random`, a local folder, or a hub id; unset means the base of `adapter`, and without
            one `tiny-random`.
        plan: how to train.
        output: new folder for the adapter or the model.
        view: is told how the run goes.
        adapter: folder of an adapter to train further; unset begins a fresh one.
        restart: whether to drop the checkpoints of an earlier run with this output.
        cache: folder of encoded rows; unset means one in the version's store.

    Raises:
        StoreCorrupt: if the version is not what its manifest says.
        TrainError: if the run cannot start or go on.
    """
    course = _Course(view)
    with reading(version) as folder:
        if found := problems(folder):
            msg = f"{folder.name} is damaged, so it is not trained on: {found[0]}"
            raise StoreCorrupt(msg)
        job = _job(folder, model=model, plan=plan, output=output, adapter=adapter)
        view.say(f"loading {job.model} to train on {folder.parent.parent.name} {folder.name[:12]}")
        try:
            with _encoded(folder, cache, view) as tokens:
                result = fit(job, restart=restart, cache=tokens, workers=usable_cores(), listener=course)
        except ThinkmixError as error:
            if speaks() and course.begun:
                _describe_failure(error, job, course)
            raise
        if speaks():
            _describe(course.stopwatch.timing(result.model.device), output, folder, view)
    return result


def _job(
    version: Path, *, model: str | None, plan: TrainPlan, output: Path, adapter: Path | None
) -> TrainJob:
    """Return what is to be trained; of an adapter to go on from, the base and the plan that fit it.

    Raises:
        TrainError: if the model cannot be had, or the adapter is not one of it that the plan can go on from.
    """
    refuse_used(output)
    if adapter is None:
        model = model or TINY_RANDOM
        check_access(model)
        return TrainJob(version, version.name, plan, model, output)
    try:
        from thinkmix.train.model import earlier_adapter  # noqa: PLC0415 - torch takes seconds, and is an extra
        from thinkmix.train.model.model import quiet  # noqa: PLC0415
    except ModuleNotFoundError as error:
        msg = f"training needs {error.name}: pip install 'thinkmix[train]'"
        raise TrainError(msg) from error
    with quiet():
        earlier = earlier_adapter.read_adapter(adapter)
        base = earlier_adapter.base_of(earlier, model)
        check_access(base)
        continued = earlier_adapter.continued_plan(earlier, plan, base=base)
    return TrainJob(version, version.name, continued, base, output, adapter=earlier)


@dataclass
class _Course:
    """How a run goes: told to those who watch, timed, and kept for the page of one that fails."""

    view: View
    stopwatch: Stopwatch = field(default_factory=Stopwatch)
    begun: bool = False
    losses: list[float] = field(default_factory=list)
    points: list[Evaluation] = field(default_factory=list)

    def begin(self, start: Start) -> None:
        self.begun = True
        self.stopwatch.begin(start)
        self.view.begin(start)

    def step(self, told: Progress) -> None:
        self.losses.append(told.loss)
        self.stopwatch.note(told)
        self.view.step(told, self.stopwatch.pace)

    def point(self, found: Evaluation) -> None:
        self.points.append(found)
        self.view.point(found)

    def say(self, sentence: str) -> None:
        self.view.say(sentence)


@contextmanager
def _encoded(version: Path, stated: Path | None, view: View) -> Iterator[Path | None]:
    """Yield the folder of encoded rows: the stated one, one of the version's store, or none."""
    store = None if stated else home(version)
    with ExitStack() as held:
        if store:
            try:
                stated = held.enter_context(store.cache.tokens(version.name))
            except StoreError as error:
                view.say(f"encoded rows are not kept for the next run: {error}")
        yield stated


def _describe(timing: Timing, output: Path, version: Path, view: View) -> None:
    """Write what people read beside the weights, which are whole by now whatever becomes of this."""
    failure_of(output).unlink(missing_ok=True)  # of an earlier try
    try:
        write_timing(timing, output)
        write_page(output, timing=timing, version=version)
    except (OSError, StoreError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        view.say(f"{TIMING} and {PAGE} cannot be written to {output}, all else is there: {why}")


def failure_of(output: Path) -> Path:
    """Return the page of a run that failed, which lies beside the folder that it would have written."""
    return output.with_name(f"{output.name}.failed.html")


def _describe_failure(error: ThinkmixError, job: TrainJob, course: _Course) -> None:
    """Write the page of a run that failed after it had begun; the error itself is told by who called."""
    page = failure_of(job.output)
    try:
        failed = FailedTraining(
            error=error,
            mixture=job.version.parent.parent.name,
            version=job.digest,
            model=public_name(job.model),
            plan=job.plan,
            points=course.points,
            losses=course.losses,
            resumed_at=course.stopwatch.resumed_at,
        )
        write_failure(page, failed)
        course.view.say(f"how far it got: {page}")
    except (OSError, StoreError) as refused:
        course.view.say(f"{page} cannot be written: {refused}")


def merge_adapter(adapter: Path, *, model: str, output: Path) -> None:
    """Merge an adapter into the model that it was trained on, as the new folder `output`.

    Raises:
        TrainError: if `output` is in use, there is nothing to merge, or the model is another one.
    """
    refuse_used(output)
    try:
        from thinkmix.train.model.merge import merge  # noqa: PLC0415 - torch takes seconds, and is an extra
        from thinkmix.train.model.model import quiet  # noqa: PLC0415
    except ModuleNotFoundError as error:
        msg = f"merging needs {error.name}: pip install 'thinkmix[train]'"
        raise TrainError(msg) from error
    check_access(model)
    with quiet(), workspace(output, restart=False) as work, atomic_output(output, work) as folder:
        merge(adapter, base=model, output=folder)


def merge_moves(adapter: Path, merged: Path, *, model: str, store: Path, version: Path | None) -> str | None:
    """Return by how much merging moved the loss of an adapter that learnt beside 4 or 8 bit weights.

    The merged model has other weights than those that it learnt beside. Of other adapters there is nothing
    to say: None.

    Args:
        adapter: folder of the run.
        merged: the model that `merge_adapter` made of it.
        model: what the adapter was trained on.
        store: where the version that it was trained on is looked for.
        version: what the loss is measured on instead.

    Raises:
        NotFound: if there is no such version.
        StoreCorrupt: if the version is not what its manifest says.
        TrainError: if no row of it fits, or a model cannot be loaded.
    """
    from thinkmix.train.run.merge_loss import measure_merge  # noqa: PLC0415 - torch takes seconds

    told = read_trained(adapter)
    if told.plan.method not in ("qlora4", "qlora8"):
        return None
    own = store / told.mixture / "versions" / told.mixture_digest
    if version is None and not own.is_dir():
        name = f"{told.mixture} {told.mixture_digest[:12]}"
        unknown = "by how much merging moves the loss was not measured"
        return f"{unknown}: {name} is not in {store}, name a version with --measure-on"
    with reading(version or own) as folder:
        if found := problems(folder):
            msg = f"{folder.name} is damaged, so no loss is measured on it: {found[0]}"
            raise StoreCorrupt(msg)
        measured = measure_merge(adapter, merged, base=model, version=folder)
    return f"{measured.sentence()} of {folder.parent.parent.name} {folder.name[:12]}"
