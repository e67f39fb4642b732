"""Ends a build at every operation it makes on the disk, and says what a reader would see and a rerun make.

Run as a program: `python -m tests.harness.crash_points PROTOCOL DAMAGE EVERY FOLDER` prints JSON. Each point
forks a child that publishes a second version over a first one; its operation number n meets DAMAGE, one of
those of `tests.harness.failing_disk`.

`python -m tests.harness.crash_points storm KILLS SEED FOLDER` kills whole builds at random moments instead.

Imports nothing that starts threads before it forks, so that forking is safe.
"""

import importlib
import io
import json
import os
import pickle
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.harness.failing_disk import Disk
from thinkmix.flows.store import cache as cache_of_outputs
from thinkmix.flows.store.atomic import scratch_folder
from thinkmix.flows.store.cache import unseal
from thinkmix.flows.store.digests import MANIFEST, digest, write_json
from thinkmix.flows.store.paths import open_version
from thinkmix.flows.store.store import Store
from thinkmix.flows.store.versions import problems
from thinkmix.schemas.errors import StoreError

MIXTURE = "mixture"


def fill(folder: Path, seed: int) -> None:
    """Write all files of a version."""
    (folder / "rejects").mkdir()
    for name in ("train-0.parquet", "eval-0.parquet", "rejects/math.parquet"):
        (folder / name).write_bytes(f"{name} {seed} ".encode() * 50)
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    files = {str(path.relative_to(folder)): {"sha256": digest(path)} for path in paths}
    write_json(folder / MANIFEST, {"files": files})


def safe(root: Path, seed: int) -> None:
    """Publish as the store does."""
    store = Store(root)
    with store.lock(MIXTURE), scratch_folder(root / MIXTURE / "versions") as scratch:
        fill(scratch, seed)
        version, _ = store.versions.keep(MIXTURE, scratch)
        store.versions.promote(MIXTURE, version)


def naive(root: Path, seed: int) -> None:
    """Publish as one would who thinks of no crash: the pointer is written in place, and early."""
    version = root / MIXTURE / "versions" / names[seed]
    shutil.rmtree(version, ignore_errors=True)
    version.mkdir(parents=True)
    (root / MIXTURE / "CURRENT").write_bytes(f"{version.name}\n".encode())
    fill(version, seed)


def skipping(root: Path, seed: int) -> None:
    """Publish as one would who takes what is there for what was wanted."""
    version = root / MIXTURE / "versions" / names[seed]
    if not version.is_dir():
        version.mkdir(parents=True)
        fill(version, seed)
    Store(root).versions.promote(MIXTURE, version)


def unsynced(root: Path, seed: int) -> None:
    """Publish as the store does, on a disk that is never asked to finish writing."""
    os.fsync = lambda handle: None
    safe(root, seed)


def pipeline(root: Path, seed: int) -> None:
    """Publish as a whole build does; counting starts where its last stage ends."""
    _build(root, seed, watched="publish")


def whole(root: Path, seed: int) -> None:
    """Build and publish; counting starts before the first stage."""
    if disks:
        disks.pop().watch()
    _build(root, seed)


def believing(root: Path, seed: int) -> None:
    """Build as `whole`, with outputs that are never synced, and a cache that believes what it finds."""
    if disks:
        disks.pop().watch()
    os.fsync = lambda handle: None

    def believed(folder: Path) -> object:
        there = (folder / MANIFEST).is_file()
        return unseal((folder / MANIFEST).read_bytes(), folder) if there else None

    cache_of_outputs._intact = believed
    whole(root, seed)


def _build(root: Path, seed: int, watched: str = "") -> None:
    from tests.harness.builders import quick_build, recipe  # noqa: PLC0415
    from thinkmix.flows.build.watch import Watch, directly  # noqa: PLC0415 - no threads before the fork

    def step(name: str, function: Callable) -> Callable:
        if name == watched and disks:
            disks.pop().watch()
        return directly(name, function)

    quick_build(recipe(seed=seed, name=MIXTURE, max_tokens=600 - seed), root, sources, watch=Watch(step=step))


def begin(work: Callable[[], None]) -> int:
    """Run `work` in a child; return its process id."""
    for path in last_words:
        path.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        sys.stderr = io.StringIO()
        try:
            work()
        except BaseException as error:
            for path in last_words:
                path.write_text(repr(error))
            os._exit(1)
        os._exit(0)
    return child


def forked(work: Callable[[], None]) -> int:
    """Run `work` in a child and return its exit status; -9 is a kill."""
    return os.waitstatus_to_exitcode(os.waitpid(begin(work), 0)[1])


def judge(root: Path) -> str | None:
    """Return what is wrong for a reader that goes through CURRENT, or None."""
    try:
        version = open_version(root / MIXTURE)
    except StoreError as error:
        return f"no version: {error}"
    if version.name not in (names[1], names[2]):
        return f"unknown version {version.name}"
    return "; ".join(problems(version)) or None


def repaired(root: Path, protocol: Callable[[Path, int], None]) -> str | None:
    """Publish again, and return what is wrong then."""
    status = forked(lambda: protocol(root, 2))
    if (root / MIXTURE / "CURRENT").read_text().strip() != names[2] or judge(root):
        words = "; ".join(path.read_text() for path in last_words if path.exists())
        return f"a rerun did not repair it: it ended with {status} {words}, and left {judge(root)}"
    left = [path for name in (".tmp-*", ".CURRENT.*") for path in (root / MIXTURE).rglob(name)]
    return f"left over {left[0].name}" if left else None


