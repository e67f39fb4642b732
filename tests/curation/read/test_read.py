"""How rows come out of files: each by itself, whatever its neighbours are, in bounded memory."""

import gzip
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from io import BytesIO
from math import inf, isnan
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from pydantic_core import PydanticCustomError

from thinkmix.curation.files.blob import Blob
from thinkmix.curation.read import read
from thinkmix.curation.read.read import RawRow, RawSlice, joined, raw_json, read_batches, read_rows, slices
from thinkmix.schemas.errors import SourceError
from thinkmix.schemas.findings import Notes
from thinkmix.schemas.formats.fields import required_text
from thinkmix.schemas.reasons import Reason
from thinkmix.schemas.record import Unreadable

GOOD = b'{"a": 1}\n'


def rows_of(path: Path, most: int = 10_000, rows_in: str | None = None) -> list[RawRow]:
    pieces = slices(path.name, Blob(path, "0" * 64), rows_in)
    return [row for piece in pieces for row in read_rows(piece, max_row_bytes=most)]


def of_bytes(tmp_path: Path, data: bytes, name: str = "x.jsonl", most: int = 10_000) -> list[RawRow]:
    (tmp_path / name).write_bytes(data)
    return rows_of(tmp_path / name, most)


def outcomes(rows: list[RawRow]) -> list[str | None]:
    return [row.fault.type if row.fault else None for row in rows]


@pytest.mark.acceptance("A18")
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"a": 1', "bad_json"),
        (b"{'a': 1}", "bad_json"),
        (b'{"a": NaN,}', "bad_json"),
        (b'{"a": nan}', "bad_json"),
        (b'{"a\xff": 1}', "bad_json"),
        (b'{"a": "\xff", "b": ' + b"[" * 500 + b"]" * 500 + b"}", "too_deep"),
        (b'["\xff"]', "bad_json"),
        (b'{"a": "\n', "bad_json"),
        (b'{"a": 1} {"a": 2}', "bad_json"),
        (b"[1, 2]", "wrong_type"),
        (b"null", "wrong_type"),
        (b'"text"', "wrong_type"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "too_big"),
        (b'{"a": ' + b"[" * 20_000 + b"]" * 20_000 + b"}", "too_deep"),
        (b'{"a": ' + b"[" * 64 + b"]" * 64 + b"}", "too_deep"),
        (b'{"a": ' + b"[" * 1_010 + b"1" * 25 + b"]" * 1_010 + b"}", "too_deep"),
        (b'{"a": "' + b"x" * 70_000 + b'"}', "too_big"),
        (b'{"a": "' + b"x" * 2_000_000 + b'"}', "too_big"),
        (b'{"a": ' + b"[" * 63 + b"]" * 63 + b"}", None),
        (b'{"a": NaN}', None),
        (b'{"a": NaN, "b": "\xff"}', None),
        (rb'{"a": NaN, "b": "\ud800"}', None),
        (rb'{"a": "\ud800"}', None),
        (rb'{"\udfff": 1}', None),
        (b'{"a": [-Infinity, Infinity], "b": 12345678901234567890}', None),
        (b'{"a": 1e400}', None),
        (b'{"a": 1, "a": 2}', None),
        (rb'{"a": "\ud83d\ude00"}', None),
        (b'{"a": "\\u0000"}', None),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_bad_line_costs_itself_only(tmp_path: Path, line: bytes, reason: str | None) -> None:
    """A line that cannot be read comes with its reason and its text; its neighbours come as ever."""
    got = of_bytes(tmp_path, GOOD + line.replace(b"\n", b"\\u") + b"\n" + GOOD)
    assert outcomes(got) == [None, reason, None]
    assert [row.number for row in got] == [0, 1, 2]
    assert bool(got[1].text) == (reason is not None)


