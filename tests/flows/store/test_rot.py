"""Bits that flip and files that are cut, anywhere: seen before anyone reads them, and named."""

import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness.builders import flip_bit
from thinkmix.flows.store.cache import _intact
from thinkmix.flows.store.digests import MANIFEST
from thinkmix.flows.store.paths import open_version
from thinkmix.flows.store.store import Store
from thinkmix.flows.store.versions import problems
from thinkmix.schemas.errors import StoreCorrupt

CUTS = 20
"""Lengths that each file is cut to, the empty one among them."""


@pytest.fixture
def copy(version: Path, tmp_path: Path) -> Path:
    """A copy of the small version to harm."""
    return shutil.copytree(version, tmp_path / version.name)


def files(folder: Path) -> list[Path]:
    """Return the files below a folder."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def kinds(store: Path) -> list[Path]:
    """Return one file of each kind of output in the cache, manifests of stages among them."""
    found = {
        (path.parents[1].name, path.name): path for path in files(store / ".cache") if path.name != "LAYOUT"
    }
    return [path for (stage, _), path in sorted(found.items()) if stage not in ("hub", "tokens")]


def flips(path: Path, number: int) -> Iterator[int]:
    """Flip `number` bits of a file, one at a time, anywhere."""
    size = path.stat().st_size * 8
    for bit in random.Random(path.name).sample(range(size), min(number, size)):
        flip_bit(path, bit)
        yield bit
        flip_bit(path, bit)


def cuts(path: Path) -> Iterator[int]:
    """Cut a file to `CUTS` lengths, one at a time; its time of change tells nothing."""
    content, times = path.read_bytes(), path.stat()
    for length in sorted({len(content) * part // CUTS for part in range(CUTS)}):
        path.write_bytes(content[:length])
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        yield length
    path.write_bytes(content)


def named(copy: Path, path: Path) -> bool:
    """Return whether the one thing that is wrong with a version is told of this file."""
    found = problems(copy)
    return len(found) == 1 and found[0].startswith(f"{path.relative_to(copy)}: ")


@pytest.mark.acceptance("A12")
@pytest.mark.parametrize("number", [40, pytest.param(400, marks=pytest.mark.deep)])
def test_flipped_bit_of_a_version_is_seen(number: int, copy: Path) -> None:
    """Bits flipped anywhere in any file of a version, its manifest too: each is seen, and the file named."""
    missed = [
        (path.name, bit)
        for path in files(copy)
        for bit in flips(path, number)
        if not (problems(copy)[0].startswith(MANIFEST) if path.name == MANIFEST else named(copy, path))
    ]
    assert missed == []
    assert problems(copy) == []


@pytest.mark.acceptance("A12")
@pytest.mark.parametrize("number", [40, pytest.param(400, marks=pytest.mark.deep)])
def test_flipped_bit_of_the_cache_is_seen(number: int, store_copy: Callable[[], Path]) -> None:
    """Bits flipped anywhere in any kind of cached file: that output is as good as not there."""
    paths = kinds(store_copy())
    assert len(paths) >= 20
    assert [(path, bit) for path in paths for bit in flips(path, number) if _intact(path.parent)] == []
    assert all(_intact(path.parent) for path in paths)


@pytest.mark.acceptance("A13")
def test_cut_file_of_a_version_is_seen(copy: Path) -> None:
    """Each file of a version, cut to any length: seen, and the file named."""
    missed = [
        (path.name, length)
        for path in files(copy)
        for length in cuts(path)
        if not (problems(copy)[0].startswith(MANIFEST) if path.name == MANIFEST else named(copy, path))
    ]
    assert missed == []
    assert problems(copy) == []


@pytest.mark.acceptance("A13")
def test_cut_file_of_the_cache_is_seen(store_copy: Callable[[], Path]) -> None:
    """Each kind of cached file, cut to any length: that output is as good as not there."""
    paths = kinds(store_copy())
    assert [(path, length) for path in paths for length in cuts(path) if _intact(path.parent)] == []
    assert all(_intact(path.parent) for path in paths)


@pytest.mark.acceptance("A13")
def test_cut_pointer_is_seen(store_copy: Callable[[], Path]) -> None:
    """CURRENT, cut to any length, leads a reader nowhere."""
    store = store_copy()
    pointer = store / "small" / "CURRENT"
    for _ in cuts(pointer):
        with pytest.raises(StoreCorrupt):
            open_version(store / "small")
    assert Store(store).versions.current("small") is not None
