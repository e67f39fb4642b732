"""Spawned worker processes for shards: one that dies costs its shard a retry, not the build."""

import os
import resource
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.util import Finalize
from threading import Lock, Thread
from types import FrameType, ModuleType
from typing import Generic, Protocol, TypeVar

from thinkmix.curation.text.imports import arrow_without_pandas
from thinkmix.flows.system import files
from thinkmix.flows.system.cores import usable_cores
from thinkmix.flows.system.memory import held_bytes, kernel_kills, usable_bytes
from thinkmix.schemas.errors import StageOom, WorkerDied, WorkerError
from thinkmix.schemas.left_out import LeftOut

Result = TypeVar("Result")

LEAST_BYTES = 512 * 1024**2
"""Least memory of a worker: the libraries alone take a third of it."""

ROOM_BYTES = 2 * LEAST_BYTES
"""Memory that a worker should have: a usual slice fits. Where there is less, there are fewer workers."""

SPARE_BYTES = 4 * LEAST_BYTES
"""Memory of a worker from which on it may load something ahead: half of it must be left for jobs."""

_PROBED = 4
"""Rows that are tried first in the search of one that ends its process."""

_START = Lock()
"""Held while a process starts: what it finds here is changed for that moment, for one at a time."""

_THREADS = ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")

SETTINGS = dict.fromkeys(_THREADS, "1") | {
    "RUST_BACKTRACE": "0",
    "MIMALLOC_ARENA_EAGER_COMMIT": "0",
}
"""What a worker's environment says from its start.

One thread, so that as many workers as cores do not fight for them. No traces of Rust code, whose printing
needs memory: where there is none left, a process waits for itself instead of aborting. And Arrow's
allocator must not ask for a gigabyte at once, of which it uses a part: a ceiling counts all of it. It keeps
for a second what it freed: to give it back at once spares a tenth of the peak and costs a sixth of a build.
"""


@dataclass(frozen=True)
class RowWork:
    """The rows that a job works on, for the search of one that ends its process."""

    source: str
    file: str
    stage: str
    first: int
    """Number in the file of the first row."""
    probe: Callable[[int, int], int]
    """Does the job for the rows from the first number to before the second, keeps nothing, and returns how
    many there were: fewer where the file ends; picklable."""


class RowKilled(Exception):
    """One row of a shard ends the process that works on it, also when nothing else is worked on."""

    def __init__(self, left_out: LeftOut) -> None:
        super().__init__(f"{left_out.file}: row {left_out.row}: {left_out.detail}")
        self.left_out = left_out


@dataclass(frozen=True)
class Job(Generic[Result]):
    """One shard's work: a picklable call, and the name that an error would give to it."""

    label: str
    call: Callable[[], Result]
    known: Callable[[], Result | None] = lambda: None
    """Asked first, in the parent: the result if it is there already and holds, which needs no worker."""
    rows: RowWork | None = None
    """Where one row of it can be left out; unset where that makes no sense."""


class Workers(Protocol):
    """Whoever works on shards: processes of this machine, or a cluster."""

    def run(
        self, jobs: Sequence[Job[Result]], *, done: Callable[[Job[Result], Result], None]
    ) -> list[Result]:
        """Return the jobs' results in the order of `jobs`, calling `done` as each ends.

        Raises:
            WorkerError: if a shard's worker died twice, naming the shard.
        """


class Death(Exception):
    """A worker ended before its job did, or is in no state to go on."""

    def __init__(self, how: str, for_memory: bool) -> None:
        super().__init__(how, for_memory)  # both, or it could not be pickled
        self.how, self.for_memory = how, for_memory

    def named(self, label: str, advice: str) -> WorkerError:
        """Return the error for a shard whose worker died a second time."""
        if self.for_memory:
            return StageOom(f"the worker for {label} died twice for want of memory ({self.how}); {advice}")
        return WorkerDied(f"the worker for {label} died twice ({self.how}); look at that file's rows")