def test_bytes_that_are_not_utf8_cost_the_value_they_stand_in(tmp_path: Path) -> None:
    """As in parquet: a column that nothing reads does not cost the row, and the others are read."""
    (row,) = of_bytes(tmp_path, b'{"a": "caf\xc3\xa9", "b": [{"c": "\xff"}, "\\ud800"], "d": "\\ud800"}')
    spoiled = Unreadable(Reason.BAD_JSON, "it holds bytes that are not UTF-8", r'[{"c": "\xff"}, "\ud800"]')
    assert row.values == {"a": "café", "b": spoiled, "d": "\ud800"}
    assert json.loads(raw_json(row)) == {"a": "café", "b": r'[{"c": "\xff"}, "\ud800"]', "d": "\ud800"}


def test_of_two_equal_keys_the_last_counts(tmp_path: Path) -> None:
    """A repeated key is read as every common reader reads it."""
    assert of_bytes(tmp_path, b'{"a": 1, "a": 2}')[0].values == {"a": 2}


def test_numbers_that_json_has_no_word_for_are_read(tmp_path: Path) -> None:
    """NaN and infinities, which pandas and json.dumps write, are numbers; rejects show them as null."""
    (row,) = of_bytes(tmp_path, b'{"a": [NaN, -Infinity], "b": 123456789012345678901, "c": "NaN"}')
    (nan, infinity), *rest = row.values.values()
    assert isnan(nan)
    assert [infinity, *rest] == [-inf, 123456789012345678901, "NaN"]
    assert json.loads(raw_json(row), parse_constant=pytest.fail) == {**row.values, "a": [None, None]}


def test_integers_keep_all_their_digits(tmp_path: Path) -> None:
    """An integer beyond 64 bits is not rounded to a float, so that it can be refused later."""
    got = of_bytes(tmp_path, b'{"a": 123456789012345678901, "b": 5.97e24, "c": 18446744073709551615}')
    assert got[0].values == {"a": 123456789012345678901, "b": 5.97e24, "c": 18446744073709551615}


@pytest.mark.parametrize(
    ("data", "want"),
    [
        (b"", []),
        (b"\n \n\r\n", []),
        (b'{"a":1}\r\n{"a":2}\r\n', [1, 2]),
        (b'{"a":1}\n{"a":2}', [1, 2]),
        (b'\xef\xbb\xbf{"a":1}\n', [1]),
        (b'\xef\xbb\xbf{"a":1}\n\xef\xbb\xbf{"a":2}\n\xef\xbb\xbf\n', [1, 2]),
        (b'\n{"a":1}\n\n\n{"a":2}\n', [1, 2]),
    ],
)
def test_line_ends_marks_and_blank_lines_are_no_rows(tmp_path: Path, data: bytes, want: list[int]) -> None:
    """Blank lines, CRLF, a byte order mark and a missing last newline change no row."""
    assert [row.values["a"] for row in of_bytes(tmp_path, data)] == want


def test_the_limit_is_of_text_not_of_its_escapes(tmp_path: Path) -> None:
    """A row whose JSON is six times its text is as long as its text."""
    line = json.dumps({"a": "中" * 300}).encode()
    assert outcomes(of_bytes(tmp_path, line, most=1000)) == [None]


PACKERS = {
    ".gz": gzip.compress,
    ".zst": zstandard.ZstdCompressor().compress,
    "": bytes,
}


@pytest.mark.parametrize("suffix", PACKERS)
@pytest.mark.parametrize("name", ["x.jsonl", "x.json"])
def test_packed_files_give_the_same_rows(tmp_path: Path, name: str, suffix: str) -> None:
    """Lines and arrays read alike, plain, gzipped and in zstd."""
    rows = [{"a": n} for n in range(5000)]
    text = json.dumps(rows) if name == "x.json" else "\n".join(map(json.dumps, rows))
    got = of_bytes(tmp_path, PACKERS[suffix](text.encode()), name + suffix)
    assert [row.values for row in got] == rows


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_file_of_several_packed_parts_is_read_to_its_end(tmp_path: Path, suffix: str) -> None:
    """Parts that were packed one by one and joined are all read."""
    got = of_bytes(tmp_path, PACKERS[suffix](GOOD * 10) + PACKERS[suffix](GOOD * 7), f"x.jsonl{suffix}")
    assert len(got) == 17


