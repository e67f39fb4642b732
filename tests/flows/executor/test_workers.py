"""Worker processes: one that dies costs its shard a retry; one that always dies is named."""

import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from threading import Event, Thread

import orjson
import polars as pl
import pytest

from tests.harness import doomed
from tests.harness.builders import ROOT, math_row, quick_build, recipe, text
from thinkmix.flows.build import pipeline as pipeline_room
from thinkmix.flows.build import sampling
from thinkmix.flows.build.pipeline import build
from thinkmix.flows.executor import workers as workers_room
from thinkmix.flows.executor.workers import (
    LEAST_BYTES,
    SETTINGS,
    Job,
    Processes,
    RowKilled,
    RowWork,
    plan_workers,
    processes,
)
from thinkmix.flows.store.store import Store
from thinkmix.flows.system import memory
from thinkmix.flows.system.cores import cpu_quota, usable_cores
from thinkmix.flows.system.memory import held_bytes, machine_bytes, usable_bytes
from thinkmix.schemas.errors import SourceCorrupt, StageOom, StoreFull, WorkerDied, WorkerError


@pytest.fixture(scope="module")
def pool():
    """One pool for all tests: what a death does to it is for the next test to see."""
    with processes(2) as running:
        yield running


def run(pool: Processes, *jobs: Job) -> list:
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


def test_what_is_known_needs_no_worker(pool, tmp_path):
    """It is announced and stands in its place like what a worker made, and only the rest is worked on."""
    jobs = [
        Job("one", partial(doomed.note, tmp_path / "log", "made"), lambda: "known"),
        Job("two", partial(doomed.note, tmp_path / "log", "made")),
    ]
    assert run(pool, *jobs) == ["known", "made"]
    assert len((tmp_path / "log").read_text().splitlines()) == 1


def test_workers_may_be_started_before_there_is_work(tmp_path):
    """The preparation runs in the process that works later, and before its first job."""
    log = tmp_path / "log"
    with processes(1) as pool:
        pool.start(partial(doomed.note, log, "ready"))
        assert run(pool, Job("first", partial(doomed.note, log, "first"))) == ["first"]
    (ready, before), (first, after) = (line.split() for line in log.read_text().splitlines())
    assert (ready, first) == ("ready", "first")
    assert before == after


def test_preparation_that_kills_its_worker_costs_no_job(tmp_path):
    """Whether it dies before the first job or with it, the job is done."""
    with processes(1) as pool:
        pool.start(partial(doomed.die, signal.SIGKILL))
        assert run(pool, Job("first", partial(doomed.note, tmp_path / "log", "first"))) == ["first"]


def test_worker_without_a_job_uses_the_time(tmp_path):
    """One of them does, once, while others work; lone jobs are then for it."""
    log = tmp_path / "log"
    with processes(2, spare=partial(doomed.note, log, "spare")) as pool:
        run(pool, Job("first", partial(doomed.wait_for, log, "spare")))
        assert run(pool, *[Job("next", partial(doomed.note, log, "next"))]) == ["next"]
        run(pool, Job("last", partial(doomed.note, log, "last")))
    told = [line.split() for line in log.read_text().splitlines()]
    assert [word for word, _ in told] == ["spare", "next", "last"]
    assert len({pid for _, pid in told}) == 1


def test_use_of_spare_time_that_kills_its_worker_costs_no_job(tmp_path):
    """The next job has another process, or is tried again."""
    with processes(2, spare=partial(doomed.die, signal.SIGKILL)) as pool:
        for word in ("a", "b", "c"):
            assert run(pool, Job(word, partial(doomed.note, tmp_path / "log", word))) == [word]


def test_time_of_a_small_worker_is_not_used(tmp_path):
    """What is loaded ahead would leave too little of a small worker's memory for jobs."""
    with processes(2, memory=LEAST_BYTES, spare=partial(doomed.note, tmp_path / "log", "spare")) as pool:
        for word in ("a", "b"):
            run(pool, Job(word, partial(doomed.note, tmp_path / "log", word)))
    assert "spare" not in (tmp_path / "log").read_text()


