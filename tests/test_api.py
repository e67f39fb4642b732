"""Thinkmix in Python: the examples of its functions run, and each does what its command does."""

import doctest
import inspect
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest
from typer.main import get_command

import thinkmix
from tests.harness.builders import ROOT, Inline, flip_bit, write_recipe, write_sources
from thinkmix.flows.build import pipeline
from thinkmix.flows.cli import app
from thinkmix.schemas.errors import Blocked, NotFound, RecipeError, StoreCorrupt

FUNCTIONS = ("build", "load_version", "explain", "verify", "render_chat", "minhashes", "train")
"""In the order in which their examples need each other."""


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Path]]:
    """Run the example of a function, after that of `build`, in one folder; returns the folder."""
    folder = tmp_path_factory.mktemp("examples")
    names: dict[str, object] = {"thinkmix": thinkmix}
    ran: dict[str, str] = {}

    def run(name: str) -> Path:
        for needed in dict.fromkeys(("build", name)):
            if needed not in ran:
                ran[needed] = failures(needed, names)
            assert ran[needed] == ""
        return folder

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("datasets.config.HF_DATASETS_CACHE", folder / "cache")
        patch.setattr(socket.socket, "connect", refuse)
        yield run


def refuse(*_: object) -> None:
    """Let a test fail that wants a network."""
    msg = "the examples need no network"
    raise AssertionError(msg)


def failures(name: str, names: dict[str, object]) -> str:
    """Return what the example in a function's docstring did otherwise than it says; empty if nothing."""
    text = inspect.getdoc(getattr(thinkmix, name)) if name != "train" else inspect.getdoc(thinkmix._train)
    test = doctest.DocTestParser().get_doctest(text or "", names, name, None, None)
    assert test.examples
    test.globs = names  # not a copy: the next example goes on with what this one made
    said: list[str] = []
    doctest.DocTestRunner().run(test, out=said.append, clear_globs=False)
    return "".join(said)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_example_of_a_function_runs(example, name):
    """One after the other, as they stand in the docstrings, without a network."""
    if name == "train":
        pytest.importorskip("peft", reason="needs thinkmix[train]")
    example(name)


def test_the_python_of_its_page_runs(example):
    """docs/python.md, after the examples have built the sample: each line as it stands there."""
    pytest.importorskip("peft", reason="needs thinkmix[train]")
    example("build")
    (block,) = (ROOT / "docs" / "python.md").read_text(encoding="utf-8").split("```")[1::2]
    names: dict[str, object] = {}
    exec(block.removeprefix("python"), names)

    assert names["built"].status == "unchanged"
    assert names["text"].startswith("<|im_start|>user")


def test_every_function_is_public_and_every_public_name_is_there():
    """`__all__` is sorted, nothing in it is missing, and a wrong name is an AttributeError."""
    functions = {name for name in thinkmix.__all__ if inspect.isfunction(getattr(thinkmix, name))}

    assert functions | {"train"} == set(FUNCTIONS)
    assert dir(thinkmix) == sorted(thinkmix.__all__)
    assert issubclass(RecipeError, thinkmix.ThinkmixError)
    with pytest.raises(AttributeError, match="has no attribute 'bulid'"):
        _ = thinkmix.bulid


def test_import_takes_no_time():
    """`import thinkmix` takes at most 0.3 s: here the fastest of three, because other programs run, too."""
    script = "import time; t = time.perf_counter(); import thinkmix; print(time.perf_counter() - t)"
    took = [
        float(subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout)
        for _ in range(3)
    ]
    assert min(took) <= 0.3


