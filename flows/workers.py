"""Spawned worker processes for shards: one that dies costs its shard a retry, not the build."""

import os
import resource
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Generic, TypeVar

from schemas.errors import WorkerError

Result = TypeVar("Result")

WORKER_BYTES = 8 * 1024**3
"""Most memory a worker may allocate; beyond it the worker fails instead of the machine."""

_QUIET_THREADS = ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Job(Generic[Result]):
    """One shard's work: a picklable call, and the name that an error would give to it."""

    label: str
    call: Callable[[], Result]


@dataclass(frozen=True)
class Workers:
    """A pool that outlives stages, so that each process imports its libraries once.

    Processes are spawned, never forked: forked children inherit the locks of polars' and Prefect's
    threads and hang.
    """

    count: int
    _pool: list[ProcessPoolExecutor]

    def run(
        self, jobs: Sequence[Job[Result]], *, done: Callable[[Job[Result], Result], None]
    ) -> list[Result]:
        """Return the jobs' results in the order of `jobs`, calling `done` as each ends.

        Raises:
            WorkerError: if a shard's worker died twice, naming the shard.
        """
        results: dict[int, Result] = {}
        try:
            futures = {self._pool[0].submit(job.call): place for place, job in enumerate(jobs)}
            for future in as_completed(futures):
                place = futures[future]
                results[place] = future.result()
                done(jobs[place], results[place])
        except BrokenProcessPool:
            self._pool[0].shutdown(cancel_futures=True)
            self._pool[0] = _pool(self.count)
            for place in sorted(set(range(len(jobs))) - set(results)):
                results[place] = _alone(jobs[place])
                done(jobs[place], results[place])
        return [results[place] for place in range(len(jobs))]


@contextmanager
def workers(count: int) -> Iterator[Workers]:
    """Yield a pool of `count` processes; none is left running afterwards."""
    pool = [_pool(count)]
    try:
        yield Workers(count, pool)
    finally:
        pool[0].shutdown(cancel_futures=True)


def _alone(job: Job[Result]) -> Result:
    """Run a job that was under way when a worker died: in a process of its own, to name the culprit."""
    with _pool(1) as pool:
        try:
            return pool.submit(job.call).result()
        except BrokenProcessPool:
            msg = (
                f"the worker for {job.label} died twice (killed, crashed or out of memory); "
                f"try fewer --workers or a machine with more memory"
            )
            raise WorkerError(msg) from None


def _pool(count: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_settle)


def _settle() -> None:
    """Give a fresh worker one thread and a ceiling, before it imports anything heavy."""
    for name in _QUIET_THREADS:
        os.environ[name] = "1"
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    ceiling = WORKER_BYTES if hard == resource.RLIM_INFINITY else min(WORKER_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (ceiling, hard))
