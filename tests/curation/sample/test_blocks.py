"""Blocks of a shard: a row that comes or goes changes the block that it lies in and no other."""

import polars as pl
import pytest

from thinkmix.curation.sample import blocks
from thinkmix.curation.sample.blocks import NOTHING, cut, prints
from thinkmix.curation.tables import WANTED


def wanted(*rows: int, shard: int = 0, size: int = 100) -> pl.DataFrame:
    """Want one example of each row, whose text has `size` bytes."""
    listed = [{"shard": shard, "row": row, "turn": 1, "bytes": size} for row in rows]
    return pl.DataFrame(listed, schema=WANTED)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of a thousand bytes."""
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1000)


def of_shard(rows: pl.DataFrame) -> dict[int, str]:
    """Return the digest of each block."""
    return prints(cut(rows).drop("shard"), "block")


def test_blocks_are_ranges_of_rows_of_about_the_size() -> None:
    """Ten rows would fill a block, so a block is the eight whose numbers begin at a multiple of eight."""
    found = cut(wanted(*range(20, 60)))
    assert found.group_by("block").len().sort("block").rows() == [
        (2, 4),
        (3, 8),
        (4, 8),
        (5, 8),
        (6, 8),
        (7, 4),
    ]
    assert found["row"].to_list() == list(range(20, 60))


def test_rows_that_are_far_apart_share_a_block() -> None:
    """It is the wanted text that counts: a few rows of a large shard are not cut up."""
    assert cut(wanted(3, 4000, 9000))["block"].n_unique() == 1


def test_each_shard_is_cut_by_itself() -> None:
    """Short rows make blocks of many; shards may come in any order."""
    found = cut(pl.concat([wanted(*range(64), shard=5, size=20), wanted(*range(16), shard=1, size=250)]))
    sizes = found.group_by("shard", "block").len().group_by("shard").agg(pl.col("len").max()).sort("shard")
    assert sizes.rows() == [(1, 4), (5, 32)]


@pytest.mark.parametrize(
    "change", [wanted(*range(39)), wanted(*range(30), *range(31, 40)), wanted(*range(41))]
)
def test_a_row_changes_its_own_block(change: pl.DataFrame) -> None:
    """Whether it goes, at the end or in the middle, or comes."""
    before, after = of_shard(wanted(*range(40))), of_shard(change)
    changed = {block for block in before.keys() | after.keys() if before.get(block) != after.get(block)}
    assert len(changed) == 1


def test_no_text_at_all_is_one_block() -> None:
    """Neither rows without text nor no rows are divided by."""
    assert cut(wanted(0, 1, size=0))["block"].n_unique() == 1
    assert cut(wanted()).rows() == []


def test_digest_is_of_what_rows_say() -> None:
    """Not of what groups them, nor of how wide their numbers are; order and values count."""
    rows = pl.DataFrame({"part": [7, 7, 2], "place": [0, 1, 0], "split": ["train", "eval", "train"]})
    found = prints(rows, "part")
    assert list(found) == [7, 2]
    assert prints(rows.with_columns(part=pl.lit(3)).tail(1), "part") == {3: found[2]}
    assert prints(rows.cast({"place": pl.UInt8}), "part") == found
    assert prints(rows[[1, 0]], "part")[7] != found[7]
    assert prints(rows.clear(), "part") == {}
    assert NOTHING not in found.values()
