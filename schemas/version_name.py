"""The name of a version: a digest of what it holds and was made from, whatever source files are called."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import orjson

from thinkmix.schemas.manifest import SPLITS

_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
_NAMING = ("commit", "revision", "matched")
"""What a source's entry says of the names of its files: a commit changes if a file is renamed."""


def seal(manifest: Mapping[str, object]) -> bytes:
    """Return the bytes of `manifest.json`: its fields, and in `seal` the sha256 of these fields' bytes."""
    return orjson.dumps({**manifest, "seal": sha256(_bytes(manifest)).hexdigest()}, option=_OPTIONS)


def version_name(manifest: bytes) -> str:
    """Return the name of the version whose `manifest.json` holds these bytes.

    It covers all fields but those that follow from how a source's files are called: commit, revision and
    patterns, names of files, rows that were left out by their places, and the digests of files that state
    file and row. What these digests cover is in the name all the same: outcomes, dropped rows and report
    follow from the contents of the source's files, the recipe, the code and the libraries.

    A manifest without a seal is of an earlier release, which called a version by the sha256 of its manifest.

    Raises:
        ValueError: if a byte is not what it was when the manifest was sealed.
    """
    stated = orjson.loads(manifest)
    if not isinstance(stated, dict) or stated.get("seal") is None:
        return sha256(manifest).hexdigest()
    del stated["seal"]
    if seal(stated) != manifest:
        msg = "its seal is broken"
        raise ValueError(msg)
    named = {name: value for name, value in stated.items() if name not in ("left_out", "sources", "files")}
    named["sources"] = [_without_names(source) for source in stated["sources"]]
    shards = tuple(f"{split}-" for split in SPLITS)
    named["files"] = {name: entry for name, entry in stated["files"].items() if name.startswith(shards)}
    return sha256(_bytes(named)).hexdigest()


def _without_names(source: Mapping[str, Any]) -> dict[str, object]:
    """Return a source's entry with the contents of its files alone, in the order of their digests."""
    kept: dict[str, object] = {name: value for name, value in source.items() if name not in _NAMING}
    contents = [{name: value for name, value in file.items() if name != "name"} for file in source["files"]]
    kept["files"] = sorted(contents, key=lambda file: str(file["sha256"]))
    return kept


def _bytes(fields: Mapping[str, object]) -> bytes:
    return orjson.dumps(fields, option=_OPTIONS)
