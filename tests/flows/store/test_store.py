"""The store: versions that are whole or not there, a cache that is not believed, one builder at a time."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.harness.builders import ROOT, STAGES, flip_bit, forget, python, quick_build, recipe
from thinkmix.flows.store.cache import StageOutput, _intact
from thinkmix.flows.store.digests import MANIFEST, digest, write_json
from thinkmix.flows.store.disk_errors import full_disk
from thinkmix.flows.store.paths import open_version
from thinkmix.flows.store.store import Store, make_root
from thinkmix.flows.store.versions import Versions, problems
from thinkmix.schemas.errors import NotFound, StoreBusy, StoreCorrupt, StoreError, StoreFull


def crash(protocol: str, damage: str, every: int, folder: Path) -> dict:
    """Run the crash points of a protocol and return what was found."""
    ended = python("-m", "tests.harness.crash_points", protocol, damage, every, folder)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def damaged_nothing(folder: Path) -> dict[str, object]:
    """Make the smallest stage output."""
    (folder / "rows").write_bytes(b"rows")
    return {"rows": 4}


@pytest.mark.acceptance("A1")
@pytest.mark.parametrize("damage", ["kill", "torn", "patchy", "undone", "reordered", "vanished"])
def test_reader_sees_old_or_new_version_after_any_crash(damage: str, tmp_path: Path) -> None:
    """Whichever operation of a publish is its last, CURRENT leads to a whole version and a rerun repairs."""
    found = crash("safe", damage, 1, tmp_path / "points")
    assert found["violations"] == []
    assert found["points"] >= 20


@pytest.mark.acceptance("A16")
@pytest.mark.parametrize("damage", ["error", "full"])
def test_operation_that_fails_harms_nothing(damage: str, tmp_path: Path) -> None:
    """Whichever operation of a publish the disk refuses, a reader finds a version and a rerun repairs."""
    found = crash("safe", damage, 1, tmp_path / "points")
    assert found["violations"] == []
    assert found["points"] >= 20


@pytest.mark.acceptance("A3")
@pytest.mark.parametrize(
    ("protocol", "damage"),
    [("naive", "kill"), ("skipping", "kill"), ("unsynced", "torn"), ("unsynced", "reordered")],
)
def test_crash_points_catch_careless_protocols(protocol: str, damage: str, tmp_path: Path) -> None:
    """Writing in place, or never asking the disk to finish, is reported by the same harness."""
    assert crash(protocol, damage, 1, tmp_path / "points")["violations"] != []


@pytest.mark.acceptance("A4")
def test_failure_after_the_pointer_moved_is_not_published_twice(sources, store_copy, tmp_path, monkeypatch):
    """A publish that landed but was reported failed leaves one version, and the rerun changes nothing."""
    real = Versions.promote

    def landed(versions: Versions, mixture: str, version: Path) -> None:
        real(versions, mixture, version)
        msg = "the line went dead"
        raise ConnectionError(msg)

    with monkeypatch.context() as patch:
        patch.setattr(Versions, "promote", landed)
        with pytest.raises(ConnectionError):
            quick_build(recipe(), tmp_path / "new", sources)
    again = quick_build(recipe(), tmp_path / "new", sources)
    assert (again.status, again.made) == ("unchanged", 0)
    assert [path.name for path in (tmp_path / "new" / "small" / "versions").iterdir()] == [again.digest]


@pytest.mark.acceptance("A12")
def test_every_file_of_a_version_is_hashed(version: Path, tmp_path: Path) -> None:
    """One flipped bit at the start, middle or end of any file is named by `problems`."""
    copy = shutil.copytree(version, tmp_path / version.name)
    assert problems(copy) == []
    paths = [path for path in sorted(copy.rglob("*")) if path.is_file() and path.name != MANIFEST]
    assert len(paths) == 8
    for path in paths:
        size = path.stat().st_size * 8
        for bit in (0, size // 2, size - 1):
            flip_bit(path, bit)
            assert problems(copy) == [f"{path.relative_to(copy)}: sha256 differs from the manifest"]
            flip_bit(path, bit)
    assert problems(copy) == []


@pytest.mark.acceptance("A12")
def test_any_bit_of_the_manifest_counts(version: Path, tmp_path: Path) -> None:
    """A bit flipped anywhere in the manifest is a problem of the manifest, never a traceback."""
    copy = shutil.copytree(version, tmp_path / version.name)
    size = (copy / MANIFEST).stat().st_size * 8
    for bit in range(3, size, size // 150):
        flip_bit(copy / MANIFEST, bit)
        assert problems(copy)[0].startswith(MANIFEST)
        flip_bit(copy / MANIFEST, bit)
    assert problems(copy) == []


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'{"files": []}', b'{"files": {"a": 1}}', b'{"files": {"a": {}}}', b"\xff"],
)
def test_manifest_of_another_shape_is_a_problem(content: bytes, tmp_path: Path) -> None:
    """A manifest with other content is reported in one sentence."""
    (tmp_path / MANIFEST).write_bytes(content)
    assert problems(tmp_path)[0].startswith(f"{MANIFEST}: ")


@pytest.mark.acceptance("A13")
def test_shape_of_a_version_is_checked(version: Path, tmp_path: Path) -> None:
    """Cut, emptied, swapped, added, linked and missing files are each named."""
    copy = shutil.copytree(version, tmp_path / version.name)
    train, evals = copy / "train-00000-of-00001.parquet", copy / "eval-00000-of-00001.parquet"
    os.truncate(train, train.stat().st_size // 2)
    os.truncate(copy / "README.md", 0)
    (copy / "outcomes" / "chat.parquet").rename(copy / "swap")
    (copy / "outcomes" / "math.parquet").rename(copy / "outcomes" / "chat.parquet")
    (copy / "swap").rename(copy / "outcomes" / "math.parquet")
    shutil.copy(train, copy / "train-00001-of-00001.parquet")
    evals.rename(tmp_path / "elsewhere")
    evals.symlink_to(tmp_path / "elsewhere")
    (copy / "report.json").unlink()
    (copy / "rejects" / "math-00000-of-00001.parquet").unlink()
    (copy / "rejects" / "math-00000-of-00001.parquet").mkdir()
    assert set(problems(copy)) == {
        "train-00000-of-00001.parquet: sha256 differs from the manifest",
        "README.md: sha256 differs from the manifest",
        "outcomes/chat.parquet: sha256 differs from the manifest",
        "outcomes/math.parquet: sha256 differs from the manifest",
        "train-00001-of-00001.parquet: not in the manifest",
        "eval-00000-of-00001.parquet: not a plain file",
        "report.json: missing",
        "rejects/math-00000-of-00001.parquet: missing",
    }


def test_version_under_another_name_is_a_problem(version: Path, tmp_path: Path) -> None:
    """A version is what its name says."""
    copy = shutil.copytree(version, tmp_path / ("0" * 64))
    assert problems(copy) == [f"{MANIFEST}: its digest differs from the version's name {copy.name}"]


def test_damaged_version_is_built_anew(sources: Path, store_copy, built) -> None:
    """A build finds a published file that rotted and puts a whole version in its place."""
    store = store_copy()
    version = open_version(store / "small")
    flip_bit(version / "README.md")
    (version / "extra").write_text("x")
    again = quick_build(recipe(), store, sources)
    assert (again.digest, again.status, again.made) == (built.digest, "published", 0)
    assert problems(again.version) == []
    assert list((store / "small" / "versions").glob(".tmp-*")) == []


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"x" * 64 + b"\n", b"../" * 21 + b"a\n", b"\xff\xfe", b"0" * 64]
)
def test_damaged_pointer_is_told_and_repaired(content: bytes, sources: Path, store_copy, built) -> None:
    """A CURRENT that names nothing ends readers with a sentence; the next build rewrites it."""
    store = store_copy()
    (store / "small" / "CURRENT").write_bytes(content)
    with pytest.raises(StoreCorrupt):
        open_version(store / "small")
    assert quick_build(recipe(), store, sources).status == "published"
    assert open_version(store / "small").name == built.digest


@pytest.mark.acceptance("A12")
def test_any_bit_of_the_pointer_counts(store_copy) -> None:
    """No flipped bit of CURRENT leads a reader anywhere."""
    store = store_copy()
    pointer = store / "small" / "CURRENT"
    for bit in range(pointer.stat().st_size * 8):
        flip_bit(pointer, bit)
        with pytest.raises(StoreCorrupt):
            open_version(store / "small")
        flip_bit(pointer, bit)


def test_open_version_takes_a_version_or_a_mixture(built, tmp_path: Path) -> None:
    """A version's own folder and its mixture's folder mean the same; other folders are refused."""
    assert open_version(built.version) == built.version
    assert open_version(built.version.parents[1]) == built.version
    with pytest.raises(NotFound, match="neither a version"):
        open_version(tmp_path)


@pytest.mark.acceptance("A12")
@pytest.mark.parametrize("stage", STAGES)
def test_every_cached_file_is_hashed(stage: str, store_copy, sources: Path, built) -> None:
    """One flipped bit in any kind of cached file, its manifest too, and that output is made again."""
    store = store_copy()
    folders = sorted((store / ".cache" / stage).iterdir())
    kinds = {path.name: path for folder in folders for path in sorted(folder.iterdir())}
    harmed = {path.parent for path in kinds.values()}
    for path in kinds.values():
        flip_bit(path)
        assert _intact(path.parent) is None
        flip_bit(path)
        assert _intact(path.parent) is not None
    for folder in harmed:
        flip_bit(folder / MANIFEST)
    forget(store)
    again = quick_build(recipe(), store, sources)
    assert again.made == len(harmed)
    assert (again.digest, problems(again.version)) == (built.digest, [])


@pytest.mark.acceptance("A13")
def test_shape_of_a_cached_output_is_checked(store_copy, sources: Path, built) -> None:
    """Cut, missing, added and swapped outputs are made again."""
    store = store_copy()
    first, second = sorted((store / ".cache" / "bands").iterdir())[:2]
    first.rename(first.with_name("swap"))
    second.rename(first)
    first.with_name("swap").rename(second)
    rendered = sorted((store / ".cache" / "render").iterdir())[0]
    os.truncate(rendered / "index.parquet", 10)
    (sorted((store / ".cache" / "shards").iterdir())[0] / MANIFEST).unlink()
    sampled = next((store / ".cache" / "sample").glob("*/selection-00000.parquet")).parent
    shutil.copy(sampled / "selection-00000.parquet", sampled / "selection-99999.parquet")
    forget(store)
    again = quick_build(recipe(), store, sources)
    assert (again.digest, again.made) == (built.digest, 5)


def test_stage_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """Files of a stage that raised are gone, and the next try starts from nothing."""

    def fail(folder: Path) -> dict[str, object]:
        damaged_nothing(folder)
        msg = "half way"
        raise ValueError(msg)

    store = Store(tmp_path)
    with pytest.raises(ValueError, match="half way"):
        store.cache.stage("render", "key", fail)
    assert list((tmp_path / ".cache" / "render").iterdir()) == []
    assert not store.cache.stage("render", "key", damaged_nothing).reused
    assert store.cache.stage("render", "key", damaged_nothing).reused


def test_outputs_of_one_pass_are_made_if_they_are_not_there(tmp_path: Path) -> None:
    """Only what is missing or damaged is asked for, in order, and what was done before a failure stays."""
    store, asked = Store(tmp_path), []

    def make(places):
        asked.append(list(places))
        for place in places:
            if place == 3 and len(asked) == 1:
                msg = "half way"
                raise ValueError(msg)
            yield partial(numbered_file, place)

    keys = ["a" * 64, "b" * 64, "c" * 64, "d" * 64]
    store.cache.stage("pass", keys[1], partial(numbered_file, 1))
    with pytest.raises(ValueError, match="half way"):
        store.cache.stages("pass", keys, make)
    flip_bit(tmp_path / ".cache" / "pass" / keys[0] / "file")
    found = store.cache.stages("pass", keys, make)
    assert asked == [[0, 2, 3], [0, 3]]
    assert [output.result["number"] for output in found] == [0, 1, 2, 3]
    assert [output.reused for output in found] == [False, True, True, False]
    assert [(output.folder / "file").read_text() for output in found] == ["0", "1", "2", "3"]


def numbered_file(number: int, folder: Path) -> dict[str, object]:
    """Make an output that holds a number."""
    (folder / "file").write_text(str(number))
    return {"number": number}


@pytest.mark.parametrize("damaged", [False, True])
def test_two_builds_may_make_the_same_output(damaged: bool, tmp_path: Path) -> None:
    """The second takes what the first one put there, also where both replace a damaged output."""
    store = Store(tmp_path)
    if damaged:
        flip_bit(store.cache.stage("render", "key", damaged_nothing).folder / "rows")
    first: list[StageOutput] = []

    def make(folder: Path) -> dict[str, object]:
        if not first:
            first.append(store.cache.stage("render", "key", damaged_nothing))
        inode = (first[0].folder / "rows").stat().st_ino
        return {**damaged_nothing(folder), "other": inode}

    second = store.cache.stage("render", "key", make)
    assert second.reused
    assert second.result == first[0].result
    assert digest(first[0].folder / "rows") == first[0].files["rows"]
    assert [path.name for path in (tmp_path / ".cache" / "render").iterdir()] == ["key"]


def test_rename_that_was_repeated_has_happened(tmp_path: Path, monkeypatch) -> None:
    """A network disk that renames, loses its answer and tries again reports a rename that has happened."""
    rename = Path.rename

    def twice(path: Path, target: Path) -> Path:
        rename(path, target)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", twice)
    made = Store(tmp_path).cache.stage("render", "key", damaged_nothing)
    assert made.files == {"rows": digest(made.folder / "rows")}
    assert [path.name for path in (tmp_path / ".cache" / "render").iterdir()] == ["key"]


@pytest.mark.acceptance("A5")
def test_second_builder_is_sent_away(tmp_path: Path) -> None:
    """While one builder holds a mixture's lock another gets StoreBusy at once; other mixtures are free."""
    store = Store(tmp_path)
    with store.lock("small"):
        with pytest.raises(StoreBusy, match="another build of small"), store.lock("small"):
            pass
        with store.lock("other"):
            pass
    with store.lock("small"):
        pass


