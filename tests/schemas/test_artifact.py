"""What may be promised about a source: names that stay inside, files that can be verified."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from thinkmix.schemas.artifact import RemoteFile, Snapshot, digest_of

SHA = "a" * 64
PARTS = st.sampled_from(["..", ".", "", "a", "b.parquet", "~", "C:", "\\", "\x00", "\n", "…", " ", "..."])
NAMES = st.one_of(st.text(max_size=40), st.lists(PARTS, max_size=6).map("/".join))


@settings(max_examples=500)
@given(NAMES)
def test_an_accepted_name_stays_inside_its_folder(name):
    """Whatever a hub calls a file, it is refused or lies below the folder it is joined to."""
    try:
        file = RemoteFile(path=name, size=0, sha256=SHA)
    except ValidationError:
        return
    folder = Path("/cache/files")
    assert folder in (folder / file.path).resolve().parents
    assert str(folder / file.path) == f"{folder}/{name}"


@pytest.mark.parametrize(
    "name", ["", ".", "/a", "../a", "a/../b", "a/..", "./a", "a//b", "a/", "a\\b", "a\nb"]
)
def test_an_unsafe_name_is_refused(name):
    """Absolute, climbing, ambiguous and unprintable names are no names."""
    with pytest.raises(ValidationError, match="unsafe file name"):
        RemoteFile(path=name, size=0, sha256=SHA)


@pytest.mark.parametrize("name", ["a", "data/train-0.parquet", "数据/训练 1.jsonl", ".hidden/a..b"])
def test_an_ordinary_name_is_accepted(name):
    """Spaces, dots and other scripts are fine."""
    assert RemoteFile(path=name, size=0, sha256=SHA).path == name


def test_a_file_without_a_digest_is_refused():
    """What cannot be verified cannot be promised."""
    with pytest.raises(ValidationError, match="no digest to verify"):
        RemoteFile(path="a", size=0)


def test_a_snapshot_sorts_its_files_and_refuses_doubles():
    """The order in which a hub lists files means nothing."""
    files = [RemoteFile(path=path, size=size, sha256=SHA) for path, size in (("b", 2), ("a", 1))]
    got = Snapshot(dataset="o/n", revision="main", commit="c" * 40, files=tuple(files))
    assert [file.path for file in got.files] == ["a", "b"]
    assert got.size == 3
    with pytest.raises(ValidationError, match="a is listed twice"):
        Snapshot(dataset="o/n", revision="main", commit="c" * 40, files=(files[1], files[1]))


@pytest.mark.parametrize("commit", ["main", "c" * 39, "C" * 40, "../../" + "c" * 34, ""])
def test_a_commit_is_hexadecimal(commit):
    """It becomes the name of a folder."""
    with pytest.raises(ValidationError, match="commit"):
        Snapshot(
            dataset="o/n", revision="main", commit=commit, files=(RemoteFile(path="a", size=0, sha256=SHA),)
        )


def test_a_snapshot_survives_its_json():
    """A manifest can hold it."""
    files = (RemoteFile(path="a", size=1, sha256=SHA), RemoteFile(path="b", size=2, blob_sha1="b" * 40))
    snapshot = Snapshot(dataset="o/n", revision="main", commit="c" * 40, files=files)
    assert Snapshot.model_validate_json(snapshot.model_dump_json()) == snapshot


def test_a_digest_of_many_ignores_their_order():
    """Only which name has which digest counts."""
    pairs = [("a", "1"), ("b", "2")]
    assert digest_of(pairs) == digest_of(reversed(pairs))
    assert digest_of(pairs) != digest_of([("a", "2"), ("b", "1")])
