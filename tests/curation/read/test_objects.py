"""Arrow rows as what their author said: without the nulls that Arrow adds, with what JSON columns say."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset
from datasets.utils.logging import disable_progress_bar
from hypothesis import given, settings
from hypothesis import strategies as st

from thinkmix.curation.files.blob import Blob
from thinkmix.curation.read import read
from thinkmix.curation.read.read import RawRow, read_rows, slices

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
PAIR = pa.struct([("b", pa.int8()), ("c", pa.int8())])
NAMES = st.sampled_from(["a", "b", "ключ", "type"])


def rows_of(path: Path, most: int = 100_000) -> list[RawRow]:
    return [
        row for piece in slices(path.name, Blob(path, "")) for row in read_rows(piece, max_row_bytes=most)
    ]


def of_table(folder: Path, table: pa.Table, **settings: Any) -> list[RawRow]:
    pq.write_table(table, folder / "x.parquet", **settings)
    return rows_of(folder / "x.parquet")


def of_lines(folder: Path, rows: Sequence[Mapping[str, Any]]) -> list[RawRow]:
    text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (folder / "x.jsonl").write_text(text, encoding="utf-8")
    return rows_of(folder / "x.jsonl")


def json_column(texts: Sequence[str | None]) -> pa.Array:
    return pa.ExtensionArray.from_storage(pa.json_(), pa.array(texts, pa.string()))


def call(name: str, **arguments: Any) -> Mapping[str, Any]:
    return {"type": "function", "function": {"name": name, "arguments": arguments}}


def test_keys_that_a_row_never_had_are_removed_however_deep(tmp_path: Path) -> None:
    """Arguments of one call do not lie in those of another; turns have only their own fields."""
    rows = [
        {
            "messages": [
                {"role": "user", "content": "q"},
                {"role": "assistant", "tool_calls": [call("f", x="1")]},
            ]
        },
        {"messages": [{"role": "assistant", "tool_calls": [call("g", y=2, z=["a"]), call("h")]}]},
    ]
    got = of_table(tmp_path, pa.Table.from_pylist(rows))
    assert [row.values for row in got] == rows


def test_only_keys_below_a_turn_are_counted_as_padding(tmp_path: Path) -> None:
    """A turn without `tool_calls` is an ordinary turn; arguments that other calls have are padding."""
    rows = [
        {"turns": [{"role": "user"}, {"calls": [{"name": "f", "x": 1}]}], "meta": {"a": 1}},
        {"turns": [{"calls": [{"name": "g", "y": {"deep": 1}}, {"name": "h"}]}], "meta": {"b": 2}},
        {"turns": None, "meta": None},
    ]
    got = of_table(tmp_path, pa.Table.from_pylist(rows))
    assert [row.padding for row in got] == [1 + 1, 1 + 2 + 1, 0]
    assert [row.values for row in got] == rows


@pytest.mark.parametrize(
    ("column", "want"),
    [
        (pa.array([{"enum": ["x", None]}]), {"enum": ["x", None]}),
        (pa.array([[{"a": 1}, None]]), [{"a": 1}, None]),
        (pa.array([[("a", None)]], pa.map_(pa.string(), pa.int64())), {"a": None}),
        (pa.array([[("a", {"b": None, "c": 1})]], pa.map_(pa.string(), PAIR)), {"a": {"c": 1}}),
        (pa.array([{"a": None}], pa.struct([("a", pa.int8())])), {}),
        (pa.array([None], pa.struct([("a", pa.int8())])), None),
        (pa.array([[[{"a": None}]]], pa.list_(pa.list_(pa.struct([("a", pa.null())])))), [[{}]]),
        (pa.array([[{"a": None}]], pa.list_(pa.struct([("a", pa.int8())]), 1)), [{}]),
        (pa.array([[{"a": None}]], pa.large_list(pa.struct([("a", pa.int8())]))), [{}]),
    ],
    ids=lambda value: str(getattr(value, "type", value))[:50],
)
def test_a_null_that_was_said_stays(tmp_path: Path, column: pa.Array, want: object) -> None:
    """In lists and maps, and of whole columns; keys of structs go."""
    assert of_table(tmp_path, pa.table({"c": column}))[0].values == {"c": want}


@pytest.mark.parametrize("store_schema", [True, False])
def test_a_json_column_reads_as_what_it_says(tmp_path: Path, store_schema: bool) -> None:
    """Also in lists and structs, and if only parquet's own type says so; its nulls stay, bad text is text."""
    texts = [
        '{"a": null, "b": [1, {"c": null}]}',
        "null",
        None,
        "bad {",
        '"text"',
        "12345678901234567890123",
        "NaN",
    ]
    column = json_column(texts)
    table = pa.table(
        {
            "c": column,
            "l": pa.ListArray.from_arrays(pa.array([0, 1, 2, 3, 4, 5, 6, 7]), column),
            "s": pa.StructArray.from_arrays([column], ["x"]),
        }
    )
    want = [{"a": None, "b": [1, {"c": None}]}, None, None, "bad {", "text", 12345678901234567890123]
    got = of_table(tmp_path, table, store_schema=store_schema)
    assert [row.values["c"] for row in got[:6]] == want
    assert [row.values["l"] for row in got[:6]] == [[value] for value in want]
    assert [row.values["s"] for row in got[:6]] == [
        {} if text is None else {"x": value} for text, value in zip(texts, want, strict=False)
    ]
    assert got[6].values["c"] != got[6].values["c"]  # NaN
    assert [row.padding for row in got] == [0, 0, 1, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 70 + "]" * 70, "too_deep"),
        ('"' + "x" * 100_001 * 6 + '"', "too_big"),
    ],
    ids=["deep", "big"],
)
def test_bad_text_in_a_json_column_costs_its_row_only(tmp_path: Path, text: str, reason: str) -> None:
    """As the same text does in a line of JSON; the row is shown as JSON."""
    got = of_table(tmp_path, pa.table({"c": json_column(["1", text, "3"]), "b": ["one", "two", "three"]}))
    assert [row.fault.type if row.fault else None for row in got] == [None, reason, None]
    assert json.loads(got[1].text)["b"] == "two"


