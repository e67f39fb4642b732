"""What goes wrong in a machine room, one fault a run."""

import os
import resource
import shutil
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.harness.builders import flip_bit
from tests.harness.daily_corpus import DailyRun
from thinkmix.flows.store.paths import open_version
from thinkmix.flows.store.versions import problems
from thinkmix.schemas.errors import StoreCorrupt, ThinkmixError


def none(daily_run: DailyRun) -> None:
    """Let nothing happen."""


def kill(daily_run: DailyRun) -> None:
    """Kill a build and all its processes with -9, at a moment of its stages."""
    build = daily_run.start()
    made = len(list(daily_run.store.glob(".cache/*/*")))
    goal, end = made + daily_run.chance.randint(1, 8), time.monotonic() + 60
    while build.poll() is None and len(list(daily_run.store.glob(".cache/*/*"))) < goal:
        time.sleep(0.005)
        if time.monotonic() > end:
            break
    if build.poll() is None:
        os.killpg(build.pid, signal.SIGKILL)
    build.communicate()


def kill_worker(daily_run: DailyRun) -> None:
    """Kill one of two workers; the build must succeed all the same."""
    build = daily_run.start(workers=2)
    children = Path(f"/proc/{build.pid}/task/{build.pid}/children")
    end = time.monotonic() + 60
    while build.poll() is None and time.monotonic() < end:
        found = [pid for pid in children.read_text().split() if _is_worker(pid)]
        if len(found) == 2:
            time.sleep(daily_run.chance.random())
            os.kill(int(daily_run.chance.choice(found)), signal.SIGKILL)
            break
        time.sleep(0.01)
    _, errors = build.communicate(timeout=200)
    daily_run.expect(build.returncode == 0, f"a killed worker ended the build: {errors.decode()[-300:]}")


def _is_worker(pid: str) -> bool:
    try:
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def full_disk(daily_run: DailyRun) -> None:
    """Let no file grow beyond a size."""
    limit = daily_run.chance.choice([2_000, 20_000, 60_000])
    build = daily_run.start(preexec_fn=partial(resource.setrlimit, resource.RLIMIT_FSIZE, (limit, limit)))
    _, errors = build.communicate(timeout=200)
    daily_run.expect(
        build.returncode == 0 or b"StoreFull" in errors, f"not told as full: {errors.decode()[-300:]}"
    )


def second_builder(daily_run: DailyRun) -> None:
    """Start two builds at once: one is told to come back later, or finds the work done."""
    builds = [daily_run.start(), daily_run.start()]
    ends = [build.communicate(timeout=200)[1] for build in builds]
    codes = sorted(build.returncode for build in builds)
    busy = [b"StoreBusy" in errors for errors in ends]
    daily_run.expect(
        codes == [0, 0] or (codes == [0, 1] and sum(busy) == 1), f"two builders ended with {codes}"
    )


def hub_fault(daily_run: DailyRun) -> None:
    """Let the hub stumble, and now perhaps fall."""
    kind = daily_run.chance.choice(["flip", "cut", "reset", "html", "status"])
    daily_run.corpus.hub.fault("/datasets/*", kind, times=daily_run.chance.choice([1, 2]))


def hub_down(daily_run: DailyRun) -> None:
    """Let the hub be away at the first try."""
    daily_run.corpus.hub.down()
    try:
        daily_run.build()
        daily_run.violations.append("a build succeeded without its hub")
    except ThinkmixError as error:
        daily_run.expect(error.exit_code == 4, f"a hub that is down ended with {error!r}")
    daily_run.corpus.hub.up()


def rot(daily_run: DailyRun) -> None:
    """Flip a bit in some files of the cache, downloads among them."""
    paths = sorted(
        path for path in daily_run.store.glob(".cache/**/*") if path.is_file() and path.stat().st_size
    )
    for path in daily_run.chance.sample(paths, min(12, len(paths))):
        flip_bit(path, daily_run.chance.randrange(path.stat().st_size * 8))


def rotten_version(daily_run: DailyRun) -> None:
    """Flip a bit in the current version; whoever verifies is told."""
    version = open_version(daily_run.mixture)
    path = daily_run.chance.choice(sorted(path for path in version.rglob("*") if path.is_file()))
    shutil.copyfile(path, path.with_suffix(".new"))  # the cache holds the same file by another name
    path.with_suffix(".new").replace(path)
    flip_bit(path)
    daily_run.expect(problems(version) != [], "rot of the current version was not seen")


def damaged_pointer(daily_run: DailyRun) -> None:
    """Write garbage over CURRENT; readers are told."""
    (daily_run.mixture / "CURRENT").write_bytes(
        daily_run.chance.randbytes(daily_run.chance.choice([0, 10, 65]))
    )
    try:
        open_version(daily_run.mixture)
        daily_run.violations.append("garbage in CURRENT led somewhere")
    except StoreCorrupt:
        pass


def torn_history(daily_run: DailyRun) -> None:
    """Cut the last line of the history of runs, and forget where files lie."""
    path = daily_run.mixture / "runs.jsonl"
    os.truncate(path, path.stat().st_size - 20)
    (daily_run.mixture / "places.json").unlink(missing_ok=True)


def lost_cache(daily_run: DailyRun) -> None:
    """Lose the whole cache, or one stage of it."""
    stages = sorted((daily_run.store / ".cache").iterdir())
    shutil.rmtree(daily_run.chance.choice([daily_run.store / ".cache", *stages]))


FAULTS: tuple[Callable[[DailyRun], None], ...] = (
    kill, rot, hub_down, damaged_pointer, kill_worker, rotten_version, full_disk, hub_fault, second_builder,
    lost_cache, torn_history, kill,
)  # fmt: skip
