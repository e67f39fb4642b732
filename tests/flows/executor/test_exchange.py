"""The exchange: files reach other machines whole or not at all, and jobs find them wherever stores lie."""

import os
import pickle
from functools import partial
from pathlib import Path

import orjson
import pytest

from tests.harness.builders import flip_bit
from thinkmix.flows.executor.exchange import Exchange, Need
from thinkmix.flows.store.cache import Cache
from thinkmix.flows.store.digests import MANIFEST, digest
from thinkmix.schemas.errors import ClusterError, StoreCorrupt, StoreError

KEY = "0" * 64


def write(folder: Path, *, text: str = "rows") -> dict[str, object]:
    """Make an output of two files."""
    (folder / "a.txt").write_text(text)
    (folder / "b.txt").write_text(text * 1000)
    return {"rows": 2}


def count(path: Path, folder: Path) -> dict[str, object]:
    """Make an output from a file of another."""
    (folder / "count.txt").write_text(str(len(path.read_bytes())))
    return {"rows": 1}


@pytest.fixture
def ends(tmp_path: Path) -> tuple[Exchange, Exchange]:
    """Two machines with stores of their own, and the URL between them."""
    url = (tmp_path / "between").as_uri()
    return Exchange(url, tmp_path / "near"), Exchange(url, tmp_path / "deep" / "far")


def pushed(end: Exchange) -> Need:
    """Make an output on one machine and push it."""
    end.push(Cache(end.root).stage("made", KEY, write))
    return Need("made", KEY)


def there(end: Exchange) -> Path:
    """Return where the exchange keeps the output."""
    return Path(end.url.removeprefix("file://")) / "made" / KEY


def test_output_arrives_as_it_was_made(ends):
    """What one machine made is an output of the other's store, whole and sealed."""
    near, far = ends
    far.pull([pushed(near)])
    output = Cache(far.root).stage("made", KEY, partial(pytest.fail, "made again"))
    assert output.reused
    assert output.files == Cache(near.root).stage("made", KEY, write).files
    assert [path.name for path in far.root.rglob(".tmp-*")] == []


def test_one_file_of_an_output_is_enough(ends):
    """Only what is named is pulled; a part that is there is not an output."""
    near, far = ends
    stage, key, _ = pushed(near)
    far.pull([Need(stage, key, "a.txt")])
    assert sorted(path.name for path in far.folder(stage, key).iterdir()) == ["a.txt", MANIFEST]
    assert not Cache(far.root).stage(stage, key, write).reused


def test_files_that_nobody_opens_stay_away(ends):
    """A puller may leave out files by name."""
    near, far = ends
    far.pull([pushed(near)], but={"b.txt"})
    assert not (far.folder("made", KEY) / "b.txt").exists()


def test_output_without_a_manifest_is_not_there(ends):
    """A push that died before its last write counts for nothing, and is made up for by the next."""
    near, far = ends
    pushed(near)
    (there(near) / MANIFEST).unlink()
    assert far.find("made", KEY) is None
    pushed(near)
    assert far.find("made", KEY).result == {"rows": 2}


@pytest.mark.parametrize("harm", ["cut", "other key", "other seal", "outside", "garbage"])
def test_manifest_that_does_not_hold_is_not_there(harm, ends):
    """Half a manifest, one of another output, one that was changed: each is as good as none."""
    near, far = ends
    pushed(near)
    path = there(near) / MANIFEST
    content = orjson.loads(path.read_bytes())
    if harm == "cut":
        path.write_bytes(path.read_bytes()[:-20])
    elif harm == "garbage":
        path.write_bytes(b"[]")
    else:
        name = {"other key": "key", "other seal": "result", "outside": "token"}[harm]
        path.write_bytes(orjson.dumps({**content, name: "../../x"}))
    assert far.find("made", KEY) is None


@pytest.mark.parametrize("gone", ["*/b.txt", "*/*.txt"])
def test_output_with_files_gone_is_not_there(gone, ends):
    """A manifest whose files were deleted since promises nothing."""
    near, far = ends
    pushed(near)
    for path in there(near).glob(gone):
        path.unlink()
        if gone == "*/*.txt" and not any(path.parent.iterdir()):
            path.parent.rmdir()
    assert far.find("made", KEY) is None


def test_rotten_file_is_refused(ends, monkeypatch):
    """Bytes that differ from the manifest never reach a store."""
    monkeypatch.setattr("thinkmix.flows.executor.exchange._PAUSE", 0.01)
    near, far = ends
    need = pushed(near)
    flip_bit(next(there(near).glob("*/b.txt")))
    with pytest.raises(StoreCorrupt, match=rf"made/{KEY} or holds other bytes"):
        far.pull([need])
    assert not (far.folder("made", KEY) / "b.txt").exists()


def test_rotten_file_of_our_own_is_pulled_again(ends):
    """A file that is there is believed only if its digest holds."""
    near, far = ends
    need = pushed(near)
    far.pull([need])
    flip_bit(far.folder("made", KEY) / "a.txt")
    far.pull([need])
    assert (far.folder("made", KEY) / "a.txt").read_text() == "rows"