@pytest.mark.acceptance("A13")
@pytest.mark.parametrize("suffix", [".gz", ".zst"])
@pytest.mark.parametrize("harm", ["cut", "cut at start", "trailing", "flipped"])
def test_a_broken_packed_file_is_refused_by_name(tmp_path: Path, suffix: str, harm: str) -> None:
    """A packed file that is cut short, goes on in garbage or has a flipped bit is no source."""
    noise = b"".join(b'{"a": "%s"}\n' % os.urandom(20).hex().encode() for _ in range(3000))
    packed = bytearray(
        PACKERS[suffix](noise)
        if suffix == ".gz"
        else zstandard.ZstdCompressor(write_checksum=True).compress(noise)
    )
    if harm == "flipped":
        packed[len(packed) // 2] ^= 64
    broken = {"cut": packed[:-400], "cut at start": packed[:7], "trailing": packed + b"garbage"}
    with pytest.raises(SourceError, match=f"x.jsonl{suffix}"):
        of_bytes(tmp_path, bytes(broken.get(harm, packed)), f"x.jsonl{suffix}")


NAMES = ["x.json", "x.jsonl", "x.ndjson", "x.JSON"]
WIDE = b'{"a":1,"b":"' + b"x" * 72 + b'"}'
"""A row of which 20,000 are more than what is looked at to tell lines from an array."""
PRETTY = json.dumps([{"a": 1}, {"a": [{"b": "]"}]}], indent=1).encode()
WRAPPED = {"version": 1, "data": [{"a": 1}, {"a": 2}], "meta": {"all": [{"k": "data"}] * 3, "n": []}}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("data", "want"),
    [
        (b"", []),
        (b" \n", []),
        (b"[]", []),
        (b"[ ]\n", []),
        (b'[{"a":1},{"a":2}]', [1, 2]),
        (b'[{"a":1},\n{"a":2},\n]\n', [1, 2]),
        (b'\xef\xbb\xbf\r\n[{"a":1},\r\n{"a":2}\r\n]\r\n', [1, 2]),
        (PRETTY, [1, [{"b": "]"}]]),
        (b'{"a":1}\n{"a":2}', [1, 2]),
        (b'\xef\xbb\xbf\n{"a":1}\r\n\r\n{"a":2}\r\n', [1, 2]),
        (b'{"a":NaN\n{"a":2}\n{"a":3}', [None, 2, 3]),
        (b'{"a":"[\n{"a":2}\n{"a":"{"}\n{"a":4}', [None, 2, "{", 4]),
        (b'[1, 2]\n{"a":2}\n', [None, 2]),
        (b'# rows\n{"a":2}\n', [None, 2]),
        (b'{"a":' + b" " * (2 << 20) + b'1}\n{"a":2}\n', [1, 2]),
        (b"[" + WIDE + b"," + (WIDE + b",") * 20_000 + b'{"a":1}]', [1] * 20_002),
        ((WIDE + b"\n") * 20_000, [1] * 20_000),
    ],
    ids=lambda value: str(value)[:24],
)
def test_content_tells_lines_from_an_array(
    tmp_path: Path, name: str, data: bytes, want: list[object]
) -> None:
    """Whatever the file is named: on a hub nobody can rename it. One bad line does not decide."""
    got = of_bytes(tmp_path, data, name, most=1_000_000)
    assert [row.values.get("a") for row in got] == want


