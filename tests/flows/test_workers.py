"""Worker processes: one that dies costs its shard a retry; one that always dies is named."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from flows.workers import WORKER_BYTES, Job, Workers, workers
from schemas.errors import SourceCorrupt, StoreFull, WorkerError
from tests import doomed
from tests.builders import ROOT


@pytest.fixture(scope="module")
def pool():
    """One pool for all tests: what a death does to it is for the next test to see."""
    with workers(2) as running:
        yield running


def run(pool: Workers, *jobs: Job) -> list:
    """Run jobs and return what came of them, after checking that each was announced once."""
    announced = []
    results = pool.run(jobs, done=lambda job, result: announced.append((job.label, result)))
    assert sorted(announced) == sorted(zip([job.label for job in jobs], results, strict=True))
    return results


def alive(pid: int) -> bool:
    """Return whether a process is there and not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_results_come_in_the_order_of_the_jobs(pool, tmp_path):
    """Whichever worker is first, the first result is that of the first job."""
    words = [f"job-{number}" for number in range(12)]
    jobs = [Job(word, partial(doomed.note, tmp_path / "log", word)) for word in words]
    assert run(pool, *jobs) == words


def test_killed_worker_costs_a_retry(pool, tmp_path):
    """A worker that is killed once takes few jobs with it; they run again, and the rest run once."""
    log = tmp_path / "log"
    words = [f"job-{number:02d}" for number in range(20)]
    jobs = [Job(word, partial(doomed.note, log, word)) for word in words]
    jobs[3] = Job(words[3], partial(doomed.die_once, log, words[3]))
    assert run(pool, *jobs) == words
    runs = [line.split()[0] for line in log.read_text().splitlines()]
    assert runs.count(words[3]) == 2
    assert len(runs) <= len(words) + 2 * pool.count


def test_pool_lives_on_after_a_death(pool, tmp_path):
    """The stage after the one in which a worker died finds workers again."""
    jobs = [Job(word, partial(doomed.note, tmp_path / "log", word)) for word in "ab"]
    assert run(pool, *jobs) == ["a", "b"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_shard_that_kills_its_worker_is_named(pool, number, tmp_path):
    """A crash, an abort or a kill that comes back at the second try ends as WorkerError, by name."""
    jobs = [
        Job("good", partial(doomed.note, tmp_path / "log", "good")),
        Job("evil.jsonl", partial(doomed.die, number)),
    ]
    with pytest.raises(WorkerError, match=r"evil\.jsonl died twice"):
        run(pool, *jobs)


def test_shard_that_wants_too_much_memory_is_named(pool):
    """A worker beyond its ceiling fails alone, by name, and the machine does not swap."""
    with pytest.raises(WorkerError, match=r"fat\.jsonl died twice .*out of memory"):
        run(pool, Job("fat.jsonl", partial(doomed.allocate, WORKER_BYTES + 1)))
    assert run(pool, Job("slim.jsonl", partial(doomed.allocate, 1000))) == [1000]


@pytest.mark.parametrize(
    "error", [SourceCorrupt("file x changed"), StoreFull("no space left"), ValueError("no")]
)
def test_error_of_a_shard_crosses_the_border(pool, error):
    """What a shard raises arrives as it was: its type, its words, its exit code."""
    with pytest.raises(type(error)) as raised:
        run(pool, Job("shard", partial(doomed.fail, error)))
    assert str(raised.value) == str(error)
    assert getattr(raised.value, "exit_code", None) == getattr(error, "exit_code", None)


def test_workers_end_with_a_killed_parent(tmp_path):
    """After kill -9 of the builder alone no worker is left waiting for its next job."""
    log = tmp_path / "log"
    parent = (
        "import sys\nfrom functools import partial\nfrom pathlib import Path\nfrom tests import doomed\n"
        "from flows.workers import Job, workers\n"
        "if __name__ == '__main__':\n    with workers(2) as pool:\n"
        "        job = Job('wait', partial(doomed.wait_beside, Path(sys.argv[1])))\n"
        "        pool.run([job, job], done=print)\n"
    )
    (tmp_path / "parent.py").write_text(parent)
    command = [sys.executable, str(tmp_path / "parent.py"), str(log)]
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}) as running:
        pids: list[int] = []
        for _ in range(600):
            pids = [int(line.split()[1]) for line in log.read_text().splitlines()] if log.exists() else []
            if len(pids) == 2:
                break
            time.sleep(0.05)
        assert len(pids) == 2
        running.kill()
    for _ in range(200):
        if not any(map(alive, pids)):
            break
        time.sleep(0.05)
    assert [pid for pid in pids if alive(pid)] == []
