"""Shards on disk: the same rows are the same bytes, and half a shard is no shard."""

from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from thinkmix.curation.files import shards
from thinkmix.curation.files.shards import ShardWriter, bounded_lists, read_groups, write_shard

SCHEMA = pl.Schema(
    {
        "id": pl.String(),
        "n": pl.Int64(),
        "turns": pl.List(pl.Struct({"text": pl.String(), "calls": pl.List(pl.String())})),
    }
)
TURNS = st.lists(
    st.fixed_dictionaries(
        {
            "text": st.text("a中", max_size=30),
            "calls": st.none() | st.lists(st.text("b", max_size=3), max_size=2),
        }
    ),
    max_size=3,
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {"id": st.text("ab", max_size=3), "n": st.integers(0, 9), "turns": st.none() | TURNS}
    ),
    max_size=30,
)


def written(path: Path, rows: list[dict[str, object]], cuts: list[int]) -> bytes:
    whole = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    edges = sorted({0, len(rows), *(cut for cut in cuts if cut < len(rows))})
    with ShardWriter(path, SCHEMA) as shard:
        for start, stop in pairwise(edges):
            # rebuilt or cut out of the whole: the memory behind equal rows may differ
            part = (
                whole[start:stop]
                if start % 2
                else pl.DataFrame(rows[start:stop], schema=SCHEMA, orient="row")
            )
            shard.append(part)
        shard.append(whole.clear())
    assert shard.rows == len(rows)
    return path.read_bytes()


@settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)
@given(rows=ROWS, cuts=st.lists(st.integers(1, 29), max_size=6), group=st.sampled_from([1, 200, 400, 10_000]))
def test_equal_rows_are_equal_bytes_however_they_were_appended(
    tmp_path: Path, rows: list[dict[str, object]], cuts: list[int], group: int
) -> None:
    """Row groups end by what the rows hold, never by how they arrived; and nothing is lost."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "GROUP_BYTES", group)
        whole = written(tmp_path / "a", rows, [])
        assert written(tmp_path / "b", rows, cuts) == whole
        write_shard(tmp_path / "c", pl.DataFrame(rows, schema=SCHEMA, orient="row"))
    assert (tmp_path / "c").read_bytes() == whole
    back = [row for frame in read_groups(tmp_path / "a") for row in frame.to_dicts()]
    assert back == rows


def test_pages_do_not_end_where_pieces_did(tmp_path: Path) -> None:
    """Also where a column is longer than a page the bytes tell nothing of how rows were appended."""
    texts = [sha256(str(n).encode()).hexdigest() * 6 for n in range(6000)]
    frame = pl.DataFrame({"text": texts, "list": [[text[:9]] * (n % 4) for n, text in enumerate(texts)]})
    write_shard(tmp_path / "whole", frame)
    with ShardWriter(tmp_path / "pieces", frame.schema) as shard:
        for start in range(0, frame.height, 700):
            shard.append(frame[start : start + 700])
    assert (tmp_path / "pieces").read_bytes() == (tmp_path / "whole").read_bytes()


def test_row_groups_are_of_the_size_that_readers_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A group ends with the row that fills it; a row larger than a group has one of its own."""
    monkeypatch.setattr(shards, "GROUP_BYTES", 1_000)
    texts = ["x" * size for size in (300, 300, 300, 5_000, 10, 10)]
    write_shard(tmp_path / "a", pl.DataFrame({"t": texts}))
    assert [frame.height for frame in read_groups(tmp_path / "a")] == [3, 1, 2]


@pytest.mark.parametrize("height", [0, 3])
def test_an_exception_leaves_no_file(tmp_path: Path, height: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was written before, half a shard is removed."""
    monkeypatch.setattr(shards, "GROUP_BYTES", 1)
    rows = pl.DataFrame([{"id": "x", "n": 1, "turns": []}] * height, schema=SCHEMA, orient="row")

    def broken() -> None:
        with ShardWriter(tmp_path / "a", SCHEMA) as shard:
            shard.append(rows)
            raise KeyError

    with pytest.raises(KeyError):
        broken()
    assert list(tmp_path.iterdir()) == []


def test_a_failure_to_close_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full when the last group is written leaves nothing that looks like a shard."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    with pytest.raises(OSError, match="No space left"), ShardWriter(tmp_path / "a", SCHEMA) as shard:
        shard.append(pl.DataFrame([{"id": "x", "n": 1, "turns": []}], schema=SCHEMA, orient="row"))
    assert list(tmp_path.iterdir()) == []


def test_columns_are_put_in_the_schemas_order(tmp_path: Path) -> None:
    """Extra columns are left out, and one that is missing is an error rather than a null."""
    schema = pl.Schema({"a": pl.Int64(), "b": pl.Int64()})
    with ShardWriter(tmp_path / "a", schema) as shard:
        shard.append(pl.DataFrame({"c": [0], "b": [2], "a": [1]}))
    assert pl.read_parquet(tmp_path / "a").to_dicts() == [{"a": 1, "b": 2}]
    with pytest.raises(pl.exceptions.ColumnNotFoundError), ShardWriter(tmp_path / "b", schema) as shard:
        shard.append(pl.DataFrame({"a": [1]}))


def test_a_flipped_bit_is_seen_when_a_shard_is_read(tmp_path: Path) -> None:
    """Page checksums are verified."""
    write_shard(tmp_path / "a", pl.DataFrame({"t": [str(n) * 50 for n in range(500)]}))
    data = bytearray((tmp_path / "a").read_bytes())
    data[200] ^= 1
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(OSError, match="CRC"):
        list(read_groups(tmp_path / "a"))


def test_some_columns_are_read_alone(tmp_path: Path) -> None:
    """A reader names what it needs."""
    write_shard(tmp_path / "a", pl.DataFrame({"a": [1], "b": [2]}))
    assert [frame.columns for frame in read_groups(tmp_path / "a", ["b"])] == [["b"]]


@pytest.mark.parametrize(
    ("count", "total", "want"),
    [
        (2, 99, [["a", "bb"], ["ccc", "d"], ["ee"]]),
        (9, 3, [["a", "bb"], ["ccc"], ["d", "ee"]]),
        (9, 4, [["a", "bb", "ccc"], ["d", "ee"]]),
        (1, 1, [["a"], ["bb"], ["ccc"], ["d"], ["ee"]]),
    ],
)
def test_a_stream_is_cut_by_number_and_by_size(count: int, total: int, want: list[list[str]]) -> None:
    """All items, in order, in lists that end with the item that fills them."""
    assert list(bounded_lists(["a", "bb", "ccc", "d", "ee"], len, count=count, total=total)) == want
    assert list(bounded_lists([], len, count=count, total=total)) == []