@pytest.mark.acceptance("A5")
@pytest.mark.parametrize("rounds", [20, pytest.param(300, marks=pytest.mark.deep)])
def test_three_builders_publish_one_at_a_time(rounds: int, tmp_path: Path) -> None:
    """Three processes that publish again and again: one at a time, the others are sent away at once."""
    ended = python("-m", "tests.harness.rivals", rounds, tmp_path / "rivals")
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert told["wrong"] is None
    assert [one["built"] + one["busy"] for one in told["builders"]] == [rounds] * 3
    assert all(one["slowest"] < 1 for one in told["builders"])
    assert sum(one["built"] for one in told["builders"]) > 2
    assert sum(one["busy"] for one in told["builders"]) > 0


@pytest.mark.acceptance("A5")
def test_lock_dies_with_its_holder(tmp_path: Path) -> None:
    """A builder that was killed with -9 leaves no lock behind."""
    hold = "import sys\nfrom pathlib import Path\nfrom thinkmix.flows.store.store import Store\n"
    hold += (
        "with Store(Path(sys.argv[1])).lock('small'):\n    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", hold, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(StoreBusy), Store(tmp_path).lock("small"):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait(10)
    with Store(tmp_path).lock("small"):
        pass


def test_builder_sweeps_what_the_dead_left(tmp_path: Path) -> None:
    """Half versions go at once; half outputs of the cache, which may be another build's, after a day."""
    for name in (
        "small/versions/.tmp-1-a/rejects",
        ".cache/render/.tmp-1-a",
        ".cache/render/.tmp-2-b",
        ".cache/render/key",
    ):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "small" / ".CURRENT.17").write_text("half")
    os.utime(tmp_path / ".cache/render/.tmp-1-a", (0, 0))
    os.utime(tmp_path / ".cache/render/key", (0, 0))
    with Store(tmp_path).lock("small"):
        pass
    assert sorted(path.name for path in (tmp_path / ".cache/render").iterdir()) == [".tmp-2-b", "key"]
    assert list((tmp_path / "small" / "versions").iterdir()) == []
    assert sorted(path.name for path in (tmp_path / "small").iterdir()) == [".lock", "versions"]


