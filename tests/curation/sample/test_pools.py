"""What may be sampled of a shard: what dedup left, turn by turn, and what is known of it."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from thinkmix.curation.files.blob import Blob
from thinkmix.curation.files.shards import write_shard
from thinkmix.curation.sample.pools import POOL, PartFiles, PoolShard, RenderedPart, read_pool
from thinkmix.curation.tables import COUNTED, KEYS, LOST, VERDICT_SCHEMA
from thinkmix.schemas.errors import LedgerError


def write(path: Path, rows: list[dict[str, Any]], schema: pl.Schema) -> Path:
    known = [{name: row.get(name) for name in schema.names()} for row in rows]
    write_shard(path, pl.DataFrame(known, schema=schema, orient="row"))
    return path


def shard(folder: Path, *reasons: str | None) -> tuple[Path, Path]:
    """Write a row with turns 1 and 3 for each reason; return where keys and verdicts lie."""
    rows = [
        {"id": f"{n + 1:016x}{n + 9:016x}", "row": 10 * n, "turns": [1, 3], "text_bytes": 100 + n}
        | {"cluster": f"{7:016x}{0:016x}", "cluster_size": 1, "reason": reason}
        for n, reason in enumerate(reasons)
    ]
    return write(folder / "keys", rows, KEYS), write(folder / "verdicts", rows, VERDICT_SCHEMA)


def blobs(*paths: Path) -> list[Blob]:
    """Return files as sampling takes them."""
    return [Blob(path, "") for path in paths]


def test_every_learned_turn_that_dedup_left_may_be_drawn(tmp_path: Path) -> None:
    """One line an example: ids as numbers, the raw row's place and bytes, nothing known of its tokens."""
    got = read_pool([PoolShard(4, *blobs(*shard(tmp_path, "near_dup", None)), [])])
    assert got.schema == POOL
    assert got.select("id", "low", "cluster", "turn", "shard", "row", "bytes").rows() == [
        (2, 10, 7, turn, 4, 10, 101) for turn in (1, 3)
    ]
    assert got.select(POOL.names()[7:]).null_count().sum_horizontal()[0] == 7 * 2


def test_what_was_rendered_is_known_in_its_part(tmp_path: Path) -> None:
    """Examples of all rounds carry their part, place and tokens; lost ones say so; the rest is not known."""
    paths = shard(tmp_path, None, None)
    parts = []
    for number, (row, turn) in enumerate([(10, 3), (0, 1)]):
        sizes = {"thinking": True, "prompt_tokens": 5, "completion_tokens": 6, "text_bytes": 7}
        index = write(tmp_path / f"i{number}", [{"row": row, "turn": turn, "place": 2, **sizes}], COUNTED)
        gone = [{"row": 0, "turn": 3, "reason": "too_long", "detail": "", "tokens": 9}] if number else []
        lost = write(tmp_path / f"l{number}", gone, LOST)
        parts.append(RenderedPart(number + 8, PartFiles(*blobs(index, lost))))
    got = read_pool([PoolShard(0, *blobs(*paths), parts)]).sort("row", "turn")
    assert got.schema == POOL
    known = ["row", "turn", "part", "place", "prompt_tokens", "completion_tokens", "thinking", "lost"]
    assert got.select(known).rows() == [
        (0, 1, 9, 2, 5, 6, True, False),
        (0, 3, None, None, None, None, None, True),
        (10, 1, None, None, None, None, None, None),
        (10, 3, 8, 2, 5, 6, True, False),
    ]


def test_verdicts_of_other_rows_are_refused(tmp_path: Path) -> None:
    """A shifted verdict would let a duplicate be sampled."""
    keys, verdicts = shard(tmp_path, None, "near_dup")
    write_shard(verdicts, pl.read_parquet(verdicts).reverse())
    with pytest.raises(LedgerError, match="not about these rows"):
        read_pool([PoolShard(0, *blobs(keys, verdicts), [])])
