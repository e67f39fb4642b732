"""Spawned worker processes for shards: one that dies costs its shard a retry, not the build."""

import os
import resource
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from threading import Thread
from types import FrameType
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
        waiting, suspects = deque(range(len(jobs))), list[int]()
        running: dict[Future[Result], int] = {}
        while waiting or running:
            # few at a time: when a worker dies, all that were given to the pool must be run again
            while waiting and len(running) < 2 * self.count:
                place = waiting.popleft()
                running[self._submit(jobs[place])] = place
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                place = running.pop(future)
                try:
                    results[place] = future.result()
                except (BrokenProcessPool, MemoryError):
                    suspects.append(place)
                else:
                    done(jobs[place], results[place])
        for place in sorted(suspects):
            results[place] = self._alone(jobs[place])
            done(jobs[place], results[place])
        return [results[place] for place in range(len(jobs))]

    def _submit(self, job: Job[Result]) -> Future[Result]:
        # a process that is only just starting would answer an interrupt with a traceback
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return self._pool[0].submit(job.call)
        except BrokenProcessPool:
            self._pool[0].shutdown()
            self._pool[0] = _pool(self.count)
            return self._pool[0].submit(job.call)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _alone(self, job: Job[Result]) -> Result:
        """Run a job that was under way when a worker died, with no other beside it that it could blame.

        Raises:
            WorkerError: if it dies again.
        """
        try:
            return self._submit(job).result()
        except (BrokenProcessPool, MemoryError):
            msg = (
                f"the worker for {job.label} died twice (killed, crashed or out of memory); "
                f"try fewer --workers or a machine with more memory"
            )
            raise WorkerError(msg) from None


@contextmanager
def workers(count: int) -> Iterator[Workers]:
    """Yield a pool of `count` processes; none is left running afterwards."""
    pool = [_pool(count)]
    try:
        yield Workers(count, pool)
    finally:
        pool[0].shutdown(cancel_futures=True)


def _pool(count: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_settle)


def _settle() -> None:
    """Give a fresh worker one thread, a ceiling and an end, before it imports anything heavy."""
    for name in _QUIET_THREADS:
        os.environ[name] = "1"
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    ceiling = WORKER_BYTES if hard == resource.RLIM_INFINITY else min(WORKER_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (ceiling, hard))
    signal.signal(signal.SIGINT, _stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    Thread(target=_end_with_parent, daemon=True).start()


def _stop(number: int, frame: FrameType | None) -> None:
    """End quietly: the parent, which was interrupted, too, says what there is to say."""
    sys.exit(128 + number)


def _end_with_parent() -> None:
    """End when the parent is gone: an executor's workers would wait for its next job for ever."""
    if parent := parent_process():
        parent.join()
        os._exit(1)
