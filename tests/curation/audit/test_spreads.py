"""How rows of the mixture are counted in groups."""

from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from thinkmix.curation.audit.spreads import spreads
from thinkmix.curation.files.shards import write_shard
from thinkmix.curation.tables import SAMPLED
from thinkmix.curation.text.languages import LANGUAGES

Row = tuple[int, int, str, float | None]
ROW = st.tuples(st.integers(0, 4), st.integers(1, 9), st.sampled_from(LANGUAGES), st.none() | st.floats(0, 1))


def shard(path: Path, rows: list[Row], copies: int = 1) -> Path:
    """Write sampled rows of (problem, questions, language, pass rate), each with some examples."""
    listed = [
        dict.fromkeys(SAMPLED)
        | {"row": row, "problem": problem, "questions": questions, "language": language, "pass_rate": rate}
        for row, (problem, questions, language, rate) in enumerate(rows)
        for _ in range(copies)
    ]
    write_shard(path, pl.DataFrame(listed, schema=SAMPLED))
    return path


def test_rows_are_counted_and_not_their_examples(tmp_path: Path) -> None:
    """A problem's solutions are counted over all shards, a row once however often it is sampled."""
    one = [(1, 1, "zh", 0.0), (1, 2, "en", 0.2), (2, 4, "en", 0.19)]
    two = [(1, 6, "ja", 1.0), (3, 1, "en", None)]
    paths = [shard(tmp_path / "1", one, copies=3), shard(tmp_path / "2", two)]
    got = {spread.measure: spread.rows for spread in spreads({"s": paths}, rated=["s"])}
    assert list(got) == ["solutions_per_problem", "pass_rate", "language", "turns"]
    filled = {
        measure: {name: number for name, number in rows.items() if number} for measure, rows in got.items()
    }
    assert filled == {
        "solutions_per_problem": {"1": 2, "3": 3},
        "pass_rate": {"0.0-0.2": 2, "0.2-0.4": 1, "0.8-1.0": 1, "unknown": 1},
        "language": {"zh": 1, "en": 3, "ja": 1},
        "turns": {"1": 2, "2": 1, "3-5": 1, "6+": 1},
    }


def test_pass_rates_are_shown_where_a_format_has_them(tmp_path: Path) -> None:
    """Other sources have no such spread, rather than one of unknown rates."""
    paths = [shard(tmp_path / "1", [(1, 1, "en", None)])]
    got = spreads({"b": paths, "a": paths}, rated=["b"])
    assert [spread.source for spread in got if spread.measure == "pass_rate"] == ["b"]
    assert [spread.source for spread in got] == sorted(spread.source for spread in got)


@given(st.lists(st.lists(ROW, max_size=8), min_size=1, max_size=4))
@settings(max_examples=30, deadline=None)
def test_groups_sum_to_the_rows(parts: list[list[Row]]) -> None:
    """Whatever the rows are, each is in one group of each measure, in whichever order shards come."""
    with TemporaryDirectory() as folder:
        paths = [shard(Path(folder) / str(number), rows) for number, rows in enumerate(parts)]
        got = spreads({"s": paths}, rated=["s"])
        assert got == spreads({"s": paths[::-1]}, rated=["s"])
    assert {sum(spread.rows.values()) for spread in got} == {sum(map(len, parts))}
