"""What goes wrong in a machine room, one fault a night."""

import os
import resource
import shutil
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.harness.builders import flip_bit
from tests.harness.night_corpus import Night
from thinkmix.flows.store.paths import open_version
from thinkmix.flows.store.versions import problems
from thinkmix.schemas.errors import StoreCorrupt, ThinkmixError


def none(night: Night) -> None:
    """Let nothing happen."""


def kill(night: Night) -> None:
    """Kill a build and all its processes with -9, at a moment of its stages."""
    build = night.start()
    made = len(list(night.store.glob(".cache/*/*")))
    goal, end = made + night.chance.randint(1, 8), time.monotonic() + 60
    while build.poll() is None and len(list(night.store.glob(".cache/*/*"))) < goal:
        time.sleep(0.005)
        if time.monotonic() > end:
            break
    if build.poll() is None:
        os.killpg(build.pid, signal.SIGKILL)
    build.communicate()


def kill_worker(night: Night) -> None:
    """Kill one of two workers; the build must succeed all the same."""
    build = night.start(workers=2)
    children = Path(f"/proc/{build.pid}/task/{build.pid}/children")
    end = time.monotonic() + 60
    while build.poll() is None and time.monotonic() < end:
        found = [pid for pid in children.read_text().split() if _is_worker(pid)]
        if len(found) == 2:
            time.sleep(night.chance.random())
            os.kill(int(night.chance.choice(found)), signal.SIGKILL)
            break
        time.sleep(0.01)
    _, errors = build.communicate(timeout=200)
    night.expect(build.returncode == 0, f"a killed worker ended the build: {errors.decode()[-300:]}")


def _is_worker(pid: str) -> bool:
    try:
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def full_disk(night: Night) -> None:
    """Let no file grow beyond a size."""
    limit = night.chance.choice([2_000, 20_000, 60_000])
    build = night.start(preexec_fn=partial(resource.setrlimit, resource.RLIMIT_FSIZE, (limit, limit)))
    _, errors = build.communicate(timeout=200)
    night.expect(
        build.returncode == 0 or b"StoreFull" in errors, f"not told as full: {errors.decode()[-300:]}"
    )


def second_builder(night: Night) -> None:
    """Start two builds at once: one is told to come back later, or finds the work done."""
    builds = [night.start(), night.start()]
    ends = [build.communicate(timeout=200)[1] for build in builds]
    codes = sorted(build.returncode for build in builds)
    busy = [b"StoreBusy" in errors for errors in ends]
    night.expect(codes == [0, 0] or (codes == [0, 1] and sum(busy) == 1), f"two builders ended with {codes}")


def hub_fault(night: Night) -> None:
    """Let the hub stumble, and tonight perhaps fall."""
    kind = night.chance.choice(["flip", "cut", "reset", "html", "status"])
    night.corpus.hub.fault("/datasets/*", kind, times=night.chance.choice([1, 2]))


def hub_down(night: Night) -> None:
    """Let the hub be away at the first try."""
    night.corpus.hub.down()
    try:
        night.build()
        night.violations.append("a build succeeded without its hub")
    except ThinkmixError as error:
        night.expect(error.exit_code == 4, f"a hub that is down ended with {error!r}")
    night.corpus.hub.up()


def rot(night: Night) -> None:
    """Flip a bit in some files of the cache, downloads among them."""
    paths = sorted(path for path in night.store.glob(".cache/**/*") if path.is_file() and path.stat().st_size)
    for path in night.chance.sample(paths, min(12, len(paths))):
        flip_bit(path, night.chance.randrange(path.stat().st_size * 8))


def rotten_version(night: Night) -> None:
    """Flip a bit in the current version; verification reports it."""
    version = open_version(night.mixture)
    path = night.chance.choice(sorted(path for path in version.rglob("*") if path.is_file()))
    shutil.copyfile(path, path.with_suffix(".new"))  # the cache holds the same file by another name
    path.with_suffix(".new").replace(path)
    flip_bit(path)
    night.expect(problems(version) != [], "rot of the current version was not seen")


def damaged_pointer(night: Night) -> None:
    """Write garbage over CURRENT; readers are told."""
    (night.mixture / "CURRENT").write_bytes(night.chance.randbytes(night.chance.choice([0, 10, 65])))
    try:
        open_version(night.mixture)
        night.violations.append("garbage in CURRENT led somewhere")
    except StoreCorrupt:
        pass


def torn_history(night: Night) -> None:
    """Cut the last line of the history of runs, and forget where files lie."""
    path = night.mixture / "runs.jsonl"
    os.truncate(path, path.stat().st_size - 20)
    (night.mixture / "places.json").unlink(missing_ok=True)


def lost_cache(night: Night) -> None:
    """Lose the whole cache, or one stage of it."""
    stages = sorted((night.store / ".cache").iterdir())
    shutil.rmtree(night.chance.choice([night.store / ".cache", *stages]))


FAULTS: tuple[Callable[[Night], None], ...] = (
    kill, rot, hub_down, damaged_pointer, kill_worker, rotten_version, full_disk, hub_fault, second_builder,
    lost_cache, torn_history, kill,
)  # fmt: skip
