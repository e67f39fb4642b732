"""Questions in both modes are counted by problem, across shards and sources."""

from pathlib import Path

import polars as pl

from thinkmix.curation.audit.mode_pairs import mode_pairs
from thinkmix.curation.files.shards import write_shard
from thinkmix.curation.tables import SAMPLED
from thinkmix.schemas.report import ModePairs, PairedSources


def shard(path: Path, *rows: tuple[int, bool]) -> Path:
    """Write sampled examples of (problem, thinking)."""
    listed = [dict.fromkeys(SAMPLED) | {"problem": problem, "thinking": thinks} for problem, thinks in rows]
    write_shard(path, pl.DataFrame(listed, schema=SAMPLED))
    return path


def test_a_question_in_both_modes_counts_once_however_often_it_is_answered(tmp_path: Path) -> None:
    """In two shards of one source, or in two sources; copies and further solutions are the same question."""
    math = [
        shard(tmp_path / "1", (1, True), (1, True), (2, True)),
        shard(tmp_path / "2", (1, False), (3, True)),
    ]
    chat = [shard(tmp_path / "3", (3, False), (4, False), (3, False))]

    found = mode_pairs({"math": math, "chat": chat})

    assert (found.questions, found.both) == (4, 2)
    assert found.sources == (
        PairedSources(thinking="math", direct="chat", questions=1),
        PairedSources(thinking="math", direct="math", questions=1),
    )


def test_a_mixture_of_one_mode_has_no_pairs(tmp_path: Path) -> None:
    """Nor has one in which nothing was sampled."""
    assert mode_pairs({"math": [shard(tmp_path / "1", (1, True))]}) == ModePairs(questions=1, both=0)
    assert mode_pairs({"math": [shard(tmp_path / "2")]}) == ModePairs(questions=0, both=0)
