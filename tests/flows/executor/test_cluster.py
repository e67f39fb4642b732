"""The Dask engine on a real scheduler with real worker processes: the same mixture, whatever dies."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="needs the extra thinkmix[dask]")

from tests.harness import doomed
from tests.harness.builders import ROOT, python, quick_build, recipe, thinkmix, write_recipe
from tests.harness.prefect_server import free_port
from thinkmix.flows.build.pipeline import build
from thinkmix.flows.build.watch import Watch
from thinkmix.flows.executor import cluster as cluster_room
from thinkmix.flows.executor.cluster import Cluster, cluster
from thinkmix.flows.executor.engine import Executor
from thinkmix.flows.executor.workers import Job
from thinkmix.flows.recipe.recipes import load
from thinkmix.flows.store.paths import open_version
from thinkmix.flows.store.store import Store
from thinkmix.flows.store.versions import problems
from thinkmix.schemas.errors import ClusterError, SourceCorrupt, StageOom, WorkerDied

SETTINGS = {
    # a nanny forks its workers from one process that has imported Dask: each restart saves two seconds
    "DASK_DISTRIBUTED__WORKER__MULTIPROCESSING_METHOD": "forkserver",
    "DASK_DISTRIBUTED__DASHBOARD__LINK": "",
    "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",
    "DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "warning",
    "PYTHONPATH": str(ROOT),
}


class Site:
    """A scheduler and its workers, as processes of this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.running = folder, list[subprocess.Popen]()
        self.roots = (folder / "one", folder / "two")
        self.address = f"tcp://127.0.0.1:{free_port()}"
        host, port = self.address.removeprefix("tcp://").split(":")
        self.start("scheduler", "--host", host, "--port", port, "--no-dashboard", "--no-show")

    def start(self, what: str, *flags: str, env: dict[str, str] | None = None) -> subprocess.Popen:
        """Start a part of the cluster in a process group of its own."""
        log = (self.folder / f"{what}-{len(self.running)}.log").open("wb")
        command = [sys.executable, "-m", "distributed.cli.dask_" + what, *flags]
        self.running.append(
            subprocess.Popen(
                command, cwd=self.folder, env={**os.environ, **SETTINGS, **(env or {})},
                stdout=log, stderr=log, start_new_session=True,
            )
        )  # fmt: skip
        log.close()
        return self.running[-1]

    def work(self, *flags: str, memory: str = "0", env: dict[str, str] | None = None) -> subprocess.Popen:
        """Start a worker with its nanny."""
        local = self.folder / f"local-{len(self.running)}"
        return self.start(
            "worker", self.address, "--host", "127.0.0.1", "--no-dashboard", "--nthreads", "1",
            "--memory-limit", memory, "--local-directory", str(local), *flags, env=env,
        )  # fmt: skip

    def end(self) -> None:
        """End everything, workers first."""
        for process in reversed(self.running):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
        for process in self.running:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(15)


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    """Run a scheduler without workers."""
    started = Site(folder)
    try:
        yield started
    finally:
        started.end()


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> Iterator[Site]:
    """A scheduler and two workers for all tests; the nanny of a worker that dies restarts it."""
    with site(tmp_path_factory.mktemp("site")) as started:
        for root in started.roots:
            started.work(env={"THINKMIX_WORKER_STORE": str(root)})
        yield started


@contextmanager
def connected(where: Site, root: Path, exchange: str | None = None) -> Iterator[Cluster]:
    """Connect once both workers are there: a nanny may be restarting one."""
    with cluster(where.address, root=root, exchange=exchange) as pool:
        pool.client.wait_for_workers(2, timeout=60)
        yield pool


def dask(where: Site, exchange: str | None = None) -> Executor:
    """Return the engine that sends jobs there."""
    return Executor(kind="dask", scheduler=where.address, exchange=exchange)


def run(pool: Cluster, *jobs: Job) -> list:
    """Run jobs and return what came of them, after checking that each was announced once."""
    announced = []
    results = pool.run(jobs, done=lambda job, result: announced.append(job.label))
    assert sorted(announced) == sorted(job.label for job in jobs)
    return results


