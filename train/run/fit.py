"""One training run, from a published version to weights whose manifest names the mixture's digest."""

from pathlib import Path

from thinkmix.schemas.errors import TrainError
from thinkmix.templates.chat.families.known import family_of
from thinkmix.train.output.atomic_output import refuse_used, workspace
from thinkmix.train.output.listener import SILENT, Listener
from thinkmix.train.output.result import TrainResult
from thinkmix.train.run.huge_pages import ask_for_huge_pages
from thinkmix.train.run.job import TrainJob
from thinkmix.train.run.selection import select_rows


def fit(
    job: TrainJob,
    *,
    restart: bool = False,
    cache: Path | None = None,
    workers: int | None = None,
    listener: Listener = SILENT,
) -> TrainResult:
    """Train on a published mixture and write what was learnt to the new folder `job.output`.

    On a CPU in float32, the same version, plan, model and thread count write the same bytes, whether the run
    was killed and begun again or not: with `plan.save_every` checkpoints lie beside the output until it is
    there. The output appears whole or not at all: the weights, their config, and training.json.

    Args:
        job: what the run is of.
        restart: whether to drop the checkpoints of an earlier run with this output.
        cache: folder in which encoded mixtures are kept for later runs; unset keeps none.
        workers: processes that encode when there is much to do; one per core if unset.
        listener: is told how the run goes.

    Raises:
        Forgotten: when a protected source was forgotten and the plan keeps no earlier weights.
        ThinkingModeFailed: when the trained model does not think as it is asked to.
        TrainError: when the run cannot start (nothing is written) or its loss is no longer a number.
    """
    refuse_used(job.output)
    selection = select_rows(job)
    ask_for_huge_pages()  # before torch is imported
    try:
        from thinkmix.train.checks.thinking_mode import sample_prompts  # noqa: PLC0415 - slow, and an extra
        from thinkmix.train.model.model import quiet, threads_for  # noqa: PLC0415
        from thinkmix.train.run.finish import finish  # noqa: PLC0415
        from thinkmix.train.run.load import load  # noqa: PLC0415
        from thinkmix.train.run.loop import train  # noqa: PLC0415
        from thinkmix.train.run.processes import join_processes  # noqa: PLC0415
    except ModuleNotFoundError as error:
        msg = f"training needs {error.name}: pip install 'thinkmix[train]'"
        raise TrainError(msg) from error
    prompts = sample_prompts(selection.held_out, job.plan, family=family_of(selection.manifest.template))
    with (
        join_processes(job.plan) as process,
        workspace(_own(job.output, process.rank), restart=restart) as work,
        quiet(),
        threads_for(job.model),
    ):
        run = load(job, selection, process=process, cache=cache or work, workers=workers, listener=listener)
        kept_step = train(run, listener)
        return finish(run, prompts, kept_step=kept_step, work=work)


def _own(output: Path, rank: int) -> Path:
    """Return the output beside which a process works: only the first one writes `output` itself."""
    return output if rank == 0 else output.with_name(f".{output.name}.process{rank}")