def test_second_push_overwrites_nothing(ends):
    """Two machines may push the same output at a time: readers of the first's files still can."""
    near, far = ends
    pushed(near)
    before = {path: digest(path) for path in there(near).glob("*/*.txt")}
    pushed(far)
    assert {path: digest(path) for path in before} == before
    assert len(list(there(near).glob("*/*.txt"))) == 2 * len(before)


def test_job_finds_its_files_in_another_root(ends):
    """A packed job runs against the other machine's store: inputs pulled, output pushed."""
    near, far = ends
    pushed(near)
    make = partial(count, near.folder("made", KEY) / "b.txt")
    call, needs = far.unpack(near.pack(partial(Cache(near.root).stage, "counted", KEY, make)))
    output = call()
    assert needs == [Need("made", KEY, "b.txt")]
    assert output.folder == far.folder("counted", KEY)
    assert (output.folder / "count.txt").read_text() == "4000"
    back, wanted = near.unpack(far.pack(output))
    near.pull(wanted)
    assert (back.folder, back.files) == (near.folder("counted", KEY), output.files)
    assert (near.folder("counted", KEY) / "count.txt").read_text() == "4000"


def test_output_that_is_there_is_neither_made_nor_pulled(ends, tmp_path):
    """A job whose output lies on the exchange is done, no matter which machine made it."""
    near, far = ends
    make = partial(count, near.folder("made", KEY) / "b.txt")
    pushed(near)
    near.push(Cache(near.root).stage("counted", KEY, make))
    call, _ = far.unpack(near.pack(partial(Cache(near.root).stage, "counted", KEY, make)))
    assert call().reused
    assert not far.root.exists()


def test_outputs_of_one_pass_come_from_wherever_they_are(ends, tmp_path):
    """Neither what the exchange holds nor what this machine does is made again; all lie there in the end."""
    near, far = ends
    keys = [KEY, "1" * 64, "2" * 64]
    pushed(near)
    Cache(far.root).stage("made", keys[1], write)
    cache, _ = far.unpack(near.pack(Cache(near.root)))
    asked = []

    def make(places):
        asked.extend(places)
        return [write for _ in places]

    found = cache.stages("made", keys, make)
    assert asked == [2]
    assert [output.folder for output in found] == [far.folder("made", key) for key in keys]
    assert all(near.find("made", key) for key in keys)
    assert cache.stages("made", keys, partial(pytest.fail, "made again")) == [
        far.find("made", key) for key in keys
    ]


def test_output_that_another_machine_makes_meanwhile_harms_no_pass(ends):
    """It is made here, too: what the exchange holds of it lies on no disk of ours."""
    near, far = ends
    keys = [KEY, "1" * 64]
    cache, _ = far.unpack(near.pack(Cache(near.root)))

    def make(places):
        for place in places:
            near.push(Cache(near.root).stage("made", keys[place], write))
            yield write

    found = cache.stages("made", keys, make)
    assert all((output.folder / "a.txt").read_text() == "rows" for output in found)
    assert [output.folder for output in found] == [far.folder("made", key) for key in keys]


def test_file_of_a_source_travels_by_content(ends, tmp_path):
    """A file outside all stores and a download within one arrive with their time of change, pushed once."""
    near, far = ends
    outside, download = tmp_path / "rows.jsonl", near.root / ".cache" / "hub" / "x" / "rows.jsonl"
    download.parent.mkdir(parents=True)
    for path in (outside, download):
        path.write_text("{}")
        os.utime(path, ns=(5, 7_000_000_001))
    paths, needs = far.unpack(near.pack([outside, download]))
    far.pull(needs)
    assert paths[0] == paths[1]
    assert paths[0].parents[1] == far.folder("inputs", "x").parent
    assert (paths[0].name, paths[0].read_text()) == ("rows.jsonl", "{}")
    assert paths[0].stat().st_mtime_ns == 7_000_000_001
    assert len(list(Path(far.url.removeprefix("file://")).rglob("rows.jsonl"))) == 1


def test_other_paths_are_what_they_were(ends, tmp_path):
    """The root is the other's root; what is neither file nor store stays as it is."""
    near, far = ends
    packed = near.pack([near.root, near.root / ".cache", Path("relative"), tmp_path / "gone"])
    paths, needs = far.unpack(packed)
    assert paths == [far.root, far.root / ".cache", Path("relative"), tmp_path / "gone"]
    assert needs == []


@pytest.mark.parametrize(
    ("url", "kind", "said"),
    [
        ("nonsense://bucket", ClusterError, "nonsense"),
        ("file:///proc/none", StoreError, "cannot be used"),
    ],
)
def test_exchange_that_cannot_be_used_is_said(url, kind, said, tmp_path):
    """A URL of an unknown kind or without a right to write is an error that names it."""
    with pytest.raises(kind, match=said):
        pushed(Exchange(url, tmp_path))


def test_exchange_can_be_sent(ends):
    """It holds no connection of its own, so that it travels in a job."""
    near, _ = ends
    assert pickle.loads(pickle.dumps(near)) == near
    assert os.fspath(near.root).endswith("near")
