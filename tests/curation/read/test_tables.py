"""How rows come out of CSV and TSV: as RFC 4180 writes them, each by itself, in bounded memory."""

import csv
import gzip
import io
from pathlib import Path

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from thinkmix.curation.files.blob import Blob
from thinkmix.curation.read.read import RawRow, read_rows, slices
from thinkmix.schemas.errors import SourceError


def rows_of(path: Path, most: int = 10_000, wanted: list[int] | None = None) -> list[RawRow]:
    (piece,) = slices(path.name, Blob(path, ""))
    rows = None if wanted is None else np.array(wanted, np.int64)
    return list(read_rows(piece, max_row_bytes=most, rows=rows))


def of_text(folder: Path, text: str | bytes, name: str = "x.csv", most: int = 10_000) -> list[RawRow]:
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return rows_of(folder / name, most)


def outcomes(rows: list[RawRow]) -> list[str | None]:
    return [row.fault.type if row.fault else None for row in rows]


@pytest.mark.parametrize(
    ("name", "text", "want"),
    [
        ("x.csv", "a,b\n1,2\n", [{"a": "1", "b": "2"}]),
        ("x.csv", 'a,b\r\n"x\r\n\ny","say ""hi"", you"\r\n', [{"a": "x\r\n\ny", "b": 'say "hi", you'}]),
        ("x.csv", 'a,b\n,""\n', [{"a": None, "b": None}]),
        ("x.csv", "\n\na,b\n\n1,2\n\n", [{"a": "1", "b": "2"}]),
        ("x.csv", "\ufeffa,b\n1,中", [{"a": "1", "b": "中"}]),
        ("x.csv", '\ufeff"a",b\n1, 2 ', [{"a": "1", "b": " 2 "}]),
        ("x.csv", "a\nx\n", [{"a": "x"}]),
        ("x.csv", "a,b\r1,2\r3,4\r", [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]),
        ("x.csv", 'a,b\n5" disk,2\n', [{"a": '5" disk', "b": "2"}]),
        ("x.csv", ",a\n0,x\n", [{"Unnamed: 0": "0", "a": "x"}]),
        ("x.tsv", "a\tb\n1,5\tx\n", [{"a": "1,5", "b": "x"}]),
        ("x.csv", "a;b\n1,5;x\n", [{"a": "1,5", "b": "x"}]),
        ("x.csv", "a\tb\n1\t2\n", [{"a": "1", "b": "2"}]),
        ("x.tsv", "a,b\n1,2\n", [{"a": "1", "b": "2"}]),
        ("x.CSV", "a,b\n", []),
        ("x.csv", "", []),
        ("x.csv", "\n", []),
    ],
)
def test_the_header_names_the_columns(
    tmp_path: Path, name: str, text: str, want: list[dict[str, str | None]]
) -> None:
    """Values are text; an empty cell is absent; a header of one cell may be parted by something else."""
    got = of_text(tmp_path, text, name)
    assert [row.values for row in got] == want
    assert [row.number for row in got] == list(range(len(want)))


@pytest.mark.parametrize(
    ("line", "reason", "says"),
    [
        (b"1", "bad_csv", "line 3: 1 cells, and the header names 2 columns"),
        (b"1,2,3", "bad_csv", "line 3: 3 cells"),
        (b'"1"x,2', "bad_csv", "line 3: ',' expected after '\"'"),
        (b'"1\n2",3,4', "bad_csv", "lines 3 to 4: 3 cells"),
        (b"1,\xff", "bad_csv", "line 3: not UTF-8"),
        (b"1," + b"x" * 70_000, "too_big", "line 3: a row of 70003 characters"),
        (b'1,"' + b'x""\n' * 70_000 + b'"', "too_big", "lines 3 to 70003"),
        (b'1,"' + b"x" * 5_000_000 + b'"', "too_big", "a row of 5000005 characters"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_bad_row_costs_itself_only(tmp_path: Path, line: bytes, reason: str, says: str) -> None:
    """It comes with its reason, the lines that it stands on, and its text."""
    got = of_text(tmp_path, b"a,b\n1,2\n" + line + b"\n3,4\n")
    assert outcomes(got) == [None, reason, None]
    assert got[1].fault is not None
    assert says in got[1].fault.message()
    assert line.decode(errors="backslashreplace").startswith(got[1].text[:5])
    assert got[2].values == {"a": "3", "b": "4"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('a,b\n1,2\n3,"x\n5,6\n', "lines 3 to 4: a quote opens and does not close"),
        ('a,b\n1,"' + "x\n" * 50_000, "lines 2 to 50002: a quote opens and does not close"),
        ("a,b,a\n1,2,3\n", "its header names 'a' twice"),
        (b"a,\xff\n1,2\n", "its header is not UTF-8"),
        ('"a"b,c\n1,2\n', "its header is not a line of column names"),
        ("a" * 100_000, "its header is not a line of column names"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_file_that_is_broken_as_a_whole_is_refused(tmp_path: Path, text: str | bytes, says: str) -> None:
    """Above all one that ends inside quotes, in which rows would be lost without a word."""
    with pytest.raises(SourceError, match=rf"x\.csv: {says}"):
        of_text(tmp_path, text)


@pytest.mark.parametrize(
    ("suffix", "pack"), [(".gz", gzip.compress), (".zst", zstandard.ZstdCompressor().compress)]
)
def test_packed_tables_give_the_same_rows(tmp_path: Path, suffix: str, pack: object) -> None:
    """However many rows there are."""
    assert callable(pack)
    text = "a,b\n" + "".join(f'{n},"x\n{n}"\n' for n in range(5000))
    got = of_text(tmp_path, pack(text.encode()), f"x.csv{suffix}")
    assert [row.values for row in got] == [{"a": f"{n}", "b": f"x\n{n}"} for n in range(5000)]


def test_rows_by_their_numbers(tmp_path: Path) -> None:
    """Bad rows and line breaks count as they did when all were read."""
    of_text(tmp_path, 'a,b\n0,"x\ny"\n1\n2,z\n')
    got = rows_of(tmp_path / "x.csv", wanted=[1, 2])
    assert [(row.number, row.values) for row in got] == [(1, {}), (2, {"a": "2", "b": "z"})]


CELLS = st.text(st.sampled_from('ab",;\t\n\r 中'), max_size=6)


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=5), st.sampled_from(["\n", "\r\n"]))
def test_what_csv_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], end: str
) -> None:
    """Whatever stands in a cell: quotes, delimiters, line breaks."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL).writerows([["p", "q"], *rows])
    got = of_text(tmp_path_factory.mktemp("rows"), text.getvalue())
    assert [list(row.values.values()) for row in got] == [[cell or None for cell in row] for row in rows]