@pytest.mark.parametrize(
    "data",
    [
        json.dumps(WRAPPED).encode(),
        json.dumps(WRAPPED, indent=2).encode(),
        b'{"data": [\n{"a": 1}\n,{"a": 2}\n]}',
        b'\xef\xbb\xbf{"x": {"data": [7]}, "y": [{"data": [8]}], "data": [{"a": 1}, {"a": 2}]}\n',
        b'{"x": "' + b"y" * (2 << 20) + b'", "data": [{"a": 1}, {"a": 2}]}',
        b'{"d\\u0061ta": [{"a": 1}, {"a": 2}], "x": "' + b"y" * (2 << 20) + b'"}',
    ],
    ids=lambda value: str(value)[:24],
)
@pytest.mark.parametrize("name", ["x.json", "x.jsonl", "x.json.gz"])
def test_rows_are_the_list_that_the_recipe_names(tmp_path: Path, name: str, data: bytes) -> None:
    """In a file that holds one object, on one line or many, whatever else is in it."""
    (tmp_path / name).write_bytes(gzip.compress(data, mtime=0) if name.endswith(".gz") else data)
    assert [row.values for row in rows_of(tmp_path / name, rows_in="data")] == [{"a": 1}, {"a": 2}]


def test_rows_may_lie_deeper(tmp_path: Path) -> None:
    """Keys are joined by dots; of the object that they lead through nothing else is a row."""
    (tmp_path / "x.json").write_text(json.dumps({"meta": 1, "data": {"meta": [2]}, **WRAPPED}))
    assert len(rows_of(tmp_path / "x.json", rows_in="meta.all")) == 3
    assert rows_of(tmp_path / "x.json", rows_in="meta.n") == []


@pytest.mark.parametrize(
    ("data", "rows_in", "says"),
    [
        (json.dumps(WRAPPED), None, "with lists of objects: 'data' (2 items), 'meta.all' (3 items); say"),
        (json.dumps(WRAPPED), "rows", "`rows: rows` leads to no list in the file's object with lists"),
        (json.dumps(WRAPPED), "meta", "`rows: meta` leads to no list"),
        (json.dumps(WRAPPED), "version", "`rows: version` leads to no list"),
        (json.dumps(WRAPPED), "meta.all.k", "`rows: meta.all.k` leads to no list"),
        ('{"messages": [{"role": "user"}]}', None, "; a row by itself belongs in a .jsonl file"),
        ('{"a": [1]}', None, "no list of objects lies in it"),
        ("{}", None, "the file holds one object; no list"),
        ('{"a": 1}\n{"a": 2}', "data", "holds a row a line; leave `rows` out"),
        ("[{}]", "data", "holds an array of rows; leave `rows` out"),
        ('{"data": [{}], "data": [{}]}', "data", "has 'data' twice"),
        ('{"data": [{}]', "data", "ends inside the object"),
        ('{"data": [{}], "x": {}', "data", "ends inside the object"),
        ('{"data": [{}]} {}', "data", "goes on after its last bracket: b'{'"),
        ('{"data": [{}}', "data", "row 0 is not followed by a comma but by '}'"),
        ('{"data": [{}', None, "it ends inside the object that it begins with"),
        ('{\n"a": 1\n}\n{\n"a": 2\n}', None, "goes on with '{' after an object that spans lines"),
        ("[{}", None, "ends inside row 0"),
        ("[{}, {}", None, "ends inside row 1"),
        ('["', None, "ends inside row 0"),
        ("[{}] x", None, "goes on after its last bracket: b'x'"),
        ("[{}][{}]", None, "goes on after its last bracket: b'['"),
        ("x[{}]", None, "neither an array of rows nor a row a line, and begins with b'x'"),
        ('"text"', None, "neither an array of rows nor a row a line"),
        ("<!DOCTYPE html><html>", None, "a web page"),
        ("version https://git-lfs.github.com/spec/v1\n", None, "the file itself; fetch it (git lfs pull)"),
    ],
)  # fmt: skip
def test_a_file_that_holds_something_else_is_refused(
    tmp_path: Path, data: str, rows_in: str | None, says: str
) -> None:
    """In a sentence that names the file, what it holds, and the way out."""
    (tmp_path / "x.json").write_text(data)
    with pytest.raises(SourceError) as caught:
        rows_of(tmp_path / "x.json", rows_in=rows_in)
    assert str(caught.value).startswith("x.json: ")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("x.jsonl", '{"a": 1}'.encode("utf-16"), "UTF-16; say `encoding: utf-16`"),
        ("x.csv", "a,b".encode("utf-16-be"), "UTF-16, or no text"),
        ("x.jsonl", '{"a": 1}'.encode("utf-32"), "UTF-32"),
        ("x.jsonl", b"PAR1....", "parquet; name it .parquet"),
        ("x.json", b"PK\x03\x04....", "a zip archive"),
        ("x.jsonl.gz", gzip.compress(gzip.compress(GOOD, mtime=0), mtime=0), "gzip twice"),
        ("x.jsonl.gz", b"\xff\x12\x93", "packed neither by gzip nor by zstd"),
        ("x.jsonl", b'{\n "a": 1\n}', "no list of objects"),
        ("x.txt", GOOD, ".parquet, .jsonl, .ndjson, .json, .csv and .tsv"),
        ("x.parquet.gz", GOOD, "not a kind of file that can be read"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, name: str, data: bytes, says: str) -> None:
    """What it is is said instead of a reason for each of its lines."""
    with pytest.raises(SourceError, match=rf"{name}: .*{re.escape(says)}"):
        of_bytes(tmp_path, data, name)


