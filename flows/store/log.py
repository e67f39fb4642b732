"""The run log of a store: how the runs of its mixtures ended, what they left to read, what people decided."""

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import orjson

from thinkmix.flows.store.atomic import commit, scratch_folder, sync, write_atomically
from thinkmix.flows.store.disk_errors import full_disk
from thinkmix.flows.store.json_lines import append_lines, read_lines

FAILED = "failed.json"
"""What a run left that made no version."""


@dataclass(frozen=True)
class RunLog:
    """What a store notes of the runs of its mixtures."""

    root: Path
    """The store."""

    def record_run(self, mixture: str, facts: Mapping[str, object]) -> None:
        """Append one line to the mixture's history of runs; clock and host belong here only."""
        with full_disk(self.root):
            append_lines(self.root / mixture / "runs.jsonl", facts)

    def runs(self, mixture: str) -> list[Mapping[str, object]]:
        """Return the mixture's history of runs, oldest first, but for lines that were cut off."""
        return read_lines(self.root / mixture / "runs.jsonl")

    def record_approval(self, mixture: str, facts: Mapping[str, object]) -> None:
        """Append a line to the list of blocked versions that a person approved; it is on the disk by then."""
        self._record_decision(self.root / mixture / "accepted.jsonl", facts)

    def approvals(self, mixture: str) -> list[Mapping[str, object]]:
        """Return the blocked versions that a person approved, oldest first, without lines that were cut."""
        return read_lines(self.root / mixture / "accepted.jsonl")

    def record_rollback(self, mixture: str, facts: Mapping[str, object]) -> None:
        """Append one line to the list of returns to earlier versions; it is on the disk by then."""
        self._record_decision(self.root / mixture / "rollbacks.jsonl", facts)

    def rollbacks(self, mixture: str) -> list[Mapping[str, object]]:
        """Return the returns to earlier versions, oldest first, but for lines that were cut off."""
        return read_lines(self.root / mixture / "rollbacks.jsonl")

    def record_training(self, mixture: str, facts: Mapping[str, object]) -> None:
        """Append one line to the history of trainings that followed the mixture's builds."""
        with full_disk(self.root):
            append_lines(self.root / mixture / "trainings.jsonl", facts)

    def trainings(self, mixture: str) -> list[Mapping[str, object]]:
        """Return the trainings that followed builds, oldest first, but for lines that were cut off."""
        return read_lines(self.root / mixture / "trainings.jsonl")

    def trained(self, mixture: str) -> Path:
        """Return the folder of what was trained on the mixture's versions."""
        return self.root / mixture / "trained"

    def note_running(self, mixture: str, facts: Mapping[str, object] | None) -> None:
        """Note which build holds the mixture's lock; None says that it has ended."""
        note = self.root / mixture / "running.json"
        with full_disk(self.root):
            if facts is None:
                note.unlink(missing_ok=True)
            else:
                write_atomically(note, orjson.dumps(facts, option=orjson.OPT_SORT_KEYS))

    def noted_running(self, mixture: str) -> bytes | None:
        """Return what was noted of a build that holds the mixture's lock, or held it until it was killed."""
        with suppress(FileNotFoundError):
            return (self.root / mixture / "running.json").read_bytes()
        return None

    def record_places(self, mixture: str, places: Mapping[str, Mapping[str, str]]) -> None:
        """Note where each source's files lie, so that rows a version does not hold can be opened again.

        Args:
            mixture: whose sources they are.
            places: path by source and sha256 of the file, which may be called something else in a version.
        """
        with full_disk(self.root):
            content = orjson.dumps(places, option=orjson.OPT_SORT_KEYS)
            write_atomically(self.root / mixture / "places.json", content)

    def places(self, mixture: str) -> Mapping[str, Mapping[str, str]]:
        """Return path by source and sha256 of the file, of the last build here; empty if none is known."""
        try:
            noted: Mapping[str, Mapping[str, str]] = orjson.loads(
                (self.root / mixture / "places.json").read_bytes()
            )
        except (OSError, ValueError):
            return {}
        return noted

    def write_run(self, mixture: str, run: str, files: Mapping[str, bytes]) -> Path:
        """Write the folder of one run, whole or not at all, and return where it lies."""
        folder = self.root / mixture / "runs" / run
        with scratch_folder(folder.parent) as scratch:
            for name, content in files.items():
                (scratch / name).write_bytes(content)
            commit(scratch, folder, whole=lambda _: False)
        return folder

    def show_front(self, mixture: str, page: Path) -> None:
        """Make a run's page the mixture's `report.html`, the one that is opened in the morning."""
        front = self.root / mixture / "report.html"
        temporary = front.with_name(f".{front.name}.{os.getpid()}")
        with full_disk(self.root):
            temporary.unlink(missing_ok=True)
            try:
                os.link(page, temporary)  # takes no room
            except OSError:  # a file system without links
                shutil.copyfile(page, temporary)
            temporary.replace(front)
            sync(front.parent)

    def write_front(self, mixture: str, page: bytes) -> None:
        """Replace the mixture's `report.html` by a page that belongs to no run."""
        with full_disk(self.root):
            write_atomically(self.root / mixture / "report.html", page)

    def _record_decision(self, path: Path, facts: Mapping[str, object]) -> None:
        """Append one line that a power loss must not take away: nobody would decide the same twice."""
        with full_disk(self.root):
            append_lines(path, facts)
            sync(path)
            sync(path.parent)