def test_worker_that_cannot_read_its_job_says_why(capfd):
    """An error outside of a job has its traceback and its status, though workers end at once otherwise."""
    with processes(1) as pool, pytest.raises(WorkerDied, match="status 1"):
        run(pool, Job("unreadable", doomed.Unreadable()))
    assert "cannot be read here" in capfd.readouterr().err


def test_killed_worker_costs_a_retry(pool, tmp_path):
    """A worker that is killed once costs the job it was working on a retry; all others run once."""
    log = tmp_path / "log"
    words = [f"job-{number:02d}" for number in range(20)]
    jobs = [Job(word, partial(doomed.note, log, word)) for word in words]
    jobs[3] = Job(words[3], partial(doomed.die_once, log, words[3]))
    assert run(pool, *jobs) == words
    runs = [line.split()[0] for line in log.read_text().splitlines()]
    assert sorted(runs) == sorted([*words, words[3]])


def test_pool_lives_on_after_a_death(pool, tmp_path):
    """The stage after the one in which a worker died finds workers again."""
    jobs = [Job(word, partial(doomed.note, tmp_path / "log", word)) for word in "ab"]
    assert run(pool, *jobs) == ["a", "b"]


@pytest.mark.parametrize(
    ("evil", "kind", "how"),
    [
        (partial(doomed.die, signal.SIGSEGV), WorkerDied, "SIGSEGV"),
        (partial(doomed.die, signal.SIGBUS), WorkerDied, "SIGBUS"),
        (partial(doomed.die, signal.SIGKILL), WorkerDied, "SIGKILL"),
        (partial(doomed.die, signal.SIGABRT), StageOom, "SIGABRT"),
        (partial(doomed.quit_with, 3), WorkerDied, "status 3"),
        (partial(doomed.panic, "index out of bounds"), WorkerDied, "panicked: index out of bounds"),
        (
            partial(doomed.panic, "Cannot allocate memory\n at x"),
            StageOom,
            r"panicked: Cannot allocate memory\)",
        ),
    ],
)
def test_shard_that_kills_its_worker_is_named(pool, evil, kind, how, tmp_path):
    """A death that comes back at the second try ends the build by name, and says how it came about."""
    jobs = [Job("good", partial(doomed.note, tmp_path / "log", "good")), Job("evil.jsonl", evil)]
    with pytest.raises(WorkerError, match=rf"evil\.jsonl died twice .*{how}") as raised:
        run(pool, *jobs)
    assert type(raised.value) is kind
    assert raised.value.exit_code == 6


@pytest.mark.parametrize("kills", [iter(range(100)), None], ids=["counted", "not told"])
def test_kill_by_the_kernel_is_told_from_any_other(kills, monkeypatch):
    """A killed worker was out of memory if the kernel has killed something since, or does not say."""
    monkeypatch.setattr(workers_room, "kernel_kills", lambda: kills and next(kills))
    with processes(1) as pool, pytest.raises(StageOom, match=r"big\.jsonl .*SIGKILL.*--worker-memory"):
        run(pool, Job("big.jsonl", partial(doomed.die, signal.SIGKILL)))


@pytest.mark.parametrize("ask", [doomed.allocate, doomed.sort])
def test_shard_that_wants_too_much_memory_is_named(ask):
    """Where Python raises and where Rust aborts: the worker fails alone, by name, and the pool goes on."""
    with processes(1, memory=LEAST_BYTES) as pool:
        with pytest.raises(StageOom, match=r"fat\.jsonl died twice for want of memory .* 0\.5 GB were not"):
            run(pool, Job("fat.jsonl", partial(ask, 2 * LEAST_BYTES)))
        assert run(pool, Job("slim.jsonl", partial(doomed.allocate, 1000))) == [1000]


