"""Index files: what was written is read again, and nothing else."""

from pathlib import Path

import numpy as np
import pytest

from thinkmix.curation.files.index import open_index, write_index

ABOUT = {"index": "test", "shingle": 5, "seed": 1}


@pytest.mark.parametrize("shape", [(3, 5), (0,), (23, 0), (1,), (700,)])
def test_hashes_come_back(shape: tuple[int, ...], tmp_path: Path) -> None:
    """Whatever their shape, and aligned for a map."""
    hashes = np.arange(np.prod(shape), dtype=np.uint64).reshape(shape)
    write_index(tmp_path / "i", hashes, ABOUT)
    found = open_index(tmp_path / "i", ABOUT)
    assert found.shape == shape
    assert (found == hashes).all()
    assert ((tmp_path / "i").stat().st_size - 8 * hashes.size) % 64 == 0


@pytest.mark.parametrize("change", [{"seed": 2}, {"shingle": 6}, {"index": "other"}, {"more": 1}])
def test_an_index_about_something_else_is_refused(change: dict[str, object], tmp_path: Path) -> None:
    """The header names what differs."""
    write_index(tmp_path / "i", np.zeros(4, np.uint64), ABOUT)
    with pytest.raises(ValueError, match=f"written with another {next(iter(change))}"):
        open_index(tmp_path / "i", {**ABOUT, **change})


def test_damaged_index_is_refused(tmp_path: Path) -> None:
    """A file that is cut off, longer, empty or of another kind ends with its name."""
    path = tmp_path / "i"
    write_index(path, np.arange(9, dtype=np.uint64), ABOUT)
    whole = path.read_bytes()
    for content in (whole[:-1], whole + b"x", b"", b"{}\n", b"PAR1", b"[1]\n", whole[:20]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=str(path)):
            open_index(path, ABOUT)
