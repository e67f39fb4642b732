"""Text of another encoding is read where the recipe states it, and named where it does not."""

import gzip
import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from thinkmix.curation.files.blob import Blob
from thinkmix.curation.read.encodings import UNKNOWN, likely
from thinkmix.curation.read.read import RawRow, read_rows, slices
from thinkmix.curation.validate.rowwise import Origin, validate_slice
from thinkmix.flows.sources.settings import LocalSource
from thinkmix.schemas.errors import SourceError

ZH = ["请问三十五只鸡和兔子一共有九十四只脚，鸡和兔子各有多少只？", "今天的天气怎么样？请用一句话回答我。"]
ROWS = [
    {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": "好的。"}]}
    for text in ZH
]
LINES = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in ROWS)


def rows(path: Path, encoding: str | None = None, rows_in: str | None = None) -> list[RawRow]:
    pieces = slices(path.name, Blob(path, "0" * 64), rows_in, encoding)
    return [row for piece in pieces for row in read_rows(piece, max_row_bytes=100_000)]


@pytest.mark.parametrize("encoding", ["gbk", "gb18030", "utf-16", "utf-16-le", "utf-32", "utf-8"])
@pytest.mark.parametrize("name", ["x.jsonl", "x.json", "x.jsonl.gz"])
def test_text_of_a_stated_encoding_is_read_as_utf8_would_be(tmp_path: Path, name: str, encoding: str):
    """Lines, an array, and packed."""
    text = json.dumps(ROWS, ensure_ascii=False, indent=1) if name == "x.json" else LINES
    content = text.encode(encoding)
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert [row.values for row in rows(tmp_path / name, encoding)] == ROWS


def test_rows_in_an_object_and_tables_are_read_in_a_stated_encoding(tmp_path: Path):
    """The setting `rows`, and CSV."""
    (tmp_path / "x.json").write_bytes(json.dumps({"data": ROWS}, ensure_ascii=False).encode("gbk"))
    assert [row.values for row in rows(tmp_path / "x.json", "gbk", "data")] == ROWS
    (tmp_path / "x.csv").write_bytes(f"问题,答案\n{ZH[0]},好\n".encode("gbk"))
    assert [row.values for row in rows(tmp_path / "x.csv", "gbk")] == [{"问题": ZH[0], "答案": "好"}]


def test_character_that_a_block_cuts_is_whole(tmp_path: Path):
    """A file of several blocks, each of which ends anywhere in a character."""
    text = "".join(f"{json.dumps({'n': n, 'text': ZH[n % 2]}, ensure_ascii=False)}\n" for n in range(40_000))
    (tmp_path / "x.jsonl").write_bytes(text.encode("gbk"))
    got = [row.values for row in rows(tmp_path / "x.jsonl", "gbk")]
    assert got == [json.loads(line) for line in text.splitlines()]


def test_wrong_encoding_names_file_and_place(tmp_path: Path):
    """The first byte that is no text of it, counted from the file's beginning, blocks later too."""
    padding = b'{"a": 1}\n' * 200_000
    (tmp_path / "x.jsonl").write_bytes(padding + LINES.encode("gbk")[:-1] + b"\xff\n")
    place = len(padding) + len(LINES.encode("gbk")) - 1
    with pytest.raises(
        SourceError, match=rf"x\.jsonl: byte {place:,} \(ff\) is no text in gbk; state the `encoding`"
    ):
        rows(tmp_path / "x.jsonl", "gbk")


def test_file_that_ends_inside_a_character_names_the_place(tmp_path: Path):
    """Half of a character is not text."""
    content = LINES.encode("utf-16-le")[:-1]
    (tmp_path / "x.jsonl").write_bytes(content)
    with pytest.raises(SourceError, match=f"byte {len(content) - 1} "):
        rows(tmp_path / "x.jsonl", "utf-16-le")


def test_parquet_has_no_encoding():
    """A setting that does nothing is refused."""
    with pytest.raises(SourceError, match="`encoding: gbk` is for files of text"):
        slices("x.parquet", Blob(Path("x.parquet"), ""), None, "gbk")


@pytest.mark.parametrize("name", ["gbkk", "rot13", "base64", "unicode_escape", "utf-7", "", "a\0b"])
def test_recipe_refuses_what_is_no_encoding_of_text(name: str):
    """And says which there are."""
    stated = {"name": "a", "files": ["x"], "format": "messages", "encoding": name}
    with pytest.raises(ValidationError, match="not a known encoding of text; known are gbk"):
        LocalSource.model_validate(stated)
    for good in ("GBK", "latin-1", "shift-jis", "utf-16", "windows-1252"):
        assert LocalSource.model_validate({**stated, "encoding": good}).encoding == good


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("gb18030", ZH[0]),
        ("gb18030", "你好,世界"),
        ("gb18030", "question,answer: 春眠不觉晓，处处闻啼鸟。"),
        ("big5", "這是一個關於如何學習數學的問題。請解釋一下。"),
        ("cp932", "これは日本語の文章です。数学を勉強します。"),
        ("cp949", "안녕하세요 이것은 한국어 문장입니다."),
    ],
)
def test_encoding_of_bytes_is_told(encoding: str, text: str):
    """What is named decodes them, so that the advice works."""
    assert likely(text.encode(encoding)) == encoding
    assert text.encode(encoding).decode(likely(text.encode(encoding))) == text


def test_encoding_of_noise_is_unknown():
    """No advice is better than a wrong one."""
    assert likely(bytes(range(256)) * 4) == UNKNOWN


def test_rows_that_are_not_utf8_are_counted_by_the_encoding_they_seem_to_have(tmp_path: Path):
    """Rows of ASCII are read all the same: the count alone says that the file is of another encoding."""
    ascii_rows = [
        {"messages": [{"role": "user", "content": f"{n}?"}, {"role": "assistant", "content": "Yes."}]}
        for n in range(20)
    ]
    text = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in [*ascii_rows, *ROWS])
    (tmp_path / "x.jsonl").write_bytes(text.encode("gbk"))
    source = LocalSource.model_validate({"name": "a", "files": ["x"], "format": "messages"})
    (piece,) = slices("x.jsonl", Blob(tmp_path / "x.jsonl", "0" * 64))
    (tmp_path / "out").mkdir()
    seen = validate_slice(piece, origin=Origin(source, "x.jsonl"), max_row_bytes=10_000, out=tmp_path / "out")
    assert (seen.rows.kept.rows, seen.rows.dropped["bad_json"].rows) == (20, 2)
    assert seen.tally.encodings == {"gb18030": 2}
    assert (seen.tally + seen.tally).encodings == {"gb18030": 4}
