"""Files on this machine: named relative to the recipe, identified by their content."""

import os
import time
from hashlib import sha256

import pytest

from thinkmix.flows.sources import fetch, local, resolve
from thinkmix.flows.sources.local_source import LocalSource
from thinkmix.schemas.errors import SourceCorrupt, SourceError, SourceNotFound


@pytest.fixture
def base(tmp_path):
    """A recipe's folder with data in and beside it."""
    folder = tmp_path / "recipes"
    for name in (
        "b.jsonl",
        "a.jsonl",
        "deep/c.jsonl.gz",
        "deep/er/d.parquet",
        "../beside/e.json.zst",
        "f.txt",
        "part[1].jsonl.gz",
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(path.name.encode())
    return folder


def source(*files: str) -> LocalSource:
    return LocalSource(name="mine", format="messages", files=files)


def names(base, into, *files: str) -> list[str]:
    return [file.path for file in resolve(source(*files), base=base, into=into).files]


@pytest.mark.parametrize(
    ("pattern", "want"),
    [
        ("*.jsonl", ["a.jsonl", "b.jsonl"]),
        ("a.jsonl", ["a.jsonl"]),
        ("deep/*", ["deep/c.jsonl.gz"]),
        ("**/*.parquet", ["deep/er/d.parquet"]),
        ("../beside/*.zst", ["e.json.zst"]),
        ("part[1].jsonl.gz", ["part[1].jsonl.gz"]),
        ("./part[[]1].*", ["part[1].jsonl.gz"]),
    ],
)
def test_patterns_start_at_the_recipe(base, into, pattern, want):
    """Matching files are sorted; files outside of the recipe's folder are named from the pattern's stem."""
    assert names(base, into, pattern) == want


def test_absolute_patterns_name_files_from_their_literal_part(base, into):
    """No path of this machine gets into a manifest."""
    assert names(base, into, f"{base}/deep/**/*.parquet") == ["er/d.parquet"]
    assert names(base, into, f"{base}/a.jsonl") == ["a.jsonl"]


def test_a_file_is_read_once_even_if_two_patterns_match_it(base, into):
    """Overlapping patterns do not duplicate rows."""
    assert names(base, into, "*.jsonl", "a.*") == ["a.jsonl", "b.jsonl"]


def test_files_are_fetched_where_they_lie(base, into):
    """Nothing is copied; digests and sizes are those of the files."""
    one = source("*.jsonl")
    got = fetch(one, resolve(one, base=base, into=into), base=base, into=into)
    assert [file.path for file in got] == [base / "a.jsonl", base / "b.jsonl"]
    assert [file.sha256 for file in got] == [sha256(name).hexdigest() for name in (b"a.jsonl", b"b.jsonl")]


def test_the_commit_depends_on_names_and_contents_only(base, into):
    """Same files, same commit, whatever their times; other content or another name, another commit."""
    first = resolve(source("*.jsonl"), base=base, into=into)
    os.utime(base / "a.jsonl", (1, 1))
    assert resolve(source("*.jsonl"), base=base, into=into) == first
    (base / "a.jsonl").write_bytes(b"other")
    second = resolve(source("*.jsonl"), base=base, into=into, verify=False)
    (base / "a.jsonl").rename(base / "z.jsonl")
    third = resolve(source("*.jsonl"), base=base, into=into)
    assert len({first.commit, second.commit, third.commit}) == 3


def test_a_pattern_without_files_is_named(base, into):
    """No match is an error, not an empty source."""
    with pytest.raises(SourceNotFound, match=r"source mine: no file matches 'x/\*'; there are 'deep/c\."):
        names(base, into, "a.jsonl", "x/*")
    with pytest.raises(
        SourceNotFound, match=r"`\*\*` does: '\*\*/\*\.parquet'\); there are .*'deep/er/d\.parquet'"
    ):
        names(base, into, "*.parquet")
    with pytest.raises(
        SourceNotFound, match=r"there are '/.*/deep/c\.jsonl\.gz', '/.*/deep/er/d\.parquet' in "
    ):
        names(base, into, f"{base}/deep/*.jsonl")
    with pytest.raises(SourceNotFound, match=r"there are no files at all"):
        names(base, into, "/no-such-folder/*.jsonl")
    with pytest.raises(SourceNotFound, match=r"xx/\*'; there are "):
        names(base, into, "x" * 300 + "/*")


@pytest.mark.parametrize(
    ("named", "meant"),
    [("rows", "rows/*.jsonl.zst"), ("./rows/", "rows/*.jsonl.zst"), ("above", "above/**/*.parquet")],
)
def test_a_folder_in_place_of_a_pattern_is_said_to_be_one(named: str, meant: str, tmp_path, into):
    """With the pattern for its files, which then is one; other files of the recipe's folder are not told."""
    for name in ("other.jsonl", "rows/a.jsonl.zst", "rows/notes.txt", "above/below/b.parquet"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(SourceNotFound, match="which is a folder") as raised:
        resolve(source(named), base=tmp_path, into=into)
    assert f"(its files are {meant!r})" in str(raised.value)
    assert "other.jsonl" not in str(raised.value)
    assert len(resolve(source(meant), base=tmp_path, into=into).files) == 1


def test_a_folder_of_many_files_is_not_listed_whole(base, into, monkeypatch):
    """The error says what is there instead, from a part of the folder."""
    monkeypatch.setattr(local, "_NEARBY", 2)
    with pytest.raises(SourceNotFound, match=r"there are 'a\.jsonl', 'b\.jsonl', .* in "):
        names(base, into, "c.jsonl")


def test_a_file_of_an_unknown_kind_is_named(base, into):
    """Kinds that cannot be read are refused before anything is read."""
    with pytest.raises(
        SourceError, match=r"cannot read 'f\.txt', which '\*\.\*' matches; narrow `files` to \.parquet"
    ):
        names(base, into, "*.*")
    with pytest.raises(
        SourceError, match=r"'\*\.txt' matches only what cannot be read: 'f\.txt'; kinds .* 'a\.jsonl'"
    ):
        names(base, into, "*.txt")


def test_what_each_pattern_means_is_counted(base, into):
    """Also where two patterns mean the same file."""
    got = resolve(source("*.jsonl", "a.*", "deep/**"), base=base, into=into)
    assert got.matched == {"*.jsonl": 2, "a.*": 1, "deep/**": 2}


def test_two_files_of_the_same_name_are_refused(base, into):
    """Lineage must tell rows of two folders apart."""
    (base / "../beside/a.jsonl").write_bytes(b"another")
    with pytest.raises(SourceError, match=r"would both be 'a\.jsonl'"):
        names(base, into, "a.jsonl", "../beside/a.jsonl")


def test_a_name_with_a_line_break_is_refused(base, into):
    """Names that could forge a line of a report are not taken over."""
    (base / "a\nb.jsonl").write_bytes(b"x")
    with pytest.raises(SourceError, match=r"unsafe file name 'a\\nb\.jsonl'"):
        names(base, into, "*.jsonl")


def test_what_nobody_wrote_to_is_hashed_once_a_build(base, into, monkeypatch):
    """What was written to since, or so shortly before that a clock's tick may hide it, is hashed again."""
    hashed = []
    digest = local._digest
    monkeypatch.setattr(local, "_digest", lambda path, *rest: hashed.append(path.name) or digest(path, *rest))
    one = source("*.jsonl")
    fresh = resolve(one, base=base, into=into)
    assert all(file.stamp is None for file in fresh.files)
    monkeypatch.setattr(local, "_TICK", 0)
    snapshot = resolve(one, base=base, into=into)
    hashed.clear()
    fetch(one, snapshot, base=base, into=into)
    assert not hashed
    fetch(one, fresh, base=base, into=into)
    assert sorted(hashed) == sorted(file.path for file in fresh.files)
    hashed.clear()
    before = (base / "b.jsonl").stat()
    time.sleep(0.05)  # a few ticks
    (base / "b.jsonl").write_bytes((base / "b.jsonl").read_bytes())
    os.utime(base / "b.jsonl", ns=(before.st_atime_ns, before.st_mtime_ns))
    fetch(one, snapshot, base=base, into=into)
    assert hashed == ["b.jsonl"]


def test_a_write_that_hides_its_time_is_noticed(base, into, monkeypatch):
    """Other bytes of the same number, with the time of change set back: the kernel's own time tells."""
    monkeypatch.setattr(local, "_TICK", 0)
    one, path = source("*.jsonl"), base / "b.jsonl"
    snapshot, before = resolve(one, base=base, into=into), path.stat()
    time.sleep(0.05)  # a few ticks
    path.write_bytes(b"x" * before.st_size)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(SourceCorrupt, match=r"'b\.jsonl' changed"):
        fetch(one, snapshot, base=base, into=into)


def test_a_change_during_the_build_is_noticed(base, into):
    """What is read is what the snapshot says, or the build ends."""
    one = source("*.jsonl")
    snapshot = resolve(one, base=base, into=into)
    (base / "b.jsonl").write_bytes(b"B.jsonl")
    with pytest.raises(SourceCorrupt, match=r"'b\.jsonl' changed"):
        local.fetch(one, snapshot, base=base, into=into, verify=False)
    (base / "b.jsonl").unlink()
    with pytest.raises(SourceNotFound, match=r"'b\.jsonl' was there"):
        fetch(one, snapshot, base=base, into=into)
