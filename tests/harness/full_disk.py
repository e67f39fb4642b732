"""Fills a small disk and builds: `python -m tests.harness.full_disk DISK BASE FRACTION...` prints JSON.

DISK is a file system of its own with at least 4 MB. For each fraction of the space that a build needs,
and for twice that space, a store that holds a good version is left with that much, a second mixture is
built, room is made, and it is built again.
"""

import json
import os
import shutil
import sys
from pathlib import Path

from tests.harness.builders import quick_build, recipe
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.flows.store.paths import open_version
from thinkmix.flows.store.versions import problems
from thinkmix.schemas.errors import ThinkmixError


def free(disk: Path) -> int:
    """Return the bytes that may still be written."""
    status = os.statvfs(disk)
    return status.f_bavail * status.f_frsize


def try_build(stated: Recipe, store: Path, base: Path) -> str:
    """Build and return the version's name, or the name of the error and its exit code."""
    try:
        return quick_build(stated, store, base).digest
    except ThinkmixError as error:
        return f"{type(error).__name__} {error.exit_code}"


def fill(disk: Path, leave: int) -> Path:
    """Write a file that leaves `leave` bytes free."""
    filler = disk / "filler"
    with filler.open("wb") as out:
        while (rest := free(disk) - leave) > 0:
            out.write(b"\0" * min(rest, 1 << 20))
            out.flush()
    return filler


def try_at(disk: Path, base: Path, good: Path, leave: int) -> dict[str, object]:
    """Build on a disk with that much room beside a copy of the good store, and say what came of it."""
    store = shutil.copytree(good, disk / "store")
    before = open_version(store / "small").name
    filler = fill(disk, leave)
    first = try_build(recipe(seed=2, max_tokens=500), store, base)
    current = open_version(store / "small")
    facts = {"leave": leave, "first": first, "kept": current.name == before, "problems": problems(current)}
    filler.unlink()
    facts["second"] = try_build(recipe(seed=2, max_tokens=500), store, base)
    facts["left"] = [str(path) for path in store.rglob(".tmp-*")]
    shutil.rmtree(store)
    return facts


def main(disk: Path, base: Path, fractions: list[float]) -> None:
    """Measure what a build needs, then try with less and less."""
    quick_build(recipe(seed=1), disk / "store", base)
    good = shutil.copytree(disk / "store", disk.with_name("good"))  # not on the small disk
    before = free(disk)
    quick_build(recipe(seed=2, max_tokens=500), disk / "store", base)
    need = before - free(disk)
    shutil.rmtree(disk / "store")
    tries = [try_at(disk, base, good, int(need * fraction)) for fraction in (*fractions, 2)]
    sys.stdout.write(json.dumps(tries))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), [float(word) for word in sys.argv[3:]])