@dataclass(frozen=True)
class Processes:
    """Workers of this machine that outlive stages, so that each imports its libraries once."""

    memory: int
    """Bytes that each may use; a stage with fewer shards than workers shares out the idle ones' part."""
    _workers: tuple["_Worker", ...]
    spare: Callable[[], object] | None = None
    """What a worker without a job does meanwhile, one of them and once; the next lone jobs are for it."""

    @property
    def count(self) -> int:
        """Return how many there are."""
        return len(self._workers)

    def start(self, prepare: Callable[[], object]) -> None:
        """Start all processes, beginning with a call that nobody waits for, like an import."""
        for worker in self._workers:
            worker.start(prepare)

    def run(
        self, jobs: Sequence[Job[Result]], *, done: Callable[[Job[Result], Result], None]
    ) -> list[Result]:
        """Return the jobs' results in the order of `jobs`, calling `done` as each ends.

        Raises:
            RowKilled: if a shard's worker died twice, and dies of one row of it alone.
            StageOom: if it wanted too much memory twice, naming the shard.
            WorkerDied: if it was killed or crashed twice.
        """
        results = self._known(jobs)
        for place, result in results.items():
            done(jobs[place], result)
        waiting = deque(place for place in range(len(jobs)) if place not in results)
        suspects, idle = list[int](), sorted(self._workers, key=_Worker.readiness)
        running: dict[Future[tuple[Result, int]], tuple[int, _Worker]] = {}
        ceiling = self.memory * self.count // max(1, min(self.count, len(waiting)))
        while waiting or running:
            while waiting and idle:
                place, worker = waiting.popleft(), idle.pop()
                running[worker.submit(jobs[place], ceiling)] = place, worker
            if idle and not suspects:
                self._spend(idle[0])
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                place, worker = running.pop(future)
                idle.append(worker)
                try:
                    results[place] = worker.collect(future, self.memory)
                except Death:
                    suspects.append(place)
                else:
                    done(jobs[place], results[place])
        for place in suspects:
            results[place] = self._alone(jobs[place])
            done(jobs[place], results[place])
        return [results[place] for place in range(len(jobs))]

    def _spend(self, worker: "_Worker") -> None:
        """Let a worker use its spare time if none has, and if that leaves it room for jobs."""
        if self.spare and self.memory >= SPARE_BYTES and not any(each.spent for each in self._workers):
            worker.spend(self.spare)

    def _known(self, jobs: Sequence[Job[Result]]) -> dict[int, Result]:
        """Return by place what is there already: mostly hashing files, which threads do side by side."""
        with ThreadPoolExecutor(self.count) as threads:
            found = list(threads.map(lambda job: job.known(), jobs))
        return {place: result for place, result in enumerate(found) if result is not None}

    def _alone(self, job: Job[Result]) -> Result:
        """Run a job whose worker died once more, with nothing beside it and with all memory there is."""
        worker, ceiling = self._workers[0], self.memory * self.count
        for each in self._workers:
            each.settle()
        try:
            return worker.collect(worker.submit(job, ceiling), self.memory)
        except Death as death:
            if job.rows and (found := self._killer(job.rows, ceiling, death)):
                raise RowKilled(found) from None
            advice = (
                f"{ceiling / 1e9:.1f} GB were not enough, so raise --worker-memory "
                f"or use a machine with more memory"
            )
            raise death.named(job.label, advice) from None

    def _killer(self, work: RowWork, ceiling: int, death: Death) -> LeftOut | None:
        """Return the first row of which a process dies that does nothing else; None if there is none.

        More and more rows are tried until a process dies, and then halves of those: some twenty processes
        for fifty thousand rows.
        """
        first, step = work.first, _PROBED
        while (seen := self._probed(work, first, first + step, ceiling)) is not None:
            if seen < step:  # the file has ended
                return None
            first, step = first + step, 2 * step
        last, died = first + step, True  # whether a process died of just these rows
        while last - first > 1:
            middle = (first + last) // 2
            died = self._probed(work, first, middle, ceiling) is None
            first, last = (first, middle) if died else (middle, last)
        if not died and self._probed(work, first, last, ceiling) is not None:
            return None
        return LeftOut(
            source=work.source, file=work.file, row=first, stage=work.stage, how=death.how, memory=ceiling
        )

    def _probed(self, work: RowWork, first: int, last: int, ceiling: int) -> int | None:
        """Return how many rows there were, after the work on them was done; None if the process died."""
        job = Job(f"{work.file} rows {first}-{last}", partial(work.probe, first, last))
        try:
            return self._workers[0].collect(self._workers[0].submit(job, ceiling), self.memory)
        except Death:
            return None