@pytest.fixture(scope="module")
def sample(tmp_path_factory) -> str:
    """The digest of the embedded sample when this machine builds it."""
    located = load("sample-7-3")
    return quick_build(located.recipe, tmp_path_factory.mktemp("local"), located.base).digest


def test_mixture_is_the_same_as_on_one_machine(pair, sources, built, tmp_path):
    """The small mixture, built by the command line on the cluster, has the digest of a local build."""
    stated = write_recipe(sources / "cluster.yaml")
    command = ("build", stated, "--store", tmp_path, "--direct", "--json", "--engine", "dask")
    ended = thinkmix(*command, env={"THINKMIX_SCHEDULER": pair.address})
    assert ended.returncode == 0, ended.stderr
    assert open_version(tmp_path / "small").name == built.digest
    assert problems(open_version(tmp_path / "small")) == []
    assert list(tmp_path.glob(".cache/.beacon-*")) == []


def test_killed_worker_loses_nothing(pair, sources, built, tmp_path):
    """One worker is killed with -9 in the middle of a build; the mixture is the same."""
    killed = []

    def kill(event) -> None:
        if event.stage == "minhash" and not killed:
            killed.append(worker_pids(pair)[0])
            os.kill(killed[0], signal.SIGKILL)

    again = build(recipe(), Store(tmp_path), base=sources, engine=dask(pair), watch=Watch(notify=kill))
    assert len(killed) == 1
    assert again.digest == built.digest


def worker_pids(where: Site) -> list[int]:
    """Return the processes that do the work, not their nannies."""
    with connected(where, where.folder) as pool:
        return sorted(pool.client.run(os.getpid).values())


def test_worker_killed_in_a_job_costs_a_retry(pair, tmp_path):
    """The job that a killed worker was working on runs again; all others run once."""
    log = tmp_path / "log"
    words = [f"job-{number:02d}" for number in range(12)]
    jobs = [Job(word, partial(doomed.note, log, word)) for word in words]
    jobs[3] = Job(words[3], partial(doomed.die_once, log, words[3]))
    with connected(pair, tmp_path) as pool:
        assert run(pool, *jobs) == words
    assert sorted(line.split()[0] for line in log.read_text().splitlines()) == sorted([*words, words[3]])


def test_shard_that_always_kills_its_worker_is_named(pair, tmp_path):
    """The scheduler gives up on it, and so does the build, with the name of the shard."""
    jobs = [
        Job("good", partial(doomed.note, tmp_path / "log", "good")),
        Job("evil.jsonl", partial(doomed.die, signal.SIGKILL)),
    ]
    said = r"evil\.jsonl died twice \(2 of the cluster's workers"
    with connected(pair, tmp_path) as pool, pytest.raises(WorkerDied, match=said):
        run(pool, *jobs)
    assert (tmp_path / "log").read_text().split()[0] == "good"


def test_shard_that_wants_too_much_memory_is_named(pair, tmp_path):
    """A MemoryError on a worker is an error of the shard's, by name."""
    with connected(pair, tmp_path) as pool, pytest.raises(StageOom, match=r"fat\.jsonl .*want of memory"):
        run(pool, Job("fat.jsonl", partial(doomed.fail, MemoryError())))


@pytest.mark.parametrize("error", [SourceCorrupt("file x changed"), ValueError("no")])
def test_error_of_a_shard_crosses_the_border(pair, error, tmp_path):
    """What a shard raises arrives as it was."""
    with connected(pair, tmp_path) as pool, pytest.raises(type(error), match=str(error)):
        run(pool, Job("shard", partial(doomed.fail, error)))


def test_few_jobs_are_out_at_a_time(pair, tmp_path, monkeypatch):
    """However many shards there are, the scheduler holds as many jobs as there are workers."""
    out, most = set(), []
    with connected(pair, tmp_path) as pool:
        submit, collect = Cluster._submit, Cluster._collect

        def submitted(self, job):
            out.add(job.label)
            most.append(len(out))
            return submit(self, job)

        def collected(self, job, future):
            out.discard(job.label)
            return collect(self, job, future)

        monkeypatch.setattr(Cluster, "_submit", submitted)
        monkeypatch.setattr(Cluster, "_collect", collected)
        jobs = [Job(str(n), partial(doomed.note, tmp_path / "log", str(n))) for n in range(60)]
        assert run(pool, *jobs) == [str(n) for n in range(60)]
    assert max(most) == 2