def test_rows_belong_to_json(tmp_path: Path) -> None:
    """A table and parquet have no object to look into."""
    for name in ("x.csv", "x.parquet"):
        with pytest.raises(SourceError, match=rf"{name}: `rows: data` names a list in a JSON file"):
            slices(name, Blob(tmp_path / name, ""), "data")


@pytest.mark.parametrize(
    ("name", "pack"), [("x.jsonl", gzip.compress), ("x.jsonl.zst", gzip.compress), ("x.jsonl.gz", bytes)]
)
def test_bytes_tell_how_a_file_is_packed(tmp_path: Path, name: str, pack: Callable[[bytes], bytes]) -> None:
    """A server may have unpacked it on the way, or its owner misnamed it."""
    assert len(of_bytes(tmp_path, pack(GOOD * 5), name)) == 5


def test_frames_of_zstd_are_read_to_the_last(tmp_path: Path) -> None:
    """Frames without data, before, between and after the others, empty frames, and no frame at all."""
    skipped, empty = b"\x5a\x2a\x4d\x18\x03\x00\x00\x00abc", PACKERS[".zst"](b"")
    two = PACKERS[".zst"](GOOD[:4]), PACKERS[".zst"](GOOD[4:])
    assert len(of_bytes(tmp_path, skipped + two[0] + skipped + empty + two[1] + skipped, "x.jsonl.zst")) == 1
    assert of_bytes(tmp_path, empty, "x.jsonl.zst") == []
    assert of_bytes(tmp_path, b"", "x.jsonl.zst") == []


def test_a_bad_element_of_an_array_costs_itself_only(tmp_path: Path) -> None:
    """In an array of rows, too, a row that is not JSON, not an object or too long leaves the others."""
    data = (
        rb'[{"a": 1}, {"a": "\ud800"}, 7, {"a": nan}, {"a": "'
        + b"x" * 70_000
        + rb'"}, {"a": "],[{\"}"}, , {"a": 2}]'
    )
    got = of_bytes(tmp_path, data, "x.json")
    want = [None, None, "wrong_type", "bad_json", "too_big", None, "bad_json", None]
    assert outcomes(got) == want
    assert got[5].values == {"a": '],[{"}'}


def parquet(tmp_path: Path, table: pa.Table, **options: object) -> Path:
    pq.write_table(table, tmp_path / "x.parquet", **options)
    return tmp_path / "x.parquet"


