"""The memory of digests: believed for untouched files only."""

import os
from pathlib import Path

from thinkmix.flows.sources.digest import Memory


def test_an_untouched_file_is_remembered(tmp_path):
    """What was noted about a file is known until it is written to or replaced."""
    path, memory = tmp_path / "a", Memory(tmp_path / "digests")
    path.write_bytes(b"one")
    memory.remember(path, "digest")
    assert memory.recall(path) == "digest"
    (tmp_path / "b").write_bytes(b"one")
    os.replace(tmp_path / "b", path)  # noqa: PTH105 - the very call that is tested
    assert memory.recall(path) is None


def test_a_damaged_note_is_no_memory(tmp_path):
    """Neither rubbish nor an absent file is an error."""
    path, memory = tmp_path / "a", Memory(tmp_path / "digests")
    path.write_bytes(b"one")
    memory.remember(path, "digest")
    (note,) = (tmp_path / "digests").iterdir()
    for rubbish in (b"", b"{}", b"[1, 2"):
        note.write_bytes(rubbish)
        assert memory.recall(path) is None
    assert memory.recall(Path("/nowhere")) is None