@pytest.mark.acceptance("A15")
@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        OSError(errno.EFBIG, "File too large"),
        OSError("[Errno 28] Error writing bytes to file. Detail: [errno 28] No space left on device"),
        OSError("1000000 requested and 131056 written"),
    ],
)
def test_full_disk_has_one_name(error: OSError, tmp_path: Path) -> None:
    """However a library says that the disk is full, it ends as StoreFull."""
    with pytest.raises(StoreFull, match="no space left under"), full_disk(tmp_path):
        raise error


@pytest.mark.acceptance("A16")
@pytest.mark.parametrize("number", [errno.EIO, errno.EROFS, errno.EACCES])
def test_store_that_refuses_has_one_name(number: int, tmp_path: Path) -> None:
    """A broken or read-only disk ends as StoreError that says what was refused."""
    error = OSError(number, os.strerror(number), str(tmp_path / "file"))
    with pytest.raises(StoreError, match=f"file.*{os.strerror(number)}") as raised, full_disk(tmp_path):
        raise error
    assert raised.value.exit_code == 5


def test_other_errors_keep_their_names(tmp_path: Path) -> None:
    """A missing file is not a full disk, and an error of ours is not wrapped again."""
    with pytest.raises(FileNotFoundError), full_disk(tmp_path):
        raise FileNotFoundError(errno.ENOENT, "gone")
    with pytest.raises(StoreBusy), full_disk(tmp_path):
        raise StoreBusy("No space left on the bench")


