"""What a build does when the world breaks under it: full disks, vanished files, impossible shares, rot."""

import json
import os
import resource
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from tests.harness.builders import (
    ROOT,
    chat_row,
    flip_bit,
    quick_build,
    recipe,
    thinkmix,
    write_recipe,
    write_rows,
)
from thinkmix.curation.publish import assemble
from thinkmix.flows.build.watch import Watch, directly
from thinkmix.flows.store.paths import open_version
from thinkmix.flows.store.store import Store
from thinkmix.flows.store.versions import problems
from thinkmix.schemas.errors import LedgerError, MixtureError, SourceCorrupt, SourceNotFound, StoreCorrupt


def may_mount(folder: Path) -> bool:
    """Return whether this process may put a small disk of its own at `folder`."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    command = ["unshare", "-m", "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def runs(store: Path) -> list[dict[str, object]]:
    """Return the history of the small mixture."""
    return [json.loads(line) for line in (store / "small" / "runs.jsonl").read_bytes().splitlines()]


def before(stage: str, harm):
    """Return a step that does harm before a stage of that name runs."""

    def step(name, function):
        if name == stage:
            harm()
        return directly(name, function)

    return step


@pytest.mark.acceptance("A15")
@pytest.mark.parametrize(
    "heights",
    [(0, 0.3, 0.6, 0.9), pytest.param((0, 0.1, 0.2, 0.4, 0.5, 0.7, 0.8, 0.85, 0.95), marks=pytest.mark.deep)],
    ids=len,
)
def test_full_disk_at_any_height_keeps_the_good_version(heights, sources, tmp_path):
    """Wherever the disk fills up: one error, the old version stays, nothing half is left, a rerun is good."""
    if not may_mount(tmp_path):
        pytest.skip("needs root and mount namespaces for a small disk of its own")
    disk = tmp_path / "disk"
    disk.mkdir()
    shell = 'mount -t tmpfs -o size=12m tmpfs "$1" && exec "$0" -m tests.harness.full_disk "$@"'
    ended = subprocess.run(
        ["unshare", "-m", "sh", "-c", shell, sys.executable, str(disk), str(sources), *map(str, heights)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert ended.returncode == 0, ended.stderr
    tries = json.loads(ended.stdout)
    *full, roomy = tries
    assert {done["first"] for done in full} == {"StoreFull 5"}
    assert all(done["kept"] for done in full)
    assert roomy["first"] == roomy["second"]
    assert {done["second"] for done in tries} == {roomy["first"]}
    assert [done["problems"] for done in tries] == [[]] * len(tries)
    assert [done["left"] for done in tries] == [[]] * len(tries)


@pytest.mark.acceptance("A15")
def test_full_disk_under_workers_has_exit_code_5(sources, store_copy, built):
    """A worker that cannot write ends the command with one sentence and leaves what was published."""
    store = store_copy()
    stated = write_recipe(sources / "seed-9.yaml", seed=9, max_tokens=400)
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (3000, 3000))
    env = {"PYTHONDONTWRITEBYTECODE": "1"}  # Python does not notice bytecode that is cut off by the limit
    command = ("build", stated, "--store", store, "--direct", "--workers", 1)
    ended = thinkmix(*command, preexec_fn=limit, env=env)
    assert ended.returncode == 5, ended.stderr
    assert "no space left under" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert open_version(store / "small").name == built.digest
    assert problems(open_version(store / "small")) == []


@pytest.mark.acceptance("A16")
@pytest.mark.deep
def test_read_only_store_is_said(sources, store_copy, built):
    """A store on a disk that may only be read ends the command with one sentence and changes nothing."""
    store = store_copy()
    if not may_mount(store.parent):
        pytest.skip("needs root and mount namespaces for a read-only disk of its own")
    stated = write_recipe(sources / "seed-10.yaml", seed=10)
    shell = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$0" "$@"'
    command = (sys.executable, store, "-c", "from thinkmix.flows.cli import main; main()")
    ended = subprocess.run(
        [
            "unshare",
            "-m",
            "sh",
            "-c",
            shell,
            *map(str, command),
            "build",
            stated,
            "--store",
            store,
            "--direct",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 5, ended.stderr
    assert "Read-only file system" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert open_version(store / "small").name == built.digest


@pytest.mark.acceptance("A5")
def test_busy_mixture_has_exit_code_75(sources, store_copy):
    """A second build of a mixture ends at once with the code that tells schedulers to try later."""
    store = store_copy()
    stated = write_recipe(sources / "busy.yaml")
    with Store(store).lock("small"):
        ended = thinkmix("build", stated, "--store", store, "--direct")
    assert ended.returncode == 75, ended.stderr
    assert "thinkmix: another build of small is running" in ended.stderr


def test_failed_builds_leave_the_good_version(sources, store_copy, built, tmp_path):
    """A vanished source and shares that cannot be reached fail, are written down, and change nothing."""
    store = store_copy()
    base = tmp_path / "base"
    shutil.copytree(sources, base)
    with pytest.raises(MixtureError, match="too little for a size of 1000"):
        quick_build(recipe(size=1000, when_short="fail"), store, base)
    (base / "chat" / "0.jsonl").unlink()
    (base / "chat" / "1.jsonl").unlink()
    with pytest.raises(SourceNotFound, match="no file matches"):
        quick_build(recipe(), store, base)
    assert [(run["status"], run.get("error")) for run in runs(store)] == [
        ("published", None),
        ("failed", "mixture_error"),
        ("failed", "source_not_found"),
    ]
    assert open_version(store / "small").name == built.digest
    assert problems(open_version(store / "small")) == []
    assert list((store / "small" / "versions").iterdir()) == [open_version(store / "small")]


def test_history_says_how_runs_ended(sources, store_copy, built):
    """Each run is one line: when, how long, how it ended, which version, how much was reused."""
    store = store_copy()
    quick_build(recipe(), store, sources)
    first, second = runs(store)
    assert (first["status"], second["status"]) == ("published", "unchanged")
    assert first["version"] == second["version"] == built.digest
    assert (first["reused"], first["made"]) == (0, built.made)
    assert (second["reused"], second["made"]) == (0, 0)
    assert second["seconds"] >= 0
    assert second["started"] >= first["started"]


def test_interrupted_build_is_written_down(sources, store_copy):
    """Ctrl-C in the middle is in the history, too."""
    store = store_copy()

    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        quick_build(recipe(), store, sources, watch=Watch(step=before("compare", interrupt)))
    assert (runs(store)[-1]["status"], runs(store)[-1]["error"]) == ("failed", "KeyboardInterrupt")


@pytest.mark.acceptance("A12")
def test_source_that_changes_under_a_build_ends_it(sources, tmp_path):
    """A local file that changes after it was hashed is refused, and leaves no wrong rows in the cache."""
    base = shutil.copytree(sources, tmp_path / "base")
    path = base / "chat" / "0.jsonl"
    original = path.read_bytes()
    change = partial(write_rows, path, [chat_row("Other?", "Other.")])
    with pytest.raises(SourceCorrupt, match="changed during the build"):
        quick_build(recipe(), tmp_path / "store", base, watch=Watch(step=before("validate chat", change)))
    path.write_bytes(original)
    again = quick_build(recipe(), tmp_path / "store", base)
    assert again.manifest.ledger.of("validate")["chat"].read.rows == len(
        b"".join(part.read_bytes() for part in (base / "chat").iterdir()).splitlines()
    )


@pytest.mark.acceptance("A12")
def test_rot_between_the_last_stage_and_the_publish_is_found(sources, tmp_path):
    """A shard that changes on the disk after it was written is not blessed by the manifest."""

    def rot():
        for path in (tmp_path / ".cache" / "shards").glob("*/train-*.parquet"):
            flip_bit(path)

    with pytest.raises(StoreCorrupt, match=r"train-00000-of-00001\.parquet changed on the disk"):
        quick_build(recipe(), tmp_path, sources, watch=Watch(step=before("publish", rot)))
    assert Store(tmp_path).versions.current("small") is None
    assert problems(quick_build(recipe(), tmp_path, sources).version) == []


@pytest.mark.acceptance("A7")
def test_writer_that_loses_rows_is_found(sources, tmp_path, monkeypatch):
    """Rows that a writer lost without an error are missed before anything is published."""
    real = assemble.publish_shard

    def lossy(parts, out, **more):
        content = real(parts, out, **more)
        pl.read_parquet(out).head(1).write_parquet(out)
        return content

    monkeypatch.setattr(assemble, "publish_shard", lossy)
    with pytest.raises(LedgerError, match="hold 1 rows, but"):
        quick_build(recipe(), tmp_path, sources)
    assert Store(tmp_path).versions.current("small") is None