def test_bottomless_text_in_a_json_column_matters_only_to_who_reads_it(tmp_path: Path) -> None:
    """The value cannot be read, the row can."""
    (row,) = of_table(tmp_path, pa.table({"c": json_column(["[" * 20_000 + "]" * 20_000]), "b": ["one"]}))
    assert (row.values["c"].reason, row.values["b"]) == ("too_deep", "one")


def test_the_limit_of_a_json_column_is_of_its_text_not_of_its_escapes(tmp_path: Path) -> None:
    """A row whose JSON is six times its text counts as large as in a line."""
    column = json_column([json.dumps({"a": "中" * 300})])
    pq.write_table(pa.table({"c": column}), tmp_path / "x.parquet")
    assert rows_of(tmp_path / "x.parquet", most=1000)[0].fault is None


BINARIES = [pa.binary(), pa.large_binary(), pa.binary(3), pa.binary_view()]


@pytest.mark.parametrize("kind", [*BINARIES, pa.dictionary(pa.int8(), pa.binary())], ids=str)
def test_bytes_that_are_text_read_as_text(kind: pa.DataType) -> None:
    """Each value by itself; what is not UTF-8 stays bytes."""
    column = pa.array([b"abc", "中".encode(), b"\xff\x00\x01", None], kind)
    batch = pa.record_batch(
        {"c": column, "l": pa.array([[b"abc"], [], None, [b"\xff"]], pa.list_(pa.binary()))}
    )
    rows = list(read._batch_rows(batch, range(4), 1000))
    assert [row.values["c"] for row in rows] == ["abc", "中", b"\xff\x00\x01", None]
    assert [row.values["l"] for row in rows] == [["abc"], [], None, [b"\xff"]]