def test_other_code_is_refused(pair, tmp_path, monkeypatch):
    """A worker whose code or libraries differ never opens a job."""
    monkeypatch.setattr(cluster_room, "code_digest", lambda: "0" * 64)
    said = r"worker tcp://127\.0\.0\.1:\d+ runs another thinkmix"
    with pytest.raises(ClusterError, match=said), connected(pair, tmp_path):
        pass


def test_worker_that_joins_late_with_other_code_is_refused(pair, tmp_path):
    """What is checked before the build is checked with every job, too."""
    with connected(pair, tmp_path) as pool:
        pool.terms = cluster_room.Terms("0" * 64, None, None)
        with pytest.raises(ClusterError, match="runs another thinkmix"):
            run(pool, Job("shard", partial(doomed.note, tmp_path / "log", "never")))
    assert not (tmp_path / "log").exists()


def test_scheduler_that_is_not_there_is_said(tmp_path, monkeypatch):
    """A wrong address ends the command with its own exit code and one sentence."""
    monkeypatch.setattr(cluster_room, "PATIENCE", 0.5)
    with (
        pytest.raises(ClusterError, match="no Dask scheduler answers at tcp://127") as raised,
        cluster("tcp://127.0.0.1:9", root=tmp_path, exchange=None),
    ):
        pass
    assert raised.value.exit_code == 11


def test_store_that_workers_do_not_see_is_said(pair, tmp_path, monkeypatch):
    """Without an exchange a worker must find the store where we have it."""
    monkeypatch.setattr(cluster_room, "_beacon", lambda root: nullcontext(root / ".cache" / "elsewhere"))
    with (
        pytest.raises(ClusterError, match=r"does not see .*mount it at the same path, or use --exchange"),
        connected(pair, tmp_path),
    ):
        pass


def test_interrupt_takes_back_what_was_submitted(pair, tmp_path):
    """After Ctrl-C no job that has not begun will begin, and the workers are free again."""

    def interrupt(job, result):
        raise KeyboardInterrupt

    log = tmp_path / "log"
    jobs = [Job(str(n), partial(doomed.note, log, str(n))) for n in range(40)]
    with connected(pair, tmp_path) as pool:
        with pytest.raises(KeyboardInterrupt):
            pool.run(jobs, done=interrupt)
        time.sleep(0.5)
        assert pool.client.run_on_scheduler(_tasks) == 0
    assert len(log.read_text().splitlines()) <= 4


def _tasks(dask_scheduler) -> int:
    return len(dask_scheduler.tasks)


def test_machines_without_a_shared_disk_exchange_files(pair, sources, built, tmp_path):
    """Three stores and a URL between them: the same digest, and big files stay away from the parent."""
    engine = dask(pair, (tmp_path / "exchange").as_uri())
    with connected(pair, tmp_path):
        pass
    done, again = (build(recipe(), Store(tmp_path / name), base=sources, engine=engine) for name in "ab")
    assert done.digest == again.digest == built.digest
    assert (done.reused, again.made) == (0, 0)
    assert problems(done.version) == []
    assert all(list(root.glob(".cache/validate/*/keys.parquet")) for root in pair.roots)
    names = {path.name for path in (tmp_path / "a").rglob("*.*") if path.is_file()}
    assert "outcomes.parquet" in names
    assert names & cluster_room.WORKERS_ONLY == set()


@pytest.mark.deep
def test_worker_with_many_threads_is_refused(tmp_path):
    """Shards of one process would share its memory and its interpreter's lock."""
    with site(tmp_path) as where:
        where.work("--nthreads", "3")
        said = r"has 3 threads; start it with --nthreads 1"
        with pytest.raises(ClusterError, match=said), cluster(where.address, root=tmp_path, exchange=None):
            pass