def test_a_parquet_file_is_cut_along_its_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices cover the file once, in order, and number its rows through."""
    monkeypatch.setattr(read, "SLICE_ROWS", 25)
    path = parquet(tmp_path, pa.table({"a": range(100)}), row_group_size=10)
    pieces = slices("x.parquet", Blob(path, "0" * 64))
    assert [(piece.first_row, piece.rows) for piece in pieces] == [(n, 20) for n in range(0, 100, 20)]
    assert [(row.number, row.values["a"]) for row in rows_of(path)] == [(n, n) for n in range(100)]


def test_a_parquet_file_without_rows_has_one_empty_slice(tmp_path: Path) -> None:
    """No rows are no error."""
    assert rows_of(parquet(tmp_path, pa.table({"a": pa.array([], pa.string())}))) == []


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        (pa.array(["a", "x" * 20_000, "c"]), "too_big"),
        (pa.array([["a"], ["x" * 6_000, "y" * 6_000], None]), "too_big"),
        (pa.array([b"a", b"x" * 20_000, b"c"]), "too_big"),
    ],
    ids=lambda value: str(getattr(value, "type", value)),
)
def test_a_huge_value_in_parquet_costs_its_row_only(tmp_path: Path, column: pa.Array, reason: str) -> None:
    """It spoils one row, not its batch."""
    got = rows_of(parquet(tmp_path, pa.table({"a": column, "b": ["one", "two", "three"]})))
    assert outcomes(got) == [None, reason, None]
    assert json.loads(got[1].text)["b"] == "two"
    assert [row.number for row in got] == [0, 1, 2]


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        (pa.array([b"a", b"\xed\xa0\x80", b"c"]).view(pa.string()), "lone_surrogate"),
        (pa.array([b"a", b"\xff\xfe", b"c"]).view(pa.string()), "wrong_type"),
        (pa.array([0, 2**60, 1]).cast(pa.timestamp("us"), safe=False), "wrong_type"),
        (pa.array([[("k", 1)], [("k", 1), ("k", 2)], []], pa.map_(pa.string(), pa.int64())), "wrong_type"),
    ],
    ids=lambda value: str(getattr(value, "type", value)),
)
def test_a_value_that_python_cannot_hold_matters_only_to_who_reads_it(
    tmp_path: Path, column: pa.Array, reason: str
) -> None:
    """Text that is not UTF-8, a date beyond the calendar: the row is there, and the format sees why."""
    got = rows_of(parquet(tmp_path, pa.table({"a": column, "b": ["one", "two", "three"]})))
    assert outcomes(got) == [None, None, None]
    assert (got[1].values["a"].reason, got[1].values["b"]) == (reason, "two")
    with pytest.raises(PydanticCustomError, match="a: a value cannot be read") as caught:
        required_text(got[1].values, "a", Notes())
    assert caught.value.type == reason


def test_maps_become_objects_and_dates_stay(tmp_path: Path) -> None:
    """A map column reads as an object, not as a list of pairs."""
    table = pa.table(
        {"m": pa.array([[("k", "v")]], pa.map_(pa.string(), pa.string())), "t": [datetime(2025, 1, 2)]}
    )
    assert rows_of(parquet(tmp_path, table))[0].values == {"m": {"k": "v"}, "t": datetime(2025, 1, 2)}


def test_large_rows_are_read_one_by_one_and_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows too large to be held together as objects are the same rows."""
    path = parquet(tmp_path, pa.table({"a": [str(n) * 100 for n in range(50)]}))
    together = rows_of(path)
    monkeypatch.setattr(read, "_OBJECT_BYTES", 10)
    assert rows_of(path) == together


@pytest.mark.parametrize("place", [100, 5000, -6, -3])
def test_a_flipped_byte_of_a_parquet_file_is_refused_by_name(tmp_path: Path, place: int) -> None:
    """A page or a footer that is not what was written ends in one sentence."""
    table = pa.table({"a": [os.urandom(30).hex() for _ in range(200)]})
    path = parquet(tmp_path, table, write_page_checksum=True)
    data = bytearray(path.read_bytes())
    data[place] ^= 255
    path.write_bytes(data)
    with pytest.raises(SourceError, match=r"x\.parquet"):
        rows_of(path)


def test_text_under_a_parquet_name_is_refused(tmp_path: Path) -> None:
    """A file that only claims to be parquet ends in one sentence."""
    (tmp_path / "x.parquet").write_bytes(GOOD)
    with pytest.raises(SourceError, match="not a parquet file"):
        rows_of(tmp_path / "x.parquet")


