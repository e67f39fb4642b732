"""A version's name does not depend on what the files of its sources are called."""

import shutil
from collections import Counter
from pathlib import Path

import orjson
import polars as pl
import pytest

from tests.harness.builders import chat_row, flip_bit, quick_build, recipe, write_rows, write_sources
from thinkmix.flows.build.pipeline import Built
from thinkmix.flows.inspect.explain import explain
from thinkmix.flows.inspect.rejects import rejects
from thinkmix.flows.runs.diff import diff
from thinkmix.flows.store.digests import MANIFEST
from thinkmix.flows.store.versions import problems
from thinkmix.schemas.version_name import seal, version_name

STATED = recipe(size=80)
"""Leaves good rows out, which lie nowhere but in the files of their source."""

NAMES = {"math/0.jsonl": "math/part-9.jsonl", "math/1.jsonl": "math/part-8.jsonl"}
NAMES |= {"chat/0.jsonl": "chat/1.jsonl", "chat/1.jsonl": "chat/0.jsonl"}
"""All files are renamed: those of one source into the opposite order, those of the other exchange names."""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both sources; a row that is in both files of one of them has a longer note in one."""
    folder = write_sources(tmp_path_factory.mktemp("base"))
    for name, note in (("0", "short"), ("1", "a longer note")):
        path = folder / "chat" / f"{name}.jsonl"
        row = {**chat_row("Who wrote it twice?", "Two files did, each with its own note."), "note": note}
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join([*lines[: int(name)], orjson.dumps(row) + b"\n", *lines[int(name) :]]))
    return folder


@pytest.fixture(scope="module")
def renamed(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same files under other names."""
    folder = tmp_path_factory.mktemp("renamed")
    for old, new in NAMES.items():
        (folder / new).parent.mkdir(exist_ok=True)
        shutil.copyfile(base / old, folder / new)
    return folder


