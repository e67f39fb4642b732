"""`python -m benchmarks.changed_rows OLD NEW` lists the rows that two versions train with other bytes.

OLD and NEW are folders of versions that were built from the same files. Rows are told by their place in
these, so that a row whose text changed is found again under its new id.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path

import polars as pl

_PLACE = ("source", "file", "row")
_SHOWN = 40


def outcomes(version: Path) -> pl.DataFrame:
    """Return what became of each raw row."""
    return pl.concat(pl.read_parquet(path) for path in sorted((version / "outcomes").glob("*.parquet")))


def texts(version: Path) -> pl.DataFrame:
    """Return the examples of each row that is trained or held out, by the row's id."""
    shards = [*sorted(version.glob("train-*.parquet")), *sorted(version.glob("eval-*.parquet"))]
    columns = ["conversation_id", "turn", "prompt", "completion"]
    return pl.concat(pl.read_parquet(shard, columns=columns) for shard in shards).unique()


def main(old: Path, new: Path) -> None:
    """Print how rows moved, and each row of both versions whose examples changed."""
    both = outcomes(old).join(outcomes(new), on=_PLACE, suffix="_new", nulls_equal=True)
    moved = Counter(
        (row["source"], row["reason"] or "kept", row["reason_new"] or "kept")
        for row in both.iter_rows(named=True)
        if row["reason"] != row["reason_new"]
    )
    for (source, before, after), rows in sorted(moved.items()):
        print(f"{source}: {rows} rows {before} -> {after}")
    kept = both.filter(pl.col("reason").is_null() & pl.col("reason_new").is_null())
    print(f"{kept.height} rows are in both mixtures")
    sides = [texts(version) for version in (old, new)]
    for row in kept.filter(pl.col("id") != pl.col("id_new")).iter_rows(named=True):
        print(f"{row['source']} {row['file']} row {row['row']}: {row['id'][:12]} -> {row['id_new'][:12]}")
        _show(
            *(
                side.filter(conversation_id=row[name])
                for side, name in zip(sides, ("id", "id_new"), strict=True)
            )
        )
    same = kept.filter(pl.col("id") == pl.col("id_new"))["id"]
    joined = sides[0].join(sides[1], on=["conversation_id", "turn"], suffix="_new")
    other = joined.filter(
        pl.col("conversation_id").is_in(same.implode())
        & ((pl.col("prompt") != pl.col("prompt_new")) | (pl.col("completion") != pl.col("completion_new")))
    )
    print(f"{other.height} examples of rows with the same id have other bytes")


def _show(before: pl.DataFrame, after: pl.DataFrame) -> None:
    """Print where the examples of one row differ."""
    joined = before.join(after, on="turn", suffix="_new").sort("turn")
    for row in joined.iter_rows(named=True):
        for part in ("prompt", "completion"):
            for one, two in _edits(row[part], row[f"{part}_new"]):
                print(f"  turn {row['turn']} {part}: {one[:_SHOWN]!r} -> {two[:_SHOWN]!r}")


def _edits(one: str, two: str) -> Iterator[tuple[str, str]]:
    """Yield what stands in one text and what in the other, where they differ."""
    if one != two:
        for kind, start, end, begin, stop in SequenceMatcher(None, one, two, autojunk=False).get_opcodes():
            if kind != "equal":
                yield one[start:end], two[begin:stop]


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