def repeated(text: str, rows: int) -> pa.Table:
    column = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([text]))
    return pa.table({"a": column, "b": ["small"] * rows})


@pytest.mark.acceptance("A18")
def test_a_column_that_unpacks_thousandfold_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """A decompression bomb is seen in the footer."""
    path = parquet(tmp_path, repeated("x" * (70 << 20), 3), compression="zstd", write_statistics=False)
    assert path.stat().st_size < 100_000
    with pytest.raises(SourceError, match="column a unpack to 73400"):
        slices("x.parquet", Blob(path, "0" * 64))


CHILD = """
import sys
from pathlib import Path
from thinkmix.curation.files.blob import Blob
from thinkmix.curation.read.read import read_rows, slices
before = 0
for name in sys.argv[1:]:
    path = Path(name)
    rows = (row for piece in slices(name, Blob(path, "")) for row in read_rows(piece, max_row_bytes=1000))
    reasons = {row.fault.type if row.fault else "good" for row in rows}
    # not ru_maxrss, which a child inherits from its parent
    status = dict(line.split(":") for line in open("/proc/self/status"))
    peak = int(status["VmHWM"].split()[0]) // 1024
    print(path.name, *sorted(reasons), peak - (before or peak))
    before = before or peak
"""


def read_by_child(paths: list[str]) -> str:
    """Read files in a process of its own; return what it says of each, its growth in MB at the end."""
    run = subprocess.run(
        [sys.executable, "-c", CHILD, *paths],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    return run.stdout


needs_proc = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="peak memory is read from /proc"
)


@pytest.mark.acceptance("A18")
@needs_proc
def test_bombs_are_read_in_bounded_memory(tmp_path: Path) -> None:
    """Rows that unpack to gigabytes are dropped as too big without ever being held together."""
    pq.write_table(repeated("x", 3), tmp_path / "small.parquet")
    large = b'{"a":"' + b"x" * (100 << 20) + b'"}'
    (tmp_path / "1.jsonl.zst").write_bytes(zstandard.ZstdCompressor().compress(large))
    (tmp_path / "2.jsonl.gz").write_bytes(gzip.compress(large, 1))
    (tmp_path / "3.json.gz").write_bytes(gzip.compress(b"[" + large + b"]", 1))
    pq.write_table(repeated("x" * (20 << 20), 100), tmp_path / "4.parquet", compression="zstd")
    paths = [str(tmp_path / name) for name in ("small.parquet", "1.jsonl.zst", "2.jsonl.gz", "3.json.gz")]
    (tmp_path / "5.csv.gz").write_bytes(
        gzip.compress(b'a\n"' + (b"x" * 1023 + b"\n") * (100 << 10) + b'"\n', 1)
    )
    paths += [str(tmp_path / name) for name in ("5.csv.gz", "4.parquet")]
    seen = [line.split() for line in read_by_child(paths).splitlines()]
    assert [reasons for _, *reasons, _ in seen] == [["good"], *[["too_big"]] * 5]
    grown = [int(line[-1]) for line in seen]
    assert max(grown[:5]) < 60  # MB; each of these unpacks to 100
    assert grown[5] < 1100  # and this one to 2,000


def test_the_size_of_a_dictionary_is_read_from_its_page(tmp_path: Path) -> None:
    """However long the column is: a large row group is not decoded row by row for its size."""
    words = [f"{n:04}" * 5 for n in range(50)]
    table = pa.table({"a": words * 4_000, "b": [f"row {n}" for n in range(200_000)]})
    path = parquet(tmp_path, table, row_group_size=200_000, use_dictionary=["a"])
    group = pq.read_metadata(path).row_group(0)
    assert group.column(0).total_uncompressed_size > 10 * 50 * 24
    with path.open("rb") as file:
        assert read._dictionary_bytes(file, group.column(0)) == 50 * (4 + 20)


