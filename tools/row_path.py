"""Count how far rows travel through the code: `python -m tools.row_path` traces a build of 40 rows.

A step is a call from one of our functions to another; libraries between the two are not seen. Counted from
the first row that is validated to the last shard that is gathered, in one process.
"""

import json
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any
from unittest.mock import patch

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "thinkmix"

_ROWS = {"cot-00000-of-00004.parquet": 14, "chat-00000-of-00001.parquet": 14, "tools.jsonl": 12}


@dataclass
class RowPath:
    """What was counted."""

    changes: int = 0
    """Steps to another file."""
    up: int = 0
    """Steps to a room that stands higher: of the whole house, or of the same room's own rooms."""
    files: set[str] = field(default_factory=set)

    def note(self, frame: FrameType, event: str, _: object) -> None:
        """Count a step; a profile function of `sys.setprofile`."""
        if event != "call" or frame.f_lasti > _BEGUN or (there := _ours(frame)) is None:
            return
        self.files.add(there)
        caller, here = frame.f_back, None
        while caller is not None and (here := _ours(caller)) is None:
            caller = caller.f_back
        if here is None or here == there:
            return
        self.changes += 1
        self.up += goes_up(here, there)


@cache
def floors() -> Mapping[str, int]:
    """Return how high each room stands, by its folder: what import-linter's layers in pyproject.toml say."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    found = {}
    for contract in settings["contracts"]:
        if contract["type"] == "layers":
            (container,) = contract["containers"]
            above = container.removeprefix(PACKAGE).lstrip(".").replace(".", "/")
            for height, layer in enumerate(reversed(contract["layers"])):
                for room in layer.split(" | "):
                    found[f"{above}/{room}".lstrip("/")] = height
    return found


def goes_up(here: str, there: str) -> bool:
    """Return whether a call from one file to another goes to a higher room."""
    one, other = here.split("/"), there.split("/")
    depth = next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
    low, high = (floors().get("/".join(parts[: depth + 1]).removesuffix(".py")) for parts in (one, other))
    return low is not None and high is not None and high > low


class _Inline:
    """Workers that work here and now, so that every step is seen."""

    def run(self, jobs: Sequence[Any], *, done: Callable[[Any, Any], None]) -> list[Any]:
        """Run one job after the other."""
        results = []
        for job in jobs:
            results.append(job.call())
            done(job, results[-1])
        return results


_BEGUN = 4
"""A frame beyond its first instructions is a generator that is resumed, which does not count as a call."""

_FILES: dict[str, str | None] = {}


def _ours(frame: FrameType) -> str | None:
    """Return the file of one of our functions, as `room/file.py`; None for everything else."""
    name = frame.f_code.co_filename
    if name not in _FILES:
        path = Path(name).resolve()  # the package leads to the rooms by links
        inside = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else ""
        _FILES[name] = inside if inside.partition("/")[0] in floors() else None
    return _FILES[name]


def _sample(folder: Path) -> Path:
    """Write 40 rows of the embedded sample, and the recipe that mixes them."""
    import polars as pl  # noqa: PLC0415 - a second

    samples = ROOT / "data" / "samples"
    for name, rows in _ROWS.items():
        if name.endswith(".parquet"):
            pl.read_parquet(samples / name).head(rows).write_parquet(folder / name)
        else:
            lines = (samples / name).read_bytes().splitlines(keepends=True)[:rows]
            (folder / name).write_bytes(b"".join(lines))
    recipe = (ROOT / "data" / "recipes" / "sample-7-3.yaml").read_text().replace("../samples/", "")
    (folder / "recipe.yaml").write_text(recipe)
    return folder / "recipe.yaml"


class _Steps:
    """Steps of a build, of which those from validation to the published shards are traced."""

    def __init__(self, path: RowPath) -> None:
        self.path = path

    def __call__(self, name: str, function: Callable[..., Any], /) -> Callable[..., Any]:
        """Return the stage, after or before which tracing begins or ends."""

        def stage(*args: object, **settings: object) -> object:
            if name.startswith("validate"):
                sys.setprofile(self.path.note)
            try:
                return function(*args, **settings)
            finally:
                if name == "publish shards":
                    sys.setprofile(None)

        return stage


@contextmanager
def _inline(*_: object) -> Iterator[_Inline]:
    yield _Inline()


def walk() -> RowPath:
    """Build the 40 rows, and return what was counted."""
    from thinkmix.flows.build import pipeline  # noqa: PLC0415 - imported here, so that all of it is there before tracing
    from thinkmix.flows.build.watch import Watch  # noqa: PLC0415
    from thinkmix.flows.recipe.recipes import load  # noqa: PLC0415
    from thinkmix.flows.store.store import Store  # noqa: PLC0415

    path = RowPath()
    with TemporaryDirectory() as name:
        located = load(str(_sample(Path(name))))
        with patch.object(pipeline, "workers", _inline):
            for store in ("warm", "traced"):  # what a process does once is done by the first
                path = RowPath()
                pipeline.build(
                    located.recipe,
                    Store(Path(name) / store),
                    base=located.base,
                    watch=Watch(step=_Steps(path)),
                )
    return path


if __name__ == "__main__":
    found = walk()
    json.dump({"changes": found.changes, "files": len(found.files), "up": found.up}, sys.stdout)
    sys.stdout.write("\n")
