"""The clusters of near-duplicates that a report shows."""

from pathlib import Path

import polars as pl
import pytest

from thinkmix.curation.dedup.cluster_view import CHARACTERS, MEMBERS, ClusterShard, cluster_view, clusters
from thinkmix.curation.files.shards import write_shard
from thinkmix.curation.tables import KEYS, OUTCOMES

SIZES = {"a": 2, "b": 3, "c": 9, "d": 1}


def shards(folder: Path, *names: str, largest: int = 2) -> list[ClusterShard]:
    """Write shards of one-letter clusters; the first row of each cluster, over all shards, is kept."""
    seen: set[str] = set()
    made = []
    for number, clustered in enumerate(names):
        rows = []
        for row, name in enumerate(clustered):
            place = {"id": f"{name}{number}{row}", "source": "s", "file": f"f{number}", "row": row}
            rows.append({**place, "cluster": name, "reason": "near_dup" if name in seen else None})
            seen.add(name)
        outcomes, keys = folder / f"outcomes{number}", folder / f"keys{number}"
        write_shard(outcomes, pl.DataFrame([dict.fromkeys(OUTCOMES) | row for row in rows], schema=OUTCOMES))
        texts = [
            dict.fromkeys(KEYS) | {"row": row["row"], "text": f"{row['id']} " + "中" * 500} for row in rows
        ]
        write_shard(keys, pl.DataFrame(texts, schema=KEYS))
        sizes = [SIZES[name] for name in clustered]
        verdicts = pl.DataFrame({"cluster": list(clustered), "cluster_size": sizes})
        made.append(ClusterShard(clusters(verdicts, largest=largest), outcomes, keys))
    return made


def test_clusters_are_counted_by_size(tmp_path: Path) -> None:
    """Single rows are no cluster, one may be in several shards; the largest come first, then by name."""
    got = cluster_view(shards(tmp_path, "aabcccccd", "bbcccc"), largest=2)
    assert got.by_size == {"2": 1, "3": 1, "9": 1}
    assert [(cluster.id, cluster.size) for cluster in got.largest] == [("c", 9), ("b", 3)]


def test_members_are_few_and_kept_ones_first(tmp_path: Path) -> None:
    """A row is shown with its outcome and the beginning of its text, whichever shard it lies in."""
    got = cluster_view(shards(tmp_path, "ccccbd", "cccccbb"), largest=2)
    large, small = got.largest
    assert len(large.rows) == MEMBERS
    assert [(row.id, row.outcome) for row in small.rows] == [
        ("b04", "kept"),
        ("b15", "near_dup"),
        ("b16", "near_dup"),
    ]
    for row in (*large.rows, *small.rows):
        assert row.text.startswith(f"{row.id} 中")
        assert len(row.text) == CHARACTERS


@pytest.mark.parametrize("count", [0, 1, 2])
def test_no_cluster_is_a_view_too(count: int, tmp_path: Path) -> None:
    """No shards, and shards without duplicates, have no clusters to show."""
    got = cluster_view(shards(tmp_path, *["d"] * count))
    assert (got.by_size, got.largest) == ({}, ())


def test_the_order_of_shards_changes_nothing(tmp_path: Path) -> None:
    """The same rows in another order are the same view."""
    made = shards(tmp_path, "aabccc", "bcccd", "bccc")
    assert cluster_view(made, largest=2) == cluster_view(made[::-1], largest=2)
