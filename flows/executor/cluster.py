"""A Dask cluster as workers: the same jobs, sent to other machines, few at a time.

What is sent is a pickle within a pickle, so that a worker compares its code with ours before it opens
the inner one.
"""

import os
import pickle
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import cast

from thinkmix.flows.executor.exchange import Exchange
from thinkmix.flows.executor.workers import SETTINGS, Death, Job, Result, alive
from thinkmix.flows.store.fingerprint import code_digest
from thinkmix.schemas.errors import ClusterError

try:
    from distributed import Client, Future, KilledWorker, Worker, get_worker
except ImportError:
    _MISSING = "--engine dask needs the packages of the extra: pip install 'thinkmix[dask]'"
    raise ClusterError(_MISSING) from None

PATIENCE = 60.0
"""Seconds for which a build waits for a scheduler, or for a cluster without workers to have one again."""

WORKERS_ONLY = frozenset(
    {
        *("keys.parquet", "bands.index", "examples.parquet", "index.parquet", "lost.parquet"),
        *("sampled.parquet", "parts"),
    }
)
"""Files that no step of the parent opens, so that they need not travel to it."""

STORE_VARIABLE = "THINKMIX_WORKER_STORE"
"""Names a worker's own store when an exchange is used; a folder of Dask's if it is not set."""

_GLANCE = 2.0
"""Seconds between two looks at which workers there are."""


@dataclass(frozen=True)
class Terms:
    """What a worker must agree to before it opens a job."""

    code: str
    """Digest of the code and libraries that decide an output."""
    beacon: Path | None
    """A file in the store that a worker must see; None if files are exchanged."""
    exchange: str | None


@dataclass
class Cluster:
    """A connection to a cluster, which lasts for one build."""

    address: str
    client: Client
    terms: Terms
    exchange: Exchange | None
    _count: int = 1
    _looked: float = 0.0
    _deserted: float | None = None
    _ended: "SimpleQueue[Future]" = field(default_factory=SimpleQueue)

    def run(
        self, jobs: Sequence[Job[Result]], *, done: Callable[[Job[Result], Result], None]
    ) -> list[Result]:
        """Return the jobs' results in the order of `jobs`, calling `done` as each ends.

        No more jobs are out than there are workers: then a worker that dies takes one job with it, and
        the scheduler never holds more than it can give away.

        Raises:
            StageOom: if a shard's workers wanted too much memory again and again, naming the shard.
            WorkerDied: if they were killed or crashed.
            ClusterError: if the scheduler or all workers are gone, or one runs other code.
        """
        results: dict[int, Result] = {}
        waiting, suspects = deque(range(len(jobs))), list[int]()
        running: dict[Future, int] = {}
        try:
            while waiting or running:
                while waiting and len(running) < self._look():
                    place = waiting.popleft()
                    running[self._submit(jobs[place])] = place
                future = self._next()
                if (ended := running.pop(future, None)) is None:
                    continue
                try:
                    results[ended] = self._collect(jobs[ended], future)
                except Death:
                    suspects.append(ended)
                else:
                    done(jobs[ended], results[ended])
            for place in suspects:
                results[place] = self._alone(jobs[place], running)
                done(jobs[place], results[place])
        finally:
            if running:  # an error or an interrupt: what was not begun yet never will be
                with suppress(OSError, CancelledError):
                    self.client.cancel(list(running))
        return [results[place] for place in range(len(jobs))]

    def _alone(self, job: Job[Result], running: dict[Future, int]) -> Result:
        """Run a job whose workers died once more, with nothing of ours beside it that it could blame.

        Raises:
            WorkerError: if they die again.
        """
        future = self._submit(job)
        running[future] = 0
        while self._next() is not future:
            pass
        del running[future]
        try:
            return self._collect(job, future)
        except Death as death:
            raise death.named(job.label, "give the cluster's workers more memory") from None

    def _submit(self, job: Job[Result]) -> Future:
        packed = self.exchange.pack(job.call) if self.exchange else pickle.dumps(job.call, protocol=5)
        future = self.client.submit(_work, self.terms, packed, key=f"thinkmix-{os.urandom(8).hex()}")
        future.add_done_callback(self._ended.put)
        return future

    def _next(self) -> Future:
        """Wait until some job has ended, and see to it that there is somebody to end it.

        Raises:
            ClusterError: if there is nobody any more.
        """
        while True:
            with suppress(Empty):
                return self._ended.get(timeout=_GLANCE)
            self._look()

    def _collect(self, job: Job[Result], future: Future) -> Result:
        """Return the result of a job that has ended; whatever it raised is raised here.

        Raises:
            Death: if as many workers died of it as the scheduler allows, or it got no more memory.
            ClusterError: if the scheduler was lost.
        """
        try:
            packed = future.result()
        except KilledWorker as error:
            raise self._autopsy(error) from None
        except CancelledError:
            msg = f"lost the scheduler at {self.address} while it had {job.label}; build again"
            raise ClusterError(msg) from None
        except ModuleNotFoundError as error:
            msg = f"a worker of the cluster cannot import {error.name}: install the same thinkmix there"
            raise ClusterError(msg) from None
        if not self.exchange:
            return cast("Result", pickle.loads(packed))  # noqa: S301 - Dask itself does nothing else
        result, needs = self.exchange.unpack(packed)
        self.exchange.pull(needs, but=WORKERS_ONLY)
        return cast("Result", result)

    def _autopsy(self, error: KilledWorker) -> Death:
        """Say whether the last worker was ended by its own nanny for its memory."""
        where = error.last_worker.address
        how = f"{error.allowed_failures + 1} of the cluster's workers, the last of them {where}"
        events = self.client.get_events("worker-restart-memory") or ()
        return Death(how, for_memory=any(event.get("worker") == where for _, event in events))

    def _look(self) -> int:
        """Return how many workers there are, looked up every now and then.

        Raises:
            ClusterError: if there has been none for a while.
        """
        now = time.monotonic()
        if now - self._looked < _GLANCE:
            return self._count
        try:
            workers = len(self.client.nthreads())
        except (OSError, CancelledError, ValueError):
            workers = 0
        self._looked, self._count = now, max(workers, 1)
        self._deserted = None if workers else self._deserted or now
        if self._deserted and now - self._deserted > PATIENCE:
            msg = (
                f"the cluster has had no worker for {PATIENCE:.0f} s; start some and build again, "
                f"nothing is lost"
            )
            raise ClusterError(msg)
        return self._count


