"""What else decides an output besides its inputs: our own code and the libraries it runs on."""

from collections.abc import Iterator, Mapping
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable

LIBRARIES = (
    "charset-normalizer",
    "jinja2",
    "llvmlite",
    "numba",
    "numpy",
    "orjson",
    "polars",
    "pyarrow",
    "pydantic",
    "quicktok-v1",
    "scipy",
    "tokenizers",
)
"""Libraries whose change may change a byte of the mixture."""

ROOMS = ("schemas", "templates", "curation")
"""Rooms whose code decides what a row becomes."""

AFTERWARDS = ("schemas/training.py",)
"""What of them says how a finished mixture is trained on: no stage reads it."""

STAGES = (
    "build/jobs.py",
    "build/layouts.py",
    "build/validate.py",
    "build/decontaminate.py",
    "build/dedup.py",
    "build/drawing.py",
    "build/gathering.py",
    "build/figures.py",
    "recipe/recipe.py",
    "sources/settings.py",
)
"""What of `flows` does, too: the work of the stages, and what a recipe may say."""


@cache
def library_versions() -> Mapping[str, str]:
    """Return the installed versions of `LIBRARIES`."""
    return {name: version(name) for name in LIBRARIES}


@cache
def code_digest() -> str:
    """Return one sha256 over our sources and library versions.

    The whole rooms, not only the function called: an edited helper must not leave stale output.
    """
    content = sha256()
    for name, path in sorted(sources().items()):
        content.update(f"{name}\0".encode() + path.read_bytes() + b"\0")
    for name, number in sorted(library_versions().items()):
        content.update(f"{name}=={number}\0".encode())
    return content.hexdigest()


def sources() -> dict[str, Traversable]:
    """Return the files that decide a byte of the mixture, by name: `curation/sample/mix.py`."""
    found = {name: path for room in ROOMS for name, path in _sources(files(f"thinkmix.{room}"), room)}
    return found | {f"flows/{name}": files("thinkmix.flows") / name for name in STAGES}


def _sources(folder: Traversable, name: str) -> Iterator[tuple[str, Traversable]]:
    """Yield the source files of a room and of all rooms in it, with their paths."""
    for path in folder.iterdir():
        inside = f"{name}/{path.name}"
        if path.is_dir():
            yield from _sources(path, inside)
        elif path.name.endswith((".py", ".jinja")) and inside not in AFTERWARDS:
            yield inside, path
