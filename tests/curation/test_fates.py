"""The one fate of every raw row, from quarantine to mixture."""

from pathlib import Path
from typing import Any

import polars as pl

from curation.fates import FATES, settle_slice
from curation.mix import INDEX
from curation.normalize import REJECTS
from curation.render import ROW_FATES
from curation.shards import write_shard
from schemas.ledger import Amount, StageCount


def rejected(row: int) -> dict[str, Any]:
    return {
        "id": f"r{row}",
        "source": "s",
        "file": "f",
        "row": row,
        "stage": "validate",
        "reason": "bad_json",
        "detail": "d",
        "messages": 1,
        "text_bytes": 10,
        "content": "{",
    }


def rendered(row: int, id_: str, reason: str | None = None, examples: int = 1) -> dict[str, Any]:
    return {
        "id": id_,
        "file": "f",
        "row": row,
        "stage": "dedup" if reason else None,
        "reason": reason,
        "detail": None,
        "cluster": id_,
        "winner": "w" if reason else None,
        "similarity": 0.5 if reason else None,
        "examples": 0 if reason else examples,
        "messages": 2,
        "text_bytes": 20,
    }


def indexed(row: int, owner: str) -> dict[str, Any]:
    return {
        "source": "s",
        "conversation_id": owner,
        "turn": row,
        "cluster": owner,
        "thinking": False,
        "prompt_tokens": 3,
        "completion_tokens": 4,
        "text_bytes": 50,
        "shard": 0,
        "row": row,
    }


def settled(
    folder: Path,
    *,
    rejects: list[dict[str, Any]],
    rows: list[dict[str, Any]],
    index: list[dict[str, Any]],
    drawn: list[int],
) -> tuple[pl.DataFrame, StageCount]:
    for name, listed, schema in (
        ("rejects", rejects, REJECTS),
        ("fates", rows, ROW_FATES),
        ("index", index, INDEX),
    ):
        write_shard(folder / name, pl.DataFrame(listed, schema=schema, orient="row"))
    return settle_slice(
        "s",
        rejects=folder / "rejects",
        rendered=folder / "fates",
        index=folder / "index",
        selection=pl.DataFrame({"row": drawn}, schema={"row": pl.Int64}),
    )


def test_every_row_has_one_fate_in_file_order(tmp_path: Path) -> None:
    """Refused, a duplicate, drawn in part, or left over."""
    got, count = settled(
        tmp_path,
        rejects=[rejected(3), rejected(0)],
        rows=[rendered(1, "a", examples=2), rendered(2, "b"), rendered(4, "c", "near_dup")],
        index=[indexed(0, "a"), indexed(1, "a"), indexed(2, "b")],
        drawn=[1],
    )
    assert got.schema == FATES
    assert got.select("row", "stage", "reason", "examples", "drawn", "source").rows() == [
        (0, "validate", "bad_json", 0, 0, "s"),
        (1, None, None, 2, 1, "s"),
        (2, "mix", "not_sampled", 1, 0, "s"),
        (3, "validate", "bad_json", 0, 0, "s"),
        (4, "dedup", "near_dup", 0, 0, "s"),
    ]
    assert count.check() == StageCount(
        stage="mix",
        source="s",
        read=Amount(rows=2, messages=4, text_bytes=40, examples=3, tokens=21),
        kept=Amount(rows=1, messages=2, text_bytes=20, examples=1, tokens=7),
        dropped={"not_sampled": Amount(rows=1, messages=2, text_bytes=20, examples=2, tokens=14)},
    )


def test_an_exact_duplicate_does_not_share_the_draw_of_its_twin(tmp_path: Path) -> None:
    """Two rows of one id: only the one that stays is in the mixture."""
    got, count = settled(
        tmp_path,
        rejects=[],
        rows=[rendered(0, "a", "exact_dup"), rendered(1, "a")],
        index=[indexed(0, "a")],
        drawn=[0],
    )
    assert got.select("reason", "drawn").rows() == [("exact_dup", 0), (None, 1)]
    assert (count.read.rows, count.kept.rows) == (1, 1)


def test_an_example_drawn_several_times_is_drawn_once(tmp_path: Path) -> None:
    """Repeats of a row do not multiply it in the ledger."""
    got, count = settled(
        tmp_path, rejects=[], rows=[rendered(0, "a")], index=[indexed(0, "a")], drawn=[0, 0, 0]
    )
    assert got["drawn"].to_list() == [1]
    assert count.check().kept.examples == 1


def test_nothing_at_all_is_settled_too(tmp_path: Path) -> None:
    """An empty slice has no fates and counts nothing."""
    got, count = settled(tmp_path, rejects=[], rows=[], index=[], drawn=[])
    assert (got.height, got.schema, count.read) == (0, FATES, Amount())