class _Worker:
    """One process at a time, started when it is needed or before, and renewed when it died or grew fat.

    Each has an executor of its own: when the only process of an executor dies, it is plain which job
    it was working on and how it ended, and no other job is lost with it.
    """

    def __init__(self) -> None:
        self._pool, self._kills = _pool(), kernel_kills()
        self.spared: Future[object] | None = None
        """What it does, or did, while there was no job for it."""
        self.spent = False
        """Whether it ever was given that, in this process or one before."""

    def start(self, prepare: Callable[[], object]) -> None:
        """Start the process; if it does not come up, the first job finds out."""
        with _starting(), suppress(BrokenProcessPool):
            self._pool.submit(prepare)

    def spend(self, spare: Callable[[], object]) -> None:
        """Use time in which there is no job for it; if the process dies of that, the next job finds out."""
        with _starting(), suppress(BrokenProcessPool):
            self.spent, self.spared = True, self._pool.submit(spare)

    def settle(self) -> None:
        """Wait until it has used its spare time, whatever came of that."""
        if self.spared:
            wait([self.spared])

    def readiness(self) -> int:
        """Return 0 while it uses spare time or if that failed, 2 if it has done so, and 1 otherwise."""
        if self.spared is None:
            return 1
        return 2 if self.spared.done() and self.spared.exception() is None else 0

    def submit(self, job: Job[Result], ceiling: int) -> Future[tuple[Result, int]]:
        """Begin a job that may hold so many bytes."""
        self._kills = kernel_kills()
        with _starting():
            try:
                return self._pool.submit(_within, ceiling, job.call)
            except BrokenProcessPool:  # it died while it was idle
                self._renew()
                return self._pool.submit(_within, ceiling, job.call)

    def collect(self, future: Future[tuple[Result, int]], memory: int) -> Result:
        """Return the result of a job that has ended.

        Raises:
            Death: if the process ended first, or could get no more memory.
        """
        try:
            result, held = future.result()
        except Death:
            self._renew()
            raise
        except BrokenProcessPool:
            raise _autopsy(self._renew(), self._kills) from None
        if held > memory // 2:  # freed, but not given back: the next job would find too little
            self._renew()
        return result

    def _renew(self) -> int | None:
        """Put a new process in place of the old one; return how that one ended."""
        processes = list((self._pool._processes or {}).values())
        self.end()  # waits, and only then is the exit code sure to be known
        self._pool, self.spared = _pool(), None
        return processes[0].exitcode if processes else None

    def kill(self) -> None:
        """End the process now, whatever it works on; `end` is still to be called."""
        for process in list((self._pool._processes or {}).values()):
            process.kill()

    def end(self) -> None:
        """End the process."""
        self._pool.shutdown(cancel_futures=True)


