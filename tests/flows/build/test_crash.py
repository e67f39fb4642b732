"""Real builds that are killed with -9 and started again: nothing is lost, nothing half is ever current."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.harness.builders import (
    ROOT,
    chat_rows,
    math_rows,
    python,
    quick_build,
    recipe,
    statement,
    write_rows,
)
from tests.harness.prefect_server import wait_for
from thinkmix.flows.store.paths import open_version
from thinkmix.flows.store.store import Store
from thinkmix.flows.store.versions import problems

CHANGED = {"seed": 3, "max_tokens": 500}
"""What the second mixture differs in, so that most of its stages are to be made."""


@pytest.fixture(scope="module")
def wanted(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The digest of the changed mixture when nothing disturbs its build."""
    return quick_build(recipe(**CHANGED), tmp_path_factory.mktemp("undisturbed"), sources).digest


def start(store: Path, sources: Path, workers: int) -> subprocess.Popen:
    """Start a build of the changed mixture, with workers, in a process group of its own."""
    command = ("-m", "tests.harness.build_once", store, sources, json.dumps(statement(**CHANGED)), workers)
    return subprocess.Popen(
        [sys.executable, *map(str, command)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def outputs(store: Path) -> int:
    """Count the outputs in the cache, finished or not."""
    return len([path for path in store.glob(".cache/*/*") if path.parent.name != "hub"])


def watch(build: subprocess.Popen, until: Callable[[], bool]) -> bool:
    """Wait until something holds or the build has ended; return whether it holds."""
    for _ in range(12_000):
        if until():
            return True
        if build.poll() is not None:
            return until()
        time.sleep(0.01)
    return False


def children(pid: int) -> list[int]:
    """Return the worker processes of a build."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    command = {int(child): Path(f"/proc/{child}/cmdline").read_bytes() for child in listed}
    return [child for child, line in command.items() if b"spawn_main" in line]


def kill_after(build: subprocess.Popen, store: Path, more: int) -> bool:
    """Kill the whole group of a build once it has made `more` outputs; return whether it was in time."""
    goal = outputs(store) + more
    watch(build, lambda: outputs(store) >= goal)
    in_time = build.poll() is None
    if in_time:
        os.killpg(build.pid, signal.SIGKILL)
    build.communicate(timeout=60)
    return in_time


def storm(store: Path, sources: Path, steps: list[int], *, workers: int) -> int:
    """Kill a build again and again, each time a number of outputs further; return how often it was hit."""
    good = open_version(store / "small").name
    hits = 0
    for more in steps:
        hits += kill_after(start(store, sources, workers), store, more)
        current = open_version(store / "small")
        assert current.name == good
        assert problems(current) == []
    return hits


def finish(store: Path, sources: Path) -> dict[str, object]:
    """Build to the end and return what came of it."""
    out, err = start(store, sources, 1).communicate(timeout=120)
    assert err == b""
    return json.loads(out)


@pytest.mark.acceptance("A2")
def test_build_survives_kill_9_of_its_whole_group(sources: Path, store_copy, wanted: str) -> None:
    """Killed at two moments, then left alone: the digest of an undisturbed build, and nothing left over."""
    store = store_copy()
    assert storm(store, sources, [random.Random(7).randint(1, 3), 4], workers=1) == 2
    done = finish(store, sources)
    assert (done["digest"], done["status"]) == (wanted, "published")
    assert open_version(store / "small").name == wanted
    assert problems(open_version(store / "small")) == []
    assert [path.name for path in (store / "small" / "versions").glob(".*")] == []


@pytest.mark.acceptance("A2")
@pytest.mark.deep
@pytest.mark.parametrize("seed", range(12))
def test_build_survives_a_storm_of_kills(seed: int, sources: Path, tmp_path: Path, wanted: str) -> None:
    """Up to five kills at random moments of a build from nothing never end in anything else."""
    store = tmp_path / "store"
    quick_build(recipe(seed=1), store, sources)
    chance = random.Random(seed)
    assert storm(store, sources, [chance.randint(0, 4) for _ in range(chance.randint(1, 5))], workers=2) >= 1
    assert finish(store, sources)["digest"] == wanted
    assert problems(open_version(store / "small")) == []


@pytest.mark.acceptance("A2")
def test_killed_worker_does_not_end_a_build(sources: Path, store_copy, wanted: str) -> None:
    """One worker that the system kills in the middle costs a retry, not the build."""
    store = store_copy()
    build, goal = start(store, sources, 2), outputs(store) + 2
    assert watch(build, lambda: outputs(store) >= goal)
    os.kill(children(build.pid)[0], signal.SIGKILL)
    out, err = build.communicate(timeout=120)
    assert build.returncode == 0, err.decode()
    assert json.loads(out)["digest"] == wanted
    assert problems(Store(store).versions.current("small")) == []


def crash(protocol: str, damage: str, every: int, folder: Path) -> dict:
    """End real builds of a few rows at their operations and return what was found."""
    for name, rows in (("math", math_rows(8)), ("chat", chat_rows(8))):
        write_rows(folder / "sources" / name / "0.jsonl", rows)
    ended = python(
        *("-m", "tests.harness.crash_points", protocol, damage, every, folder / "points"),
        env={"SOURCES": str(folder / "sources"), "OPENBLAS_NUM_THREADS": "1"},
        timeout=880,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.mark.acceptance("A1")
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("protocol", "damage", "every", "points"),
    [
        ("pipeline", "kill", 20, 2),
        *(
            pytest.param(*case, marks=pytest.mark.deep)
            for case in (
                ("pipeline", "kill", 1, 45),
                ("pipeline", "patchy", 1, 45),
                ("pipeline", "vanished", 1, 45),
                ("whole", "kill", 3, 50),
                ("whole", "torn", 7, 20),
                ("whole", "patchy", 7, 20),
                ("whole", "undone", 9, 15),
                ("whole", "reordered", 9, 15),
                ("whole", "vanished", 7, 20),
            )
        ),
    ],
)
def test_real_build_that_ends_anywhere_leaves_a_good_version(
    protocol: str, damage: str, every: int, points: int, tmp_path: Path
) -> None:
    """A real publish, or a whole build, that ends at any operation leaves the old version or the new one.

    Each is whole, and the next build ends with the digest of one that nothing disturbed.
    """
    found = crash(protocol, damage, every, tmp_path)
    assert found["violations"] == []
    assert found["points"] >= points


@pytest.mark.acceptance("A16")
@pytest.mark.deep
@pytest.mark.timeout(900)
@pytest.mark.parametrize("damage", ["error", "full"])
def test_real_build_that_is_refused_an_operation_harms_nothing(damage: str, tmp_path: Path) -> None:
    """Whichever operation of a build the disk refuses, the good version stays and the next build is good."""
    found = crash("whole", damage, 7, tmp_path)
    assert found["violations"] == []
    assert found["points"] >= 20


@pytest.mark.acceptance("A3")
@pytest.mark.deep
@pytest.mark.timeout(900)
def test_crash_points_catch_a_cache_that_is_believed(tmp_path: Path) -> None:
    """Outputs that are never synced, in a cache that does not hash them, are reported by the same harness."""
    assert crash("believing", "patchy", 10, tmp_path)["violations"] != []


@pytest.mark.acceptance("A2")
@pytest.mark.deep
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_builds_survive_kills_at_random_moments(seed: int, tmp_path: Path) -> None:
    """120 kills at random moments, up to six a build: a reader never sees a fault, every build ends well."""
    found = crash("storm", "120", seed, tmp_path)
    assert found["violations"] == []
    assert found["kills"] >= 120


@pytest.mark.parametrize(
    ("number", "group"), [(signal.SIGINT, True), (signal.SIGTERM, False), (signal.SIGHUP, True)]
)
def test_stopped_build_ends_at_once_with_one_sentence(
    number: int, group: bool, sources: Path, store_copy, tmp_path: Path
) -> None:
    """A build that is stopped, with its workers or without, waits for no job; nothing of it goes on."""
    store = store_copy()
    stated = sources / f"stopped-{number}-{group}.yaml"
    stated.write_text(json.dumps(statement(**CHANGED)))
    command = ("build", stated, "--store", store, "--workers", 2)
    hears = "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL)"  # under `nohup` it would not
    build = subprocess.Popen(
        [sys.executable, "-c", f"{hears}\nfrom thinkmix.flows.cli import main; main()", *map(str, command)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    goal = outputs(store) + 1
    assert watch(build, lambda: outputs(store) >= goal)
    began = time.monotonic()
    (os.killpg if group else os.kill)(build.pid, number)
    out, err = build.communicate(timeout=60)
    assert time.monotonic() - began < 5  # 0.4 to 0.8 s on a quiet machine
    assert build.returncode == 128 + number
    assert "Traceback" not in (out + err).decode()
    assert err.decode().splitlines()[-1] == "thinkmix: stopped; what was published before is untouched"
    assert wait_for(lambda: living(build.pid) == [], 5), living(build.pid)
    assert problems(open_version(store / "small")) == []
    assert Store(store).log.runs("small")[-1]["sentence"] == "it was stopped from outside"


def living(group: int) -> list[str]:
    """Return the processes of a group that still run; those that only nobody waited for do not count."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            name, _, rest = stat.read_text().rpartition(")")
            if rest.split()[2] == str(group) and rest.split()[0] != "Z":
                found.append(f"{name}) {rest}")
    return found