def test_other_extensions_read_as_python_knows_them() -> None:
    """An extension of structs has no padding either."""
    structs = pa.array([{"a": 1, "b": None}, {"a": None, "b": 2}])
    wrapped = pa.opaque(structs.type, "t", "v")
    number = UUID(int=7)
    batch = pa.record_batch(
        {
            "o": pa.ExtensionArray.from_storage(wrapped, structs),
            "u": pa.ExtensionArray.from_storage(pa.uuid(), pa.array([number.bytes] * 2, pa.binary(16))),
        }
    )
    rows = [row.values for row in read._batch_rows(batch, range(2), 1000)]
    assert rows == [{"o": {"a": 1}, "u": number}, {"o": {"b": 2}, "u": number}]


def test_rows_read_one_by_one_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Padding, JSON and bytes of rows that are too large to be read together."""
    table = pa.table({"t": [[{"a": {"x": 1}}], [{"a": {"y": b"b"}}]], "j": json_column(['{"k": null}', "x"])})
    together = of_table(tmp_path, table)
    monkeypatch.setattr(read, "_OBJECT_BYTES", 0)
    assert of_table(tmp_path, table) == together
    assert [row.padding for row in together] == [1, 1]


def test_a_map_by_structs_cannot_be_read(tmp_path: Path) -> None:
    """Python has no such mapping."""
    kind = pa.map_(pa.struct([("a", pa.int8())]), pa.int8())
    got = of_table(tmp_path, pa.table({"m": pa.array([[], [({"a": 1}, 1)]], kind)}))
    assert [type(row.values["m"]).__name__ for row in got] == ["dict", "Unreadable"]


SCALARS = [(pa.string(), TEXTS), (pa.int64(), st.integers(-(2**63), 2**63 - 1)), (pa.bool_(), st.booleans())]
TYPES = st.recursive(
    st.sampled_from([kind for kind, _ in SCALARS]),
    lambda inner: (
        st.builds(pa.list_, inner)
        | st.dictionaries(NAMES, inner, min_size=1, max_size=3).map(
            lambda fields: pa.struct([*fields.items()])
        )
    ),
    max_leaves=8,
)


def said(kind: pa.DataType) -> st.SearchStrategy[Any]:
    """Return values of a type without a null, in which any key of an object may be absent."""
    if pa.types.is_list(kind):
        return st.lists(said(kind.value_type), max_size=2)
    if pa.types.is_struct(kind):
        fields = {field.name: said(field.type) for field in kind}
        return st.fixed_dictionaries({}, optional=fields)
    return dict(SCALARS)[kind]


@st.composite
def tables(draw: st.DrawFn) -> tuple[pa.Schema, list[dict[str, Any]]]:
    schema = pa.schema([*draw(st.dictionaries(NAMES, TYPES, min_size=1, max_size=2)).items()])
    row = st.fixed_dictionaries({field.name: said(field.type) for field in schema})
    return schema, draw(st.lists(row, min_size=1, max_size=3))


@settings(max_examples=60, deadline=None)
@given(tables())
def test_parquet_and_lines_of_the_same_rows_are_equal(
    tmp_path_factory: pytest.TempPathFactory, table: tuple[pa.Schema, list[dict[str, Any]]]
) -> None:
    """Whatever union of keys the table has to give every struct."""
    schema, rows = table
    folder = tmp_path_factory.mktemp("rows")
    lines = [row.values for row in of_lines(folder, rows)]
    assert lines == rows
    assert [row.values for row in of_table(folder, pa.Table.from_pylist(rows, schema))] == lines


VALUES = st.recursive(
    # datasets takes a text that is JSON for what it says
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXTS.map("§{}".format),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=5,
)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries({"k": TEXTS, "v": st.lists(VALUES, min_size=1, max_size=2)}),
        min_size=1,
        max_size=3,
    )
)
def test_what_datasets_writes_reads_as_the_same_rows(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    """Values of mixed types, too, which it writes as JSON."""
    disable_progress_bar()
    folder = tmp_path_factory.mktemp("rows")
    Dataset.from_list(rows, on_mixed_types="use_json").to_parquet(folder / "x.parquet")
    assert [row.values for row in rows_of(folder / "x.parquet")] == rows