def test_shard_alone_may_use_the_memory_of_all(tmp_path):
    """What is too much for one of two workers is there for a retry, and for a stage of one shard."""
    fat = Job("fat", partial(doomed.allocate, LEAST_BYTES * 3 // 2))
    log = tmp_path / "log"
    others = [Job(word, partial(doomed.note, log, word)) for word in "abc"]
    with processes(2, memory=LEAST_BYTES) as pool:
        assert run(pool, fat, *others) == [LEAST_BYTES * 3 // 2, "a", "b", "c"]
        assert run(pool, fat) == [LEAST_BYTES * 3 // 2]
    assert len(log.read_text().splitlines()) == 3


def test_worker_that_keeps_too_much_is_renewed():
    """A process that does not give memory back is replaced before it starves the next shard."""
    with processes(1, memory=LEAST_BYTES) as pool:
        first, second, third = run(
            pool,
            Job("pid", os.getpid),
            Job("hoard", partial(doomed.hoard, LEAST_BYTES * 4 // 5)),
            Job("pid", os.getpid),
        )
    assert second > LEAST_BYTES // 2
    assert third != first


def test_worker_starts_with_its_settings(monkeypatch):
    """A worker has one thread whatever its parent has, and the parent's environment stays as it was."""
    monkeypatch.setenv("POLARS_MAX_THREADS", "7")
    monkeypatch.delenv("NUMBA_NUM_THREADS", raising=False)
    before = dict(os.environ)
    with processes(1) as pool:
        there = run(pool, *(Job(name, partial(os.getenv, name)) for name in SETTINGS))
    assert there == list(SETTINGS.values())
    assert SETTINGS["POLARS_MAX_THREADS"] == SETTINGS["NUMBA_NUM_THREADS"] == "1"
    assert dict(os.environ) == before


@pytest.mark.deep
def test_ceiling_counts_what_a_shard_uses(tmp_path):
    """A slice of 64 MB, the usual one, fits into a worker of 1 GB: allocators reserve little beyond use."""
    rows = [math_row(n, trace=f"<think>\n{text(n, 3000)}\n</think>\n\n") for n in range(3000)]
    (tmp_path / "math").mkdir()
    pl.DataFrame(rows).write_parquet(tmp_path / "math" / "big.parquet", row_group_size=500)
    source = {"name": "math", "kind": "local", "files": ["math/*.parquet"], "format": "openmathreasoning"}
    stated = recipe(sources=[source], shares={"math": 1.0}, size=100, max_tokens=32768)
    with processes(1, memory=10**9) as pool, pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline_room, "workers", lambda *_: nullcontext(pool))
        patch.setattr(Processes, "_alone", partial(pytest.fail, "a worker died"))
        assert build(stated, Store(tmp_path / "store"), base=tmp_path).made > 0


def test_row_of_forty_thousand_turns_costs_no_worker(tmp_path):
    """Each learned turn repeats those before it: 10 GB of prompts, of which a worker of 0.7 GB makes none."""
    rows = [{"conversations": says(text(n), text(n, 20))} for n in range(500)]
    rows[250:250] = [{"conversations": says("q", "a") * 20_000}]
    (tmp_path / "chat.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    source = {"name": "chat", "kind": "local", "files": ["chat.jsonl"], "format": "sharegpt"}
    stated = recipe(sources=[source], shares={"chat": 1.0}, size=100)
    with processes(1, memory=7 * 10**8) as pool, pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline_room, "workers", lambda *_: nullcontext(pool))
        patch.setattr(Processes, "_alone", partial(pytest.fail, "a worker died"))
        built = build(stated, Store(tmp_path / "store"), base=tmp_path)
    dropped = built.manifest.ledger.of("validate")["chat"].dropped
    assert {reason: amount.rows for reason, amount in dropped.items()} == {"too_many_turns": 1}


@pytest.mark.parametrize("killers", [{70}, {70, 71, 900}, {86}, {85}, {1069}])
def test_row_that_kills_is_found(killers):
    """The first row of a slice of which a worker dies alone is named, wherever it stands."""
    probe = partial(doomed.row_work, 1070, frozenset(killers))
    work = RowWork("chat", "evil.jsonl", "validate", 70, probe)
    with processes(1, memory=LEAST_BYTES) as pool, pytest.raises(RowKilled) as raised:
        run(pool, Job("evil.jsonl", partial(probe, 70, 1070), rows=work))
    found = raised.value.left_out
    assert (found.source, found.file, found.row) == ("chat", "evil.jsonl", min(killers))
    assert (found.stage, found.memory) == ("validate", LEAST_BYTES)
    assert "SIGKILL" in found.how


@pytest.mark.parametrize(
    "probe", [doomed.crowded, partial(doomed.row_work, 1000, frozenset())], ids=["crowded", "calm"]
)
def test_shard_that_dies_of_no_single_row_is_named(probe):
    """Where no row alone ends a worker the shard is at fault, or the machine."""
    work = RowWork("chat", "evil.jsonl", "validate", 0, probe)
    with (
        processes(1, memory=LEAST_BYTES) as pool,
        pytest.raises(WorkerError, match=r"for evil\.jsonl died twice"),
    ):
        run(pool, Job("evil.jsonl", partial(doomed.die, signal.SIGKILL), rows=work))


def test_rendering_can_be_tried_for_some_rows(sources, tmp_path):
    """The search for a row that ends a process goes through rendering as through validation, to the end."""
    tried, real = [], sampling.pass_job

    def noted(*args, rows, **settings):
        tried.append(rows)
        return real(*args, rows=rows, **settings)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampling, "pass_job", noted)
        quick_build(recipe(seed=6), tmp_path, sources)
        seen = [[work.probe(0, 5), work.probe(5, 15), work.probe(0, 10**6)] for work in tried]
    assert {(work.stage, work.first) for work in tried} == {("render", 0)}
    assert [5, 10, 0] in seen
    assert {counts[2] for counts in seen} == {0}


BOXES = 8_000_000
"""Empty lists in a row: 24 MB of JSON and half a GB of Python objects, which no rule on text bounds."""


def test_row_that_kills_twice_is_left_out_and_the_version_blocked(tmp_path):
    """All other rows are in the version, which waits for a person; manifest and rejects name the row."""
    lines = [orjson.dumps({"conversations": says(text(n), text(n, 20))}).decode() for n in range(40)]
    lines[3:3] = [f'{{"conversations": [], "x": [{"[]," * BOXES}[]]}}']
    (tmp_path / "chat.jsonl").write_text("\n".join(lines))
    source = {"name": "chat", "kind": "local", "files": ["chat.jsonl"], "format": "sharegpt"}
    stated = recipe(sources=[source], shares={"chat": 1.0}, size=20, max_row_bytes=16 * 10**6)
    store = Store(tmp_path / "store")
    with processes(1, memory=LEAST_BYTES) as pool, pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline_room, "workers", lambda *_: nullcontext(pool))
        built = build(stated, store, base=tmp_path)
    (killer,) = built.manifest.left_out
    assert (killer.source, killer.file, killer.row) == ("chat", "chat.jsonl", 3)
    assert (killer.stage, killer.memory) == ("validate", LEAST_BYTES)
    count = built.manifest.ledger.of("validate")["chat"]
    assert (count.read.rows, count.kept.rows) == (41, 40)
    assert {reason: amount.rows for reason, amount in count.dropped.items()} == {"worker_killed": 1}
    assert built.status == "blocked"
    assert store.versions.current(built.manifest.mixture) is None
    (dropped,) = pl.read_parquet(built.version / "rejects" / "*.parquet").to_dicts()
    assert (dropped["row"], dropped["reason"]) == (3, "worker_killed")
    assert "0.5 GB" in dropped["detail"]
    assert dropped["content"].startswith('{"conversations": [], "x": [[],')
    assert dropped["content"].endswith(f"… {3 * BOXES + 32} characters")


def says(question, answer):
    return [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]


def test_memory_of_a_worker_is_its_part_of_the_machine(monkeypatch):
    """Unset, all workers together may use four fifths of the machine, however many they are."""
    usable = usable_bytes()
    monkeypatch.setattr(workers_room, "usable_bytes", lambda: usable)
    with processes(2) as two, processes(5) as five:
        assert two.memory == usable // 2
        assert five.memory == max(usable // 5, LEAST_BYTES)


GROUP = {"job/memory.max": "8000000000", "job/memory.current": "7000000000"}


@pytest.mark.parametrize(
    ("available", "files", "usable"),
    [
        (None, {}, 8 * 10**9),
        (9 * 10**9, {}, 8 * 10**9),
        (3 * 10**9, {}, 3 * 10**9),
        (3 * 10**9, GROUP, 10**9),
        (3 * 10**9, GROUP | {"job/memory.stat": "anon 9\ninactive_file 500000000"}, 1_500_000_000),
        (3 * 10**9, {"job/memory.max": "5000000000", "job/memory.current": "6000000000"}, 0),
        (3 * 10**9, {"job/memory.max": "max", "job/memory.current": "6000000000"}, 3 * 10**9),
    ],
)
def test_memory_that_others_hold_is_not_usable(available, files, usable, tmp_path, monkeypatch):
    """What other processes hold, of the machine or of its container, would be taken back by force."""
    monkeypatch.setattr(memory, "physical_bytes", lambda: 10 * 10**9)
    said = (
        {} if available is None else {"proc/meminfo": f"MemTotal: 1 kB\nMemAvailable: {available // 1024} kB"}
    )
    root = kernel_says(tmp_path, "0::/job", **said, **in_groups(files))
    assert usable_bytes(root) == pytest.approx(usable, abs=1024)


def kernel_says(root, group, **files):
    """Write a file system as the kernel of a container shows it; return its root."""
    for name, said in {"proc/self/cgroup": group, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{said}\n")
    return root


def in_groups(files):
    return {f"sys/fs/cgroup/{name}": said for name, said in files.items()}


@pytest.mark.parametrize(
    ("group", "files", "limit"),
    [
        ("0::/job/step", {"job/memory.max": "max", "job/step/memory.max": "5000"}, 5000),
        ("0::/job/step", {"job/memory.max": "4000", "job/step/memory.max": "5000"}, 4000),
        ("0::/", {"memory.max": "6000"}, 6000),
        ("4:memory:/job", {"memory/job/memory.limit_in_bytes": "3000"}, 3000),
        ("4:memory:/host/name", {"memory/memory.limit_in_bytes": "3000"}, 3000),
        ("4:memory:/job", {"memory/memory.limit_in_bytes": "9223372036854771712"}, None),
        ("4:cpu:/\n0::/job", {"unified/job/memory.max": "2000"}, 2000),
        ("0::/gone\n3:cpu:/x", {}, None),
    ],
)
def test_limit_of_a_container_counts_as_its_memory(group, files, limit, tmp_path):
    """Both versions of control groups are asked, up to the topmost; none means the whole machine."""
    root = kernel_says(tmp_path, group, **in_groups(files))
    assert machine_bytes(root) == (limit or machine_bytes(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("group", "files", "quota"),
    [
        ("0::/job", {"job/cpu.max": "100000 100000"}, 1.0),
        ("0::/job/step", {"job/cpu.max": "150000 100000", "job/step/cpu.max": "max 100000"}, 1.5),
        ("0::/job/step", {"job/cpu.max": "800000 100000", "job/step/cpu.max": "400000 100000"}, 4.0),
        ("0::/", {"cpu.max": "50000 100000"}, 0.5),
        ("0::/", {"cpu.max": "max 100000"}, None),
        ("1:cpu:/job", {"cpu/job/cpu.cfs_quota_us": "200000", "cpu/job/cpu.cfs_period_us": "100000"}, 2.0),
        ("1:cpu:/job", {"cpu/cpu.cfs_quota_us": "300000", "cpu/cpu.cfs_period_us": "100000"}, 3.0),
        ("1:cpu:/", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        (
            "2:cpu,cpuacct:/",
            {"cpu,cpuacct/cpu.cfs_quota_us": "70000", "cpu,cpuacct/cpu.cfs_period_us": "10000"},
            7.0,
        ),
        ("2:cpuacct:/", {"cpuacct/cpu.max": "100000 100000"}, None),
        ("0::/gone", {}, None),
    ],
)
def test_quota_of_a_container_counts_as_its_cores(group, files, quota, tmp_path, monkeypatch):
    """Of 64 cores only those count whose time a group grants: rounded down, the smallest on the path."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    root = kernel_says(tmp_path, group, **in_groups(files))
    assert cpu_quota(root) == quota
    assert usable_cores(root) == (64 if quota is None else max(1, int(quota)))


def test_fewer_cores_than_the_quota_are_all_there_are(tmp_path, monkeypatch):
    """A task that is pinned to three cores has three, though its group may use the time of eight."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {4, 5, 6})
    assert usable_cores(kernel_says(tmp_path, "0::/", **in_groups({"cpu.max": "800000 100000"}))) == 3


GIB = 1024**3


@pytest.mark.parametrize(
    ("asked", "cores", "usable", "planned_with"),
    [
        ((None, None), 4, 16 * GIB, (4, 4 * GIB)),
        ((None, None), 64, 16 * GIB, (16, GIB)),
        ((None, None), 64, GIB // 2, (1, LEAST_BYTES)),
        ((None, None), 1, 2 * GIB, (1, 2 * GIB)),
        ((None, 6 * GIB), 64, 16 * GIB, (2, 6 * GIB)),
        ((None, 20 * GIB), 64, 16 * GIB, (1, 20 * GIB)),
        ((8, None), 2, 8 * GIB, (8, GIB)),
        ((8, None), 2, GIB, (8, LEAST_BYTES)),
    ],
)
def test_workers_follow_cores_and_memory(asked, cores, usable, planned_with):
    """Unless their number is stated there are no more than can work at once in the memory there is."""
    assert plan_workers(*asked, cores=cores, usable=usable) == planned_with


def test_held_memory_is_what_the_limit_counts():
    """A hundred megabytes more are seen, and seen to go."""
    before = held_bytes()
    block = bytearray(10**8)
    assert held_bytes() - before > 0.9 * len(block)
    del block
    assert held_bytes() - before < 10**7


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
        "import sys\nfrom functools import partial\nfrom pathlib import Path\n"
        "from tests.harness import doomed\n"
        "from thinkmix.flows.executor.workers import Job, processes\n"
        "if __name__ == '__main__':\n    with processes(2) as pool:\n"
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


def test_a_script_without_a_guard_runs_once(tmp_path):
    """A worker does not run the main module again, so that a script needs no `if __name__ == "__main__":`."""
    script = (
        "from functools import partial\nfrom tests.harness import doomed\n"
        "from thinkmix.flows.executor.workers import Job, processes\n"
        "print('begins', flush=True)\n"
        "with processes(1) as pool:\n"
        "    print(pool.run([Job('a', partial(doomed.allocate, 7))], done=lambda job, result: None))\n"
    )
    (tmp_path / "script.py").write_text(script)
    ended = subprocess.run(
        [sys.executable, tmp_path / "script.py"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.stdout, ended.stderr) == ("begins\n[7]\n", "")


def test_the_main_module_is_back_when_two_builds_start_workers_at_once():
    """Threads that start processes side by side take turns, and the main module is there afterwards."""
    main = sys.modules["__main__"]
    inside, let_go = Event(), Event()

    def start(wait: bool) -> None:
        with workers_room._starting():
            inside.set()
            assert not wait or let_go.wait(10)

    first = Thread(target=start, args=(True,))
    first.start()
    assert inside.wait(10)
    second = Thread(target=start, args=(False,))
    second.start()
    second.join(0.2)
    assert second.is_alive()
    let_go.set()
    first.join()
    second.join()
    assert sys.modules["__main__"] is main
