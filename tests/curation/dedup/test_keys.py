"""How key shards are read."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thinkmix.curation.dedup.keys import answer_hashes, hex_series, read_hex, read_keys, shard_rows
from thinkmix.curation.tables import KEY_SCHEMA

DIGITS = "0123456789abcdef0123456789abcdef"


@settings(deadline=None)
@given(st.lists(st.text("0123456789abcdef", min_size=32, max_size=40), max_size=5))
def test_hexadecimal_text_is_read_and_printed_back(tmp_path_factory, texts: list[str]) -> None:
    """The first 32 digits come back; longer texts are cut there."""
    path = tmp_path_factory.mktemp("keys") / "keys"
    pl.DataFrame({"id": pl.Series(texts, dtype=pl.String)}).write_parquet(path)
    values = read_hex([path], "id")
    assert values.tolist() == [
        [int(text[:16], 16) for text in texts],
        [int(text[16:32], 16) for text in texts],
    ]
    assert hex_series(values).to_list() == [text[:32] for text in texts]


@pytest.mark.parametrize("place", [0, 7, 8, 31])
def test_what_is_no_lower_case_digit_is_refused(tmp_path: Path, place: int) -> None:
    """Every other byte is found wherever it stands, the neighbours of the digits among them."""
    path = tmp_path / "keys"
    for code in [*range(128), 0xE9, 0x1F600]:
        char = chr(code)
        pl.DataFrame({"id": [DIGITS, DIGITS[:place] + char + DIGITS[place + 1 :]]}).write_parquet(path)
        if char in DIGITS:
            assert read_hex([path], "id").shape == (2, 2)
            continue
        with pytest.raises(ValueError, match="row 1: id is not 32"):
            read_hex([path], "id")


@pytest.mark.parametrize("text", ["", "0", DIGITS[:31], None])
def test_fewer_than_32_digits_are_refused(tmp_path: Path, text: str | None) -> None:
    """Nothing of the next id is read for the digits that are missing, not even for a single one."""
    path = tmp_path / "keys"
    pl.DataFrame({"id": [DIGITS, text, DIGITS]}).write_parquet(path)
    with pytest.raises(ValueError, match=f"row 1: id is not 32 or more hexadecimal digits: '{text or ''}'"):
        read_hex([path], "id")


def test_names_have_one_code_over_all_shards(tmp_path: Path) -> None:
    """A source is the same number in every shard, and a missing solver is one of its own."""
    rows = {"source": ["a", "b"], "solver": [None, "r1"], "file": ["y", "x"], "priority": [0, 0]}
    for number, sources in enumerate((["a", "b"], ["b", "a"])):
        places = {"id": [DIGITS] * 2, "row": [0, number], "cap": [1, 1], "text_bytes": [9, 9]}
        frame = pl.DataFrame({**rows, **places, "source": sources})
        empty = pl.DataFrame(schema=KEY_SCHEMA)
        pl.concat([empty, frame], how="diagonal_relaxed").write_parquet(tmp_path / str(number))
    columns = read_keys([tmp_path / "0", tmp_path / "1"])
    assert columns.source.tolist() == [0, 1, 1, 0]
    assert columns.solver.tolist() == [-1, 0, -1, 0]
    assert columns.ranks.tolist() == [0, 2, 1, 3]


@pytest.mark.parametrize("at_once", [1, 1_000])
def test_every_column_is_read_of_every_shard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """Rows of all shards one after the other; the better row is first by priority, quality, id, then text."""
    monkeypatch.setattr("thinkmix.curation.files.shards.ROWS_AT_ONCE", at_once)
    rows = [
        # id       source solver  file  row  priority quality cap answer turns preamble bytes
        ("2" * 32, "a", "r1", "y", 5, 0, None, 1, "7", [1], "p", 7),
        ("1" * 32, "b", None, "x", 6, 0, 0.5, 2, None, [1], None, 7),
        ("3" * 32, "b", "qwq", "x", 7, 1, None, 3, "$ 7 $", [1, 3], "p", 7),
        ("1" * 32, "a", "r1", "w", 8, 0, 0.25, 4, "8", [1], "q", 9),
        ("1" * 32, "a", "r1", None, 9, 0, 0.25, 5, " ", [1], "", 7),
    ]
    names = [
        "id",
        "source",
        "solver",
        "file",
        "row",
        "priority",
        "quality",
        "cap",
        "answer",
        "turns",
        "preamble",
        "text_bytes",
    ]
    schema = {name: KEY_SCHEMA[name] for name in names}
    for number, part in enumerate((rows[:2], rows[2:])):
        pl.DataFrame(part, schema=schema, orient="row").write_parquet(tmp_path / str(number))
    shards = [tmp_path / "0", tmp_path / "1"]
    columns = read_keys(shards)
    assert shard_rows(shards) == [2, 3]
    assert hex_series(columns.ids).to_list() == [row[0] for row in rows]
    assert columns.source.tolist() == [0, 1, 1, 0, 0]
    assert columns.solver.tolist() == [0, -1, 1, 0, 0]
    assert columns.cap.tolist() == [1, 2, 3, 4, 5]
    assert columns.ranks.tolist() == [4, 1, 0, 3, 2]
    assert [hashed > 0 for hashed in columns.answers] == [True, False, True, True, False]
    assert len(set(columns.answers.tolist())) == 3
    assert [columns.preambles.tolist().index(hashed) for hashed in columns.preambles] == [0, 1, 0, 3, 4]
    assert columns.preambles[1] == 0


def test_a_wrong_id_in_the_first_row_is_refused(tmp_path: Path) -> None:
    """Row 0 is a row like any other."""
    pl.DataFrame({"id": ["x" * 32, DIGITS]}).write_parquet(tmp_path / "0")
    with pytest.raises(ValueError, match="row 0: id is not 32"):
        read_hex([tmp_path / "0"], "id")


def test_a_wrong_id_is_named_by_its_row_of_its_own_shard(tmp_path: Path) -> None:
    """Not by its place among all rows."""
    for number, ids in enumerate(([DIGITS] * 3, [DIGITS, DIGITS, "x" * 32, DIGITS])):
        pl.DataFrame({"id": ids}).write_parquet(tmp_path / str(number))
    with pytest.raises(ValueError, match=rf"{tmp_path}/1: row 2: id is not 32 or more .* digits: 'xxx"):
        read_hex([tmp_path / "0", tmp_path / "1"], "id")


def test_no_rows_have_no_ids(tmp_path: Path) -> None:
    """Neither read nor printed."""
    pl.DataFrame(schema=KEY_SCHEMA).write_parquet(tmp_path / "0")
    columns = read_keys([tmp_path / "0"])
    assert columns.ids.shape == (2, 0)
    assert hex_series(columns.ids).to_list() == []


@pytest.mark.parametrize(
    ("answer", "same"),
    [
        (r"\frac{1}{2}", True),
        (r"$\dfrac{1}{2}$.", True),
        (r"\left( 3, \, 4 \right)", False),
        (r"(3,4)", False),
        ("1/2", False),
    ],
)
def test_how_an_answer_is_spaced_says_nothing(answer: str, same: bool) -> None:
    """Two ways to set one formula are one answer; two ways to write one value are two."""
    one, other = answer_hashes(pl.Series([r"\frac{1} {2}", answer])).tolist()
    assert (one == other) == same
    assert len(set(answer_hashes(pl.Series([r"\left( 3, \, 4 \right)", "(3,4)"])).tolist())) == 1