@pytest.mark.deep
def test_cluster_without_workers_is_said(tmp_path, monkeypatch):
    """A scheduler alone is not a cluster, and a build does not wait for one forever."""
    monkeypatch.setattr(cluster_room, "PATIENCE", 2.0)
    with (
        site(tmp_path) as where,
        pytest.raises(ClusterError, match="has no worker; start one with `dask worker`"),
        cluster(where.address, root=tmp_path, exchange=None),
    ):
        pass


def test_engine_without_its_packages_is_said(tmp_path):
    """The error names the extra that is not installed."""
    script = "import sys; sys.modules['distributed'] = None; from thinkmix.flows.cli import main; main()"
    flags = ("--direct", "--engine", "dask", "--scheduler", "tcp://127.0.0.1:9")
    ended = python("-c", script, "build", "sample-7-3", "--store", tmp_path, *flags)
    assert ended.returncode == 11, ended.stderr
    assert "thinkmix: --engine dask needs the packages of the extra: pip install" in ended.stderr


@pytest.mark.deep
def test_worker_that_its_nanny_ends_for_memory_is_told_from_one_that_crashes(tmp_path):
    """A shard beyond the cluster's own memory limit ends as want of memory, by name."""
    with site(tmp_path) as where:
        for _ in range(2):
            where.work(memory="400MB")
        with connected(where, tmp_path) as pool, pytest.raises(StageOom, match=r"fat\.jsonl died twice"):
            run(pool, Job("fat.jsonl", partial(doomed.fill, 10**9)))


@pytest.mark.deep
@pytest.mark.parametrize("lost", ["scheduler", "workers"])
def test_cluster_that_goes_away_ends_the_build(lost, tmp_path, monkeypatch):
    """Without a scheduler, or without any worker for a while, a build ends; it does not hang."""
    monkeypatch.setattr(cluster_room, "PATIENCE", 5.0)
    with site(tmp_path) as where:
        where.work()
        with cluster(where.address, root=tmp_path, exchange=None) as pool:
            gone = where.running[:1] if lost == "scheduler" else where.running[1:]

            def end(job, result) -> None:
                for process in gone:
                    os.killpg(process.pid, signal.SIGKILL)

            jobs = [Job("first", partial(doomed.note, tmp_path / "log", "first"))]
            jobs.append(Job("second", partial(doomed.wait_beside, tmp_path / "log")))
            said = {"scheduler": "lost the scheduler", "workers": "has had no worker for 5 s"}
            with pytest.raises(ClusterError, match=said[lost]):
                pool.run(jobs, done=end)


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(3))
def test_build_survives_a_storm_of_kills(seed, sources, built, tmp_path):
    """Workers that are killed again and again, files that are exchanged: the digest stays."""
    chance, exchange = random.Random(seed), (tmp_path / "exchange").as_uri()
    with site(tmp_path) as where:
        for root in where.roots:
            where.work(env={"THINKMIX_WORKER_STORE": str(root)})
        with connected(where, tmp_path) as pool:

            def kill(event) -> None:
                if chance.random() < 0.25:
                    pool.client.wait_for_workers(1, timeout=60)
                    pids = sorted(pool.client.run(os.getpid, on_error="ignore").values())
                    if pids:  # or one has died since
                        os.kill(chance.choice(pids), signal.SIGKILL)

            done = build(
                recipe(),
                Store(tmp_path / "mine"),
                base=sources,
                engine=dask(where, exchange),
                watch=Watch(notify=kill),
            )
    assert done.digest == built.digest


@pytest.mark.deep
def test_flow_may_use_a_cluster(pair, sample, tmp_path):
    """The engine is a parameter of the flow, too, and the scheduler of flows does not mind."""
    ended = thinkmix(
        *("build", "sample-7-3", "--store", tmp_path, "--engine", "dask", "--scheduler", pair.address),
        timeout=240,
    )
    assert ended.returncode == 0, ended.stderr
    assert open_version(tmp_path / "sample-7-3").name == sample
