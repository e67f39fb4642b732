"""Columns of raw files: types, nulls and small sets of values, the same whichever way rows are cut."""

from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.harness.builders import recipe, write_rows
from thinkmix.curation.files.blob import Blob
from thinkmix.curation.read.read import slices
from thinkmix.curation.validate import profile
from thinkmix.curation.validate.profile import Profile, ProfilePart, merge_columns
from thinkmix.curation.validate.rowwise import Origin, validate_slice
from thinkmix.schemas.columns import Columns


def of_rows(*rows: dict[str, Any]) -> ProfilePart:
    """Look at rows of JSON."""
    seen = Profile()
    for row in rows:
        seen.add_row(row)
    return seen.part()


def of_table(columns: dict[str, Any], batch: int = 2) -> ProfilePart:
    """Look at a table, a few rows at a time."""
    seen = Profile()
    for rows in pa.table(columns).to_batches(max_chunksize=batch):
        seen.add_batch(rows)
    return seen.part()


TABLE = {
    "level": ["easy", "hard", None, "easy"],
    "score": [1, None, None, 2],
    "text": ["x" * 65, "a", "b", "c"],
    "turns": [[{"from": "human", "value": "hi"}]] * 4,
}


def test_columns_of_a_table_are_noted():
    """Types are named as polars prints them, nulls are counted, and short lists of short texts are kept."""
    found = merge_columns("chat", [of_table(TABLE)])
    assert found == Columns(
        source="chat",
        types={name: str(kind) for name, kind in pl.from_dict(TABLE).schema.items()},
        values={"level": ("easy", "hard")},
        missing={"level": 1, "score": 2, "text": 0, "turns": 0},
    )


ARROW = [
    pa.list_(pa.struct([("a", pa.large_string()), ("b", pa.int32())])), pa.uint16(), pa.float32(), pa.bool_(),
    pa.string(), pa.large_binary(), pa.date32(), pa.null(), pa.float64(), pa.int8(), pa.uint64(),
]  # fmt: skip


@pytest.mark.parametrize("kind", ARROW, ids=str)
def test_arrow_types_have_the_names_that_polars_gives_them(kind: pa.DataType):
    """A type reads as polars would print it, without a frame being made."""
    part = of_table({"x": pa.nulls(1, kind)})
    assert part.types["x"] == (str(pl.from_arrow(pa.table({"x": pa.nulls(1, kind)})).schema["x"]),)


def test_rows_of_json_have_columns_too():
    """Keys are columns; a key that a row lacks is a missing value, and a number may be whole by chance."""
    part = of_rows(
        {"a": 1, "b": "x", "c": [1]}, {"a": 1.5, "b": None}, {"a": 2, "d": {"x": True}}, {"e": None}
    )
    found = merge_columns("math", [part])
    types = {"a": "Float64", "b": "String", "c": "List", "d": "Struct", "e": "Null"}
    assert found.types == types
    assert found.missing == {"a": 1, "b": 3, "c": 3, "d": 3, "e": 4}
    assert found.values == {"b": ("x",), "e": ()}


def test_shards_that_disagree_are_seen():
    """Another type in a second file makes two types; a column that it lacks is missing in all its rows."""
    first = of_table({"x": [1, 2], "y": ["a", "b"], "z": ["p", None]})
    second = of_table({"x": ["1", "2", "3"], "z": ["q", "q", "q"]})
    found = merge_columns("math", [first, second])
    assert found.types == {"x": "Int64 | String", "y": "String", "z": "String"}
    assert found.missing == {"x": 0, "y": 3, "z": 1}
    assert found.values == {"y": ("a", "b"), "z": ("p", "q")}


def test_it_does_not_matter_how_rows_are_cut():
    """One shard or many, one batch or many: the columns of a source are the same."""
    rows = {"x": [f"v{n % 19}" for n in range(60)], "y": [str(n) for n in range(60)], "z": [None, 1] * 30}
    whole = merge_columns("math", [of_table(rows, batch=60)])
    parts = [of_table({name: column[n : n + 7] for name, column in rows.items()}, 3) for n in range(0, 60, 7)]
    assert merge_columns("math", parts) == whole
    assert list(whole.values) == ["x"]


def test_twenty_values_are_few_and_twenty_one_are_not():
    """No values are listed of a column with more than a person reads, in one shard or in all together."""
    twenty = {"x": [f"v{n}" for n in range(20)]}
    assert merge_columns("a", [of_table(twenty)]).values["x"] == tuple(sorted(twenty["x"]))
    assert merge_columns("a", [of_table(twenty), of_table({"x": ["another"]})]).values == {}
    assert of_table({"x": [f"v{n}" for n in range(21)]}).values == {}


def test_memory_is_bounded_whatever_rows_call_their_columns(monkeypatch: pytest.MonkeyPatch):
    """Only the first columns are listed, and the report says that there are more; long names are cut."""
    monkeypatch.setattr(profile, "MOST_COLUMNS", 3)
    part = of_rows({"k" * 10_000: 1}, *({f"key{n}": n} for n in range(9)))
    assert len(part.types) == 3
    assert max(len(name) for name in part.types) < 250
    found = merge_columns("math", [part, of_rows({"other": 1})])
    assert (len(found.types), found.cut) == (3, True)


@pytest.mark.parametrize("text", ["\ud800", "a\ud800", "\x00", "\u202e"])
def test_no_name_or_value_breaks_the_report(text: str):
    """Half of a surrogate pair or a control character as key and value is escaped or kept, never an error."""
    found = merge_columns("math", [of_rows({text: text})])
    orjson.dumps(found.model_dump(mode="json"))


def test_text_that_is_not_utf_8_has_no_values():
    """Bytes that only claim to be text are counted and not listed."""
    broken = _broken()
    part = of_table({"x": broken})
    assert (part.there, part.values) == ({"x": 1}, {})


def _broken() -> pa.Array:
    data = pa.py_buffer(b"\xff\xfe")
    offsets = pa.array([0, 2], pa.int32()).buffers()[1]
    return pa.StringArray.from_buffers(1, offsets, data)


@pytest.mark.parametrize("name", ["rows.parquet", "rows.jsonl"])
def test_validation_notes_the_columns_of_what_it_reads(name: str, tmp_path: Path):
    """A slice of either kind of file shows its rows to the profile; a line that is no row has no columns."""
    rows = [{"problem": f"Find {n}", "generated_solution": "<think>\nhm\n</think>\n\n1"} for n in range(3)]
    path = tmp_path / name
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        write_rows(path, [*rows, "{", "[]"])
    source = recipe().sources[0]
    (piece,) = slices(name, Blob(path, ""))
    seen = Profile()
    origin = Origin(source, name)
    validate_slice(piece, origin=origin, max_row_bytes=10_000, out=tmp_path, profile=seen)
    found = merge_columns("math", [seen.part()])
    assert found.types == {"generated_solution": "String", "problem": "String"}
    assert found.missing == {"generated_solution": 0, "problem": 0}