@pytest.mark.parametrize(
    "first", ["", "import thinkmix.train.model.names", "import thinkmix.flows.training.run"]
)
def test_train_is_a_function_whoever_imported_the_room_of_that_name(first):
    """Python puts the room in the place of the function, and it can be called all the same."""
    script = (
        f"import thinkmix\n{first}\n"
        "try:\n    thinkmix.train('v', model='m', output='o', max_step=1)\n"
        "except thinkmix.ThinkmixError as error:\n    print(error)\n"
        "import thinkmix.train.model.names as names\nprint(names.TINY_RANDOM)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert ended.stderr == ""
    assert ended.stdout.splitlines() == ["max_step: not a setting; did you mean `max_steps`?", "tiny-random"]


LEFT_OUT = {
    "build": {"as_json", "direct", "explain_cache", "keep", "notify", "plan", "webhook"},
    "train": {"as_json", "list_presets"},
}
"""Options that say how a command speaks, or belong to builds by the clock."""


@pytest.mark.parametrize("name", LEFT_OUT)
def test_no_setting_of_a_command_is_missing(name):
    """`build` and `train` take what their commands take, but for what the command line alone needs."""
    options = {option.name for option in get_command(app).commands[name].params} - LEFT_OUT[name]
    function = thinkmix.build if name == "build" else thinkmix._train
    taken = set(inspect.signature(function).parameters) - {"progress", "settings"}

    assert taken == options


def test_examples_outlive_their_version(example, tmp_path):
    """A mixture's folder means its current version, and what was loaded is there after that is collected."""
    store = shutil.copytree(example("build") / "build" / "store", tmp_path / "store")
    version = thinkmix.verify(store / "sample-7-3")
    mixture = thinkmix.load_version(store / "sample-7-3", cache_dir=tmp_path / "cache")
    shutil.rmtree(store)

    assert version.parent.name == "versions"
    assert [len(mixture[split]) > 0 for split in ("train", "eval")] == [True, True]
    assert {"prompt", "completion", "messages"} <= set(mixture["train"][-1])


def test_a_damaged_version_is_refused(example, tmp_path):
    """Neither `verify` nor `load_version` lets it pass, loaded before or not; both name the file."""
    source = thinkmix.verify(example("load_version") / "build" / "store" / "sample-7-3")
    version = shutil.copytree(source, tmp_path / source.name)
    flip_bit(version / "train-00000-of-00001.parquet")
    (version / "README.md").unlink()
    for read in (thinkmix.verify, thinkmix.load_version):
        with pytest.raises(StoreCorrupt, match=r"README.md: missing; train-.*: sha256 differs"):
            read(version)


@pytest.mark.parametrize("read", [thinkmix.verify, thinkmix.load_version])
def test_what_is_not_there_is_said(tmp_path, read):
    """A folder that is neither a version nor a mixture is `NotFound`, as for the commands."""
    with pytest.raises(NotFound, match="is neither a version"):
        read(tmp_path)


def test_a_version_that_a_gate_holds_is_an_error(tmp_path, monkeypatch):
    """Whoever builds in Python and goes on to train must not overlook it; the version is in the store."""
    monkeypatch.setattr(pipeline, "workers", lambda *_: Inline())
    stated = write_recipe(write_sources(tmp_path) / "small.yaml")
    good = thinkmix.build(stated, store=tmp_path / "store", progress=False)
    write_sources(tmp_path, number=40)
    with pytest.raises(Blocked, match="fewer rows than the last good build"):
        thinkmix.build(stated, store=tmp_path / "store", progress=False)

    assert thinkmix.verify(tmp_path / "store" / "small") == good.version
    assert len(list(good.version.parent.iterdir())) == 2


@pytest.mark.deep  # it reads the types of all libraries: 44 s of CPU the first time
def test_a_script_that_uses_it_passes_a_strict_type_checker(tmp_path):
    """What the functions return has types, and a wrong name, argument or use of a result is found."""
    pytest.importorskip("mypy")
    script = """
from pathlib import Path

import thinkmix


def main(recipe: Path) -> str:
    try:
        built: thinkmix.Built = thinkmix.build(recipe, store="s", workers=2, size=100)
    except thinkmix.ThinkmixError as error:
        return error.code
    whole: Path = thinkmix.verify(built.version)
    told: thinkmix.Explanation = thinkmix.explain("3f", version=whole)
    reasons: list[str | None] = [row.reason for row in told.rows]
    result: thinkmix.TrainResult = thinkmix.train(whole, model="tiny-random", output="a", max_steps=2)
    rows: int = len(thinkmix.load_version(whole)["train"])
    text: str = thinkmix.render_chat([{"role": "user", "content": "hi"}])
    same: float = thinkmix.minhashes(["a b"])[0].jaccard(thinkmix.minhashes(["a c"])[0])
    return f"{thinkmix.__version__} {reasons} {result.losses[-1]} {rows} {text} {same}"


thinkmix.bulid  # type: ignore[attr-defined]
thinkmix.build("a", workers="2")  # type: ignore[arg-type]
thinkmix.verify("a") + 1  # type: ignore[operator]
"""
    (tmp_path / "script.py").write_text(script)
    cache = ROOT / ".mypy_cache" / "script"  # the first time it reads all libraries
    ended = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", cache, "script.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout == "Success: no issues found in 1 source file\n"


def test_the_installed_command_runs_no_foreign_code(example, tmp_path):
    """Beside hostile files of the rooms' names the wheel builds the same mixture as the checkout."""
    current = (example("build") / "build" / "store" / "sample-7-3" / "CURRENT").read_text().strip()
    installed, hostile = tmp_path / "installed", tmp_path / "hostile"
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path], cwd=ROOT, check=True
    )
    (wheel,) = tmp_path.glob("*.whl")
    with ZipFile(wheel) as archive:
        archive.extractall(installed)
    keep_kernels(installed / "thinkmix" / "curation")
    for name in ("data/__init__.py", "templates/__init__.py", "schemas.py", "flows.py", "train.py"):
        (hostile / name).parent.mkdir(parents=True, exist_ok=True)
        (hostile / name).write_text("raise SystemExit('foreign code runs')\n")
    command = (
        "import sys, thinkmix\nprint(thinkmix.__file__, file=sys.stderr)\n"
        "from thinkmix.flows.cli import main\nmain()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", command, "build", "sample-7-3", "--workers", "1", "--json"],
        cwd=hostile,
        env={**os.environ, "PYTHONPATH": f".{os.pathsep}{installed}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, f"{installed / 'thinkmix' / '__init__.py'}\n")
    assert (hostile / "build/store/sample-7-3/CURRENT").read_text().strip() == current


def keep_kernels(installed: Path) -> None:
    """Give an installed room the machine code of ours, which it would take half a minute to make again."""
    ours = ROOT / "curation"
    for path in [*ours.rglob("*.nbi"), *ours.rglob("*.nbc")]:
        target = installed / path.relative_to(ours)
        target.parent.mkdir(exist_ok=True)
        shutil.copy(path, target)
    for path in installed.rglob("*.py"):
        shutil.copystat(
            ours / path.relative_to(installed), path
        )  # what it was made from is told by size and time