def plan_workers(count: int | None, memory: int | None, *, cores: int, usable: int) -> tuple[int, int]:
    """Return how many workers there are, and the bytes that each may use.

    Args:
        count: how many are asked for; unset means one per core, but no more than memory has room for.
        memory: bytes that each is given; unset means an equal part.
        cores: how many can work at once.
        usable: bytes that all together may use.
    """
    count = count or max(1, min(cores, usable // (memory or ROOM_BYTES)))
    return count, max(memory or usable // count, LEAST_BYTES)


@contextmanager
def processes(
    count: int | None = None, memory: int | None = None, spare: Callable[[], object] | None = None
) -> Iterator[Processes]:
    """Yield worker processes; none is left running afterwards.

    They are spawned, never forked: forked children inherit the locks of polars' and Prefect's threads
    and hang.

    Args:
        count: how many; unset means as many as cores, CPU quota and memory have room for.
        memory: bytes that each may use; unset means an equal part of what the machine has.
        spare: what one of them does while there is no job for it.

    Raises:
        TooFewFiles: if this process may not open as many files as that takes.
    """
    count, memory = plan_workers(count, memory, cores=usable_cores(), usable=usable_bytes())
    files.allow(count)
    with _blocked(signal.SIGHUP):  # whoever stops the build may tell the whole group, and it must outlive us
        resource_tracker.ensure_running()
    workers = tuple(_Worker() for _ in range(count))
    try:
        yield Processes(memory, workers, spare)
    except Exception:
        raise
    except BaseException:  # who stops a build does not wait until jobs have ended, and half an output is none
        for worker in workers:
            worker.kill()
        raise
    finally:
        with ThreadPoolExecutor(count) as threads:
            list(threads.map(_Worker.end, workers))


@contextmanager
def _starting() -> Iterator[None]:
    """Hand to a process that may be starting what it needs from its first moment.

    Libraries read their settings when they are imported, so settings come with the environment. And it would
    answer an interrupt with a traceback.
    """
    with _START, _blocked(signal.SIGINT), _without_main():
        before = dict(os.environ)
        os.environ.update(SETTINGS)
        try:
            yield
        finally:
            for name in SETTINGS:
                if name in before:
                    os.environ[name] = before[name]
                else:
                    del os.environ[name]


@contextmanager
def _without_main() -> Iterator[None]:
    """Let a process that is spawned meanwhile not run the parent's main module again.

    No job needs it, and a script that builds and has no `if __name__ == "__main__":` would begin a build in
    each worker, which ends the worker: the build would take the rows for what ends it.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextmanager
def _blocked(number: signal.Signals) -> Iterator[None]:
    """Hold a signal back; a process that is started meanwhile holds it back, too, until it says otherwise."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _pool() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_settle)


def _autopsy(status: int | None, kills: int | None) -> Death:
    """Say what a process died of, from its exit status and what the kernel had killed when it began.

    Rust and C++ abort when an allocation fails, so an abort counts as one. A kill counts as one if the
    kernel killed something since, or if it does not say.
    """
    if status is None or status >= 0:
        return Death(f"it ended with status {status}", for_memory=False)
    name = f"signal {-status}"
    with suppress(ValueError):
        name = signal.Signals(-status).name
    now = kernel_kills()
    killed = status == -signal.SIGKILL and (kills is None or now is None or now > kills)
    return Death(f"it ended with {name}", for_memory=killed or status == -signal.SIGABRT)


# What follows runs inside a worker.


def _within(ceiling: int, call: Callable[[], Result]) -> tuple[Result, int]:
    """Do a job in at most so many bytes; return its result, and what this process still holds."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    soft = ceiling if hard == resource.RLIM_INFINITY else min(ceiling, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
    return alive(call), held_bytes()


def alive(call: Callable[[], Result]) -> Result:
    """Do a job and return its result, whatever becomes of a library on the way.

    Raises:
        Death: if memory ran out, or Rust code panicked: what it was working on may be in any state.
    """
    try:
        return call()
    except MemoryError:
        raise Death("it reached its ceiling", for_memory=True) from None
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # no module exports it
            raise
        words = str(error).partition("\n")[0][:200]
        raise Death(f"a library panicked: {words}", for_memory="allocat" in words) from None


def _settle() -> None:
    """Let a fresh worker end with its parent, be quiet when interrupted, and import no more than it needs."""
    arrow_without_pandas()
    signal.signal(signal.SIGINT, _stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    Thread(target=_end_with_parent, daemon=True).start()
    Finalize(None, _leave, exitpriority=-1)


def _leave() -> None:
    """End at once: to take libraries and caches down piece by piece takes longer than a small job."""
    if sys.exc_info()[0] is not None:  # it has something to say, or a status of its own
        return
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _stop(number: int, frame: FrameType | None) -> None:
    """End quietly: the parent, which was interrupted, too, says what there is to say."""
    sys.exit(128 + number)


def _end_with_parent() -> None:
    """End when the parent is gone: an executor's workers would wait for its next job for ever."""
    if parent := parent_process():
        parent.join()
        os._exit(1)
