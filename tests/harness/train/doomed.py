"""A training run in a process of its own, killed at a given moment as if its machine were taken away."""

import multiprocessing
import os
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

from tests.harness.listening import Heard
from thinkmix.schemas.errors import TrainError
from thinkmix.schemas.training import TrainPlan
from thinkmix.train.run.job import TrainJob


def processes() -> ForkServerContext:
    """Give processes that start in milliseconds: torch is imported once, by a server without threads."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.harness.train.warm"])
    return context


def run(version: Path, output: Path, plan: TrainPlan, moment: str, context: ForkServerContext) -> int:
    """Train in a new process; return its exit code: 0, -9 if it killed itself, 1 if it failed."""
    process = context.Process(target=train, args=(version, output, plan, moment))
    process.start()
    process.join(100)
    assert process.exitcode is not None
    return process.exitcode


def run_together(
    version: Path, output: Path, plan: TrainPlan, moments: Sequence[str], context: ForkServerContext
) -> list[int]:
    """Train in as many processes as there are moments, each with its own; return their exit codes.

    Where one crashed by itself, they go on once more, which is what is promised of any end. In some ninety
    runs on busy cores it happened once, in native code below FSDP2 on gloo, and could not be made to again.
    """
    ended = _together(version, output, plan, moments, context)
    return _together(version, output, plan, moments, context) if -signal.SIGSEGV in ended else ended


def _together(
    version: Path, output: Path, plan: TrainPlan, moments: Sequence[str], context: ForkServerContext
) -> list[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(len(moments))}
    together = [
        context.Process(target=_join, args=({**place, "RANK": str(rank)}, version, output, plan, moment))
        for rank, moment in enumerate(moments)
    ]
    for process in together:
        process.start()
    for process in together:
        process.join(100)
        process.kill()  # without effect on one that has ended
        process.join()
    return [process.exitcode for process in together if process.exitcode is not None]


def _join(place: Mapping[str, str], version: Path, output: Path, plan: TrainPlan, moment: str) -> None:
    """Train as one of several; what a person would be told goes to a file beside the output."""
    os.environ.update(place)
    try:
        train(version, output, plan, moment)
    except TrainError as error:
        output.with_name(f"said {place['RANK']}").write_text(str(error))
        sys.exit(error.exit_code)


def train(version: Path, output: Path, plan: TrainPlan, moment: str) -> None:
    """Train, and die at the moment; `never` is none."""
    from thinkmix.train.output import atomic_output  # noqa: PLC0415 - the forked process has them already
    from thinkmix.train.run import checkpoint, fit  # noqa: PLC0415 - the forked process has them already

    kind, _, number = moment.partition(" ")
    told: list[Any] = []

    def step(at: Any) -> None:
        if kind == "step" and at.step == int(number):
            die()

    def call(real: Callable, *, before: bool) -> Callable:
        """Die at the call with the wanted number: before it does anything, or when it is done."""

        def counted(*given: Any, **named: Any) -> Any:
            told.append(None)
            if before and len(told) == int(number):
                die()
            result = real(*given, **named)
            if len(told) == int(number):
                die()
            return result

        return counted

    def torn(tensors: Any, path: Path, **named: Any) -> None:
        """Write a checkpoint up to its middle, and die."""
        whole(tensors, path, **named)
        told.append(None)
        if len(told) == int(number):
            os.truncate(path, path.stat().st_size // 2)
            die()

    def full(tensors: Any, path: Path, **named: Any) -> None:
        raise OSError(28, "No space left on device")

    whole = checkpoint.save_file
    match kind:
        case "full":
            checkpoint.save_file = full
        case "torn":
            checkpoint.save_file = torn
        case "unnamed":
            checkpoint.sync = call(checkpoint.sync, before=True)
        case "named":
            checkpoint.sync = call(checkpoint.sync, before=False)
        case "unpruned":
            checkpoint.Checkpoints._prune = call(checkpoint.Checkpoints._prune, before=True)
        case "unpublished":
            atomic_output.sync = call(atomic_output.sync, before=True)
        case "unswept":
            atomic_output.shutil.rmtree = _last_rmtree
    digest = sha256((version / "manifest.json").read_bytes()).hexdigest()
    fit.fit(TrainJob(version, digest, plan, "tiny-random", output), listener=Heard(step=step))


def held_by_one(plan: TrainPlan) -> float:
    """Return which part of the layers' weights this process holds once the model is shared out."""
    from torch.distributed.tensor import DTensor  # noqa: PLC0415 - the server knows torch, the tests need not

    from thinkmix.train.model.model import base_model, prepare, quiet  # noqa: PLC0415
    from thinkmix.train.run.engines import shard  # noqa: PLC0415
    from thinkmix.train.run.processes import join_processes  # noqa: PLC0415

    with join_processes(plan) as process, quiet():
        learner = prepare("tiny-random", plan)
        shard(learner, process)
        weights = list(base_model(learner).model.layers.parameters())
        local = [each.to_local() if isinstance(each, DTensor) else each for each in weights]
        return sum(each.numel() for each in local) / sum(each.numel() for each in weights)


_rmtree = shutil.rmtree


def _last_rmtree(path: Path, **named: Any) -> None:
    """Die instead of clearing up after the output was published."""
    if path.name.endswith(".partial"):
        die()
    _rmtree(path, **named)


def die() -> None:
    """End this process as the kernel does when memory runs out: without a chance to clean up."""
    os.kill(os.getpid(), signal.SIGKILL)
