"""Files of JSON lines, to which lines are only added: one that was cut off costs itself alone."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import orjson


def append_lines(path: Path, *facts: Mapping[str, object]) -> None:
    """Add lines of JSON to a file, each a line of its own even if the one before was cut off."""
    with path.open("ab+") as lines:
        if lines.tell():
            lines.seek(-1, os.SEEK_END)
            if lines.read(1) != b"\n":  # a line that a full disk cut off stays one line
                lines.write(b"\n")
        lines.writelines(orjson.dumps(line) + b"\n" for line in facts)


def read_lines(path: Path) -> list[Mapping[str, object]]:
    """Return the lines of a file, but for those that were cut off; none if there is no file."""
    found = []
    with suppress(FileNotFoundError):
        for line in path.read_bytes().splitlines():
            with suppress(ValueError):
                found.append(orjson.loads(line))
    return [line for line in found if isinstance(line, dict)]