def explore(protocol: Callable[[Path, int], None], damage: str, every: int, folder: Path) -> dict:
    """Do damage at every `every`-th operation; return the points, the violations and what reruns came to."""
    violations, tried, point, root = [], 0, 1, folder / "store"
    if not root.exists():
        forked(lambda: safe(root, 1))
    root.rename(folder / "good")
    while True:
        shutil.copytree(folder / "good", root)

        def publish(point: int = point) -> None:
            disk = Disk(damage, point, root)
            if protocol in BUILDS:
                disks.append(disk)
            else:
                disk.watch()
            protocol(root, 2)
            if disk.count >= disk.last:
                os._exit(1)  # the damage was done, and overcome
            disk.tick()

        status = forked(publish)
        violations += [f"{point}: {found}" for found in (judge(root), repaired(root, protocol)) if found]
        shutil.rmtree(root)
        if status == 0:
            return {"points": tried, "violations": violations}
        tried, point = tried + 1, point + every


def storm(kills: int, seed: int, folder: Path) -> dict:
    """Kill whole builds at random moments, up to six times each; return the kills and the violations."""
    chance, root, violations, hits, builds = random.Random(seed), folder / "store", [], 0, 0
    root.rename(folder / "good")
    undisturbed = 1.0
    while hits < kills:
        shutil.copytree(folder / "good", root)
        for _ in range(chance.randint(1, 6) if builds else 0):  # the first tells how long one takes
            child = begin(lambda: whole(root, 2))
            time.sleep(chance.random() * undisturbed)
            os.kill(child, signal.SIGKILL)
            hits += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
            if found := judge(root):
                violations.append(f"kill {hits}: {found}")
        began = time.monotonic()
        if found := repaired(root, whole):
            violations.append(f"kill {hits}: {found}")
        undisturbed = time.monotonic() - began if builds == 0 else undisturbed
        builds += 1
        shutil.rmtree(root)
    return {"kills": hits, "builds": builds - 1, "violations": violations}


def prepare(folder: Path, *, builds: bool) -> None:
    """Find out the names of the two versions; of builds, leave a store that holds the first."""
    folder.mkdir(parents=True, exist_ok=True)
    last_words.append(folder / "last-words")
    if builds:
        import pandas  # noqa: F401, PLC0415 - or pyarrow would, in every child

        import tests.harness.builders  # noqa: F401, PLC0415
        from thinkmix.flows.store.fingerprint import code_digest  # noqa: PLC0415

        code_digest()  # once, for all children: edits of our code meanwhile disturb nothing
        for seed in (2, 1):
            shutil.rmtree(folder / "store", ignore_errors=True)
            status = forked(
                lambda seed=seed: (pipeline(folder / "store", seed), note_loops(folder / "loops"))
            )
            assert status == 0, "a build that nothing disturbs fails"
            names[seed] = (folder / "store" / MIXTURE / "CURRENT").read_text().strip()
            if seed == 2:  # the first: what it had to load takes longer than it ran
                warm(folder / "loops")
    else:
        for seed in (1, 2):
            draft = folder / f"draft-{seed}"
            draft.mkdir()
            fill(draft, seed)
            names[seed] = digest(draft / MANIFEST)


def note_loops(path: Path) -> None:
    """Write down which loops this process has as machine code."""
    found = []
    for name in [name for name in sys.modules if name.startswith("thinkmix.curation.")]:
        for attribute, value in vars(sys.modules[name]).items():
            signatures = getattr(value, "signatures", None)
            if isinstance(signatures, list) and signatures:  # not a module with a function of that name
                found.append((name, attribute, signatures))
    path.write_bytes(pickle.dumps(found))


def warm(path: Path) -> None:
    """Load here what every child would load for itself; nothing of it may start a thread that works."""
    from thinkmix.templates.chat import tokenizer  # noqa: PLC0415

    for name, attribute, signatures in pickle.loads(path.read_bytes()):
        for signature in signatures:
            getattr(importlib.import_module(name), attribute).compile(signature)
    tokenizer.reference_tokenizer()
    tokenizer.count_tokens(["warm"])
    threads = {path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")}
    assert threads - {"jemalloc_bg_thd", "polars-ooc-clea"} == {Path("/proc/self/comm").read_text().strip()}


names: dict[int, str] = {}
last_words: list[Path] = []
"""Where a child that fails writes down what it fails of."""
disks: list[Disk] = []
sources = Path(os.environ.get("SOURCES", ""))

BUILDS = (pipeline, whole, believing)
PROTOCOLS = {one.__name__: one for one in (safe, naive, skipping, unsynced, *BUILDS)}

if __name__ == "__main__":
    _protocol, _first, _second, _folder = sys.argv[1:]
    prepare(Path(_folder), builds=_protocol == "storm" or PROTOCOLS[_protocol] in BUILDS)
    if _protocol == "storm":
        _found = storm(int(_first), int(_second), Path(_folder))
    else:
        _found = explore(PROTOCOLS[_protocol], _first, int(_second), Path(_folder))
    sys.stdout.write(json.dumps(_found))