def test_history_survives_a_torn_line(tmp_path: Path) -> None:
    """A line that was cut off costs itself, not the next one."""
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "runs.jsonl").write_bytes(b'{"status":"pub')
    Store(tmp_path).log.record_run("small", {"status": "failed"})
    Store(tmp_path).log.record_run("small", {"status": "published"})
    lines = (tmp_path / "small" / "runs.jsonl").read_bytes().splitlines()
    assert lines == [b'{"status":"pub', b'{"status":"failed"}', b'{"status":"published"}']


def test_store_under_a_pattern_is_refused(tmp_path: Path, sources: Path) -> None:
    """A folder whose name readers of parquet would take for a glob pattern is refused before the build."""
    with pytest.raises(StoreError, match="cannot hold a store"):
        make_root(tmp_path / "mine [new]")
    with pytest.raises(StoreError, match="cannot hold a store"):
        quick_build(recipe(), tmp_path / "what?", sources)


@pytest.mark.parametrize("place", ["/proc/store", "file/store"])
def test_store_that_cannot_be_made_is_refused(place: str, run, tmp_path: Path, monkeypatch) -> None:
    """Where no folder can be made, with or without Prefect: one sentence, exit code 5."""
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    for how in ((), ("--direct",)):
        code, _, err = run("build", "sample-7-3", "--store", place, *how)
        assert (code, len(err.splitlines())) == (5, 1)
        assert "name another folder with --store" in err


def test_json_depends_on_the_value_alone(tmp_path: Path) -> None:
    """Two mappings that are equal are written as the same bytes."""
    write_json(tmp_path / "a", {"b": 1, "a": [2.5, None]})
    write_json(tmp_path / "b", {"a": [2.5, None], "b": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