@pytest.fixture(scope="module")
def before(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A build of the files as they were called first."""
    return quick_build(STATED, tmp_path_factory.mktemp("one"), base)


@pytest.fixture(scope="module")
def after(renamed: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A build of the renamed files, in a store that knows nothing of the first."""
    return quick_build(STATED, tmp_path_factory.mktemp("two"), renamed)


def places(built: Built, source: str) -> set[tuple[object, ...]]:
    """Return id, file, row and reason of every row of a source."""
    outcomes = pl.read_parquet(built.version / "outcomes" / f"{source}.parquet")
    return set(outcomes.select("id", "file", "row", "reason").iter_rows())


def test_renamed_shards_make_the_same_version(before: Built, after: Built) -> None:
    """One name and the same shards; the files that state file and row differ, and so do the manifests."""
    assert after.digest == before.digest
    files = [one.manifest.files for one in (before, after)]
    shards = [name for name in files[0] if name.startswith(("train-", "eval-"))]
    assert shards
    assert [files[0][name] for name in shards] == [files[1][name] for name in shards]
    assert files[0]["outcomes/math.parquet"] != files[1]["outcomes/math.parquet"]
    assert before.manifest.sources[0].commit != after.manifest.sources[0].commit


@pytest.mark.parametrize("source", ["math", "chat"])
def test_outcomes_of_renamed_shards_differ_in_the_names_alone(
    before: Built, after: Built, source: str
) -> None:
    """Every row is at its place under its file's new name, and as many rows of an id have each outcome."""
    there = {(row, NAMES[str(file)], place) for row, file, place, _ in places(before, source)}
    assert {line[:3] for line in places(after, source)} == there
    kinds = [Counter((row, reason) for row, *_, reason in places(one, source)) for one in (before, after)]
    assert kinds[0] == kinds[1]
    assert {reason for _, reason in kinds[0]} >= {"exact_dup", "not_sampled", None}


def test_of_two_copies_the_shorter_row_stays(before: Built, after: Built, renamed: Path) -> None:
    """Which copy of a conversation stays is a matter of what the raw rows say, not of their files' names."""
    for built, file in ((before, "chat/1.jsonl"), (after, NAMES["chat/1.jsonl"])):
        dropped = [
            (str(name), row) for _, name, row, reason in places(built, "chat") if reason == "exact_dup"
        ]
        assert (file, 1) in dropped
    assert b"a longer note" in (renamed / NAMES["chat/1.jsonl"]).read_bytes().splitlines()[1]


def test_rows_are_told_by_the_names_of_the_build_that_published_them(before: Built, after: Built) -> None:
    """`explain` and `rejects` name each file as the version's own manifest does."""
    dropped = next(row for row, _, _, reason in places(before, "math") if reason == "think_unclosed")
    told = [explain(one.version, dropped).rows[0].file for one in (before, after)]
    assert NAMES[told[0]] == told[1]
    listed = [rejects(one.version, reason="think_unclosed") for one in (before, after)]
    assert [one.rows[0].file for one in listed] == told


def test_version_that_is_found_again_keeps_its_first_names(
    before: Built, renamed: Path, tmp_path: Path
) -> None:
    """No stage runs, `diff` finds nothing, and a row that was not sampled is opened where it lies now."""
    store = shutil.copytree(before.version.parents[2], tmp_path / "store")
    version = store / "small" / "versions" / before.digest
    manifest = (version / MANIFEST).read_bytes()
    again = quick_build(STATED, store, renamed)
    assert (again.digest, again.status, again.made + again.reused) == (before.digest, "unchanged", 0)
    assert again.manifest.sources == before.manifest.sources
    assert (version / MANIFEST).read_bytes() == manifest
    assert problems(version) == []
    same = diff(version, again.version)
    assert (same.added, same.removed, same.changed, same.moves, same.settings) == (0, 0, 0, (), ())
    row, file = next(
        (row, file)
        for row, file, _, reason in places(before, "math")
        if reason == "not_sampled" and file == "math/0.jsonl"
    )
    told = explain(again.version, row)
    assert told.rows[0].file == file
    assert "Find " in str(told.text)
    assert quick_build(STATED, store, renamed, frozen=True).status == "unchanged"


def test_stages_that_run_again_publish_nothing(before: Built, renamed: Path, tmp_path: Path) -> None:
    """A build that cannot know before makes the version once more, and leaves the one that is there."""
    store = shutil.copytree(before.version.parents[2], tmp_path / "store")
    for name in ("CURRENT", "runs.jsonl"):
        (store / "small" / name).unlink()
    again = quick_build(STATED, store, renamed)
    assert again.made > 0
    assert (again.digest, again.manifest.sources) == (before.digest, before.manifest.sources)
    assert [path.name for path in (store / "small" / "versions").iterdir()] == [before.digest]
    assert again.run.report.sources == before.manifest.sources


def test_one_byte_more_in_a_dropped_row_is_another_version(before: Built, base: Path, tmp_path: Path) -> None:
    """The name covers the contents of all files, of rows too that are not in the mixture."""
    folder = shutil.copytree(base, tmp_path / "base")
    write_rows(folder / "chat" / "2.jsonl", ['{"conversations": ['])
    assert quick_build(STATED, tmp_path / "store", folder).digest != before.digest


@pytest.mark.parametrize("name", ["outcomes/math.parquet", "report.json", "README.md", MANIFEST])
def test_every_byte_is_verified_whatever_the_name_covers(before: Built, tmp_path: Path, name: str) -> None:
    """A file that the version's name does not cover is compared with the manifest, and that with its seal."""
    copy = shutil.copytree(before.version, tmp_path / before.digest)
    flip_bit(copy / name, (copy / name).stat().st_size * 4)
    assert len(problems(copy)) == 1
    assert problems(copy)[0].startswith(f"{name}: ")


def test_seal_is_of_the_bytes(before: Built) -> None:
    """Another name of a file, sealed, is the same version; unsealed, or with another space, it is refused."""
    content = (before.version / MANIFEST).read_bytes()
    other = content.replace(b"math/0.jsonl", b"math/7.jsonl")
    fields = orjson.loads(other)
    del fields["seal"]
    assert version_name(seal(fields)) == before.digest
    for damaged in (other, content + b" ", content.replace(b'"name"', b'"name" ', 1)):
        with pytest.raises(ValueError, match="seal"):
            version_name(damaged)
    fields["sources"][0]["files"][0]["sha256"] = "0" * 64
    assert version_name(seal(fields)) != before.digest