@pytest.mark.parametrize(
    "header",
    [b"", b"\x15", b"\x15\x04\x15", b"\x15\x04\x15\xff\xff", b"\x15\x04\x25\x02", b"\x15\x04\x15\x01"],
)
def test_a_dictionary_page_that_cannot_be_read_is_taken_for_the_whole_column(header: bytes) -> None:
    """The bound on memory holds for any file."""
    column = SimpleNamespace(dictionary_page_offset=0, total_uncompressed_size=77)
    assert read._dictionary_bytes(BytesIO(header), column) == 77


def test_batches_are_joined_up_to_their_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small row groups make no small batches; every row comes once, in order."""
    path = parquet(tmp_path, pa.table({"a": range(100)}), row_group_size=7)
    (piece,) = slices("x.parquet", Blob(path, "0" * 64))
    monkeypatch.setattr(read, "BATCH_ROWS", 30)
    whole = list(joined(read_batches(piece)))
    assert [(batch.first, batch.columns.num_rows) for batch in whole] == [(0, 35), (35, 35), (70, 30)]
    monkeypatch.setattr(read, "BATCH_BYTES", 8 * 10)
    sizes = [batch.columns.nbytes for batch in joined(read_batches(piece))]
    assert all(8 * 10 <= size < 8 * 20 for size in sizes[:-1])
    assert sum(sizes) == 8 * 100
    assert [row.values["a"] for batch in whole for row in batch.rows(max_row_bytes=9)] == list(range(100))
    assert list(joined([])) == []


def test_rows_by_their_numbers(tmp_path: Path) -> None:
    """Of a table, of lines and of an array: the rows wanted, and an error for one that is not there."""
    rows = [{"a": n} for n in range(20)]
    (tmp_path / "x.json").write_text(json.dumps(rows))
    (tmp_path / "x.jsonl").write_text("\n".join(map(json.dumps, rows)))
    parquet(tmp_path, pa.Table.from_pylist(rows), row_group_size=6)
    for name in ("x.json", "x.jsonl", "x.parquet"):
        (piece,) = slices(name, Blob(tmp_path / name, "0" * 64))
        for wanted in ([], [0], [5, 6, 19], list(range(20))):
            got = list(read_rows(piece, max_row_bytes=100, rows=np.array(wanted, np.int64)))
            assert [(row.number, row.values["a"]) for row in got] == [(n, n) for n in wanted]
        with pytest.raises(SourceError, match="only 1 of 2 wanted rows"):
            list(read_rows(piece, max_row_bytes=100, rows=np.array([3, 20])))


@needs_proc
def test_one_row_group_of_any_size_is_read_in_bounded_memory(tmp_path: Path) -> None:
    """A column chunk is not held whole: a large row group costs no more memory than a small one."""
    noise = [os.urandom(500).hex() for _ in range(150_000)]
    for name, rows in (("small.parquet", 15_000), ("large.parquet", 150_000)):
        pq.write_table(
            pa.table({"a": noise[:rows]}), tmp_path / name, compression="none", use_dictionary=False
        )
    paths = [str(tmp_path / name) for name in ("small.parquet", "large.parquet")]
    assert int(read_by_child(paths).split()[-1]) < 50  # MB, of a row group of 150


def test_polars_files_with_dictionaries_read_as_plain_text(tmp_path: Path) -> None:
    """Categorical columns are text."""
    frame = pl.DataFrame({"a": ["x", "y", "x"]}, schema={"a": pl.Categorical})
    frame.write_parquet(tmp_path / "x.parquet")
    assert [row.values["a"] for row in rows_of(tmp_path / "x.parquet")] == ["x", "y", "x"]


def test_a_slice_names_its_rows() -> None:
    """Progress and errors name the part of the file."""
    whole = RawSlice(file="f.jsonl", content=Blob(Path("f"), ""))
    part = RawSlice(file="f.parquet", content=Blob(Path("f"), ""), row_groups=(1, 2), first_row=10)
    assert [whole.label, part.label] == ["f.jsonl", "f.parquet rows 10+"]
