"""The token of whoever builds: in no output, log, report or file, however a command ends."""

import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.harness.builders import Inline, flip_bit, quick_build, recipe, statement, write_recipe
from thinkmix.flows.build import inputs
from thinkmix.flows.build import pipeline as pipeline_room
from thinkmix.flows.cli import main
from thinkmix.flows.sources.patience import Patience
from thinkmix.flows.store.paths import open_version
from thinkmix.flows.store.store import Store

CANARY = "hf_canaryCANARYcanary0123456789"


def hub_recipe(folder: Path, **changes: object) -> Path:
    """Write a recipe whose chats come from a hub."""
    chat = statement()["sources"][1] | {"kind": "hub", "dataset": "org/chat", "files": ["data/*.jsonl"]}
    return write_recipe(folder / "hub.yaml", sources=[statement()["sources"][0], chat], **changes)


def broken(path: Path) -> Path:
    """Flip a bit and return the version."""
    version = open_version(path)
    flip_bit(version / "README.md")
    return version


MISTAKES: dict[str, Callable[[Path, Path], list[object]]] = {
    "no hub": lambda base, store: ["build", hub_recipe(base), "--store", store, "--direct"],
    "impossible size": lambda base, store: [
        *(
            "build",
            write_recipe(base / "big.yaml", size=10**6, when_short="fail"),
            "--store",
            store,
            "--direct",
        )
    ],
    "no such files": lambda base, store: [
        *("build", write_recipe(base / "gone.yaml", name="gone"), "--store", store, "--direct")
    ],
    "bad recipe": lambda base, store: ["build", write_recipe(base / "bad.yaml", max_tokens=0), "--direct"],
    "unknown recipe": lambda base, store: ["build", "nothing", "--direct"],
    "bad flag": lambda base, store: ["build", "sample-7-3", "--size", "none"],
    "damaged version": lambda base, store: ["verify", broken(store / "small")],
    "unknown row": lambda base, store: ["explain", "feed", "--in", store / "small"],
    "no version": lambda base, store: ["report", base],
    "no training": lambda base, store: ["train", base, "--output", base / "out"],
}


@pytest.mark.acceptance("A26")
def test_token_is_in_no_output_and_no_file(
    sources: Path, store_copy: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    """Ten commands that fail, and one that does not, with a token in the environment: it is nowhere."""
    store, base = store_copy(), shutil.copytree(sources, tmp_path / "base")
    env = {
        "HF_TOKEN": CANARY,
        "HF_ENDPOINT": f"http://user:{CANARY}@127.0.0.1:1",
        "MODELSCOPE_API_TOKEN": CANARY,
    }
    for key, value in env.items():
        monkeypatch.setenv(key, value)
    impatient = partial(inputs.sources.resolve, patience=Patience(tries=1))
    monkeypatch.setattr(inputs.sources, "resolve", impatient)
    monkeypatch.setattr(pipeline_room, "workers", lambda *_: Inline())
    for name, command in MISTAKES.items():
        if name == "no such files":
            shutil.rmtree(base / "math")
        monkeypatch.setattr(sys, "argv", ["thinkmix", *map(str, command(base, store))])
        with pytest.raises(SystemExit) as ended:
            main()
        written = capsys.readouterr()
        assert ended.value.code not in (None, 0, 1), (name, written.err)
        assert CANARY not in written.out + written.err, name
    quick_build(recipe(seed=12), store, sources)
    paths = [path for folder in (store, base) for path in folder.rglob("*") if path.is_file()]
    assert len(paths) > 50
    assert [path for path in paths if CANARY.encode() in path.read_bytes()] == []
    assert Store(store).log.runs("small")[-1]["status"] == "published"