@contextmanager
def cluster(scheduler: str, *, root: Path, exchange: str | None) -> Iterator[Cluster]:
    """Yield the workers of the cluster whose scheduler is at that address, if they can work for us.

    Args:
        scheduler: like `tcp://10.0.0.7:8786`, or `tls://...` with Dask's settings for it.
        root: the store; every worker sees it at the same path, unless there is an exchange.
        exchange: fsspec URL that this machine and all workers reach.

    Raises:
        ClusterError: if there is no scheduler, no worker, or one that runs other code, has more than one
            thread or does not see the store.
    """
    root = root.resolve()
    with _beacon(root) as beacon:
        terms = Terms(code_digest(), None if exchange else beacon, exchange)
        try:
            client = Client(scheduler, timeout=PATIENCE, set_as_default=False, asynchronous=False)
        except (OSError, ValueError) as error:
            msg = f"no Dask scheduler answers at {scheduler}: {error}"
            raise ClusterError(msg) from None
        try:
            _check(scheduler, client, terms)
            yield Cluster(scheduler, client, terms, Exchange(exchange, root) if exchange else None)
        finally:
            client.close()


def _check(scheduler: str, client: Client, terms: Terms) -> None:
    """Ask every worker whether it can work for us.

    Raises:
        ClusterError: for the first that cannot, saying why.
    """
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError:
        msg = f"the cluster at {scheduler} has no worker; start one with `dask worker`"
        raise ClusterError(msg) from None
    for address, answer in sorted(client.run(_agree, terms, on_error="return").items()):
        if isinstance(answer, ModuleNotFoundError):
            msg = f"worker {address} cannot import {answer.name}: install the same thinkmix there"
            raise ClusterError(msg)
        if isinstance(answer, Exception):
            raise answer


@contextmanager
def _beacon(root: Path) -> Iterator[Path]:
    """Yield a file in the store that workers are asked for."""
    path = root / ".cache" / f".beacon-{os.getpid()}-{os.urandom(4).hex()}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


# What follows runs inside a worker of the cluster.


def _agree(terms: Terms, dask_worker: Worker | None = None) -> None:
    """Settle in, before anything heavy is imported, and find out whether we can work for this build.

    Raises:
        ClusterError: if not.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    worker = dask_worker or get_worker()  # Dask gives it to whatever has an argument of that name
    if worker.state.nthreads != 1:
        msg = f"worker {worker.address} has {worker.state.nthreads} threads; start it with --nthreads 1"
        raise ClusterError(msg)
    if code_digest() != terms.code:
        msg = f"worker {worker.address} runs another thinkmix or other libraries; install the same there"
        raise ClusterError(msg)
    if terms.beacon and not terms.beacon.exists():
        store = terms.beacon.parents[1]
        msg = f"worker {worker.address} does not see {store}: mount it at the same path, or use --exchange"
        raise ClusterError(msg)


def _work(terms: Terms, packed: bytes) -> bytes:
    """Do a job and return its packed result."""
    _agree(terms)
    if not terms.exchange:
        return pickle.dumps(alive(pickle.loads(packed)), protocol=5)  # noqa: S301 - Dask itself does nothing else
    store = os.environ.get(STORE_VARIABLE) or Path(get_worker().local_directory) / "thinkmix"
    exchange = Exchange(terms.exchange, Path(store).resolve())
    call, _ = exchange.unpack(packed)
    return exchange.pack(alive(cast("Callable[[], object]", call)))
