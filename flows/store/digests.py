"""Digests of files and of values, and JSON whose bytes depend on the value alone."""

from hashlib import file_digest, sha256
from pathlib import Path

import orjson

MANIFEST = "manifest.json"
"""The file of an output or a version that names its files and their digests."""

SHORT = 12
"""Digits of a version by which folders are named that are made of it."""


def digest(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()


def key_of(**parts: object) -> str:
    """Return the digest that names a stage's output: of all that decides it."""
    return sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS, default=str)).hexdigest()


def write_json(path: Path, value: object) -> None:
    """Write JSON whose bytes depend on the value alone: sorted keys, two spaces, a final newline."""
    options = orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    path.write_bytes(orjson.dumps(value, option=options))
