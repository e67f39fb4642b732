"""Boilerplate: which texts of a source are counted, however its rows are cut."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from thinkmix.curation.dedup import boilerplate as module
from thinkmix.curation.dedup.boilerplate import LeastTexts, boilerplate
from thinkmix.curation.dedup.dedup import text_bands
from thinkmix.curation.dedup.settings import BandPlan
from thinkmix.curation.text.shingles import shingle_hashes

PLAN = BandPlan(permutations=16, bands=1)
COUNTED = 300


def expected(texts: pl.Series) -> set[int]:
    """Return the boilerplate of texts, by sets: what at least ten of the texts of least hash have."""
    distinct = texts.unique()
    order = np.argsort(text_bands(distinct, plan=PLAN)[PLAN.bands])[:COUNTED]
    hashes, _ = shingle_hashes(distinct.gather(order), shingle=PLAN.shingle)
    values, counts = np.unique(hashes, return_counts=True)
    return set(values[counts >= 10].tolist())


@pytest.mark.parametrize(("shards", "batch"), [(1, 2_000), (1, 130), (3, 130), (7, 2_000)])
def test_the_texts_of_least_hash_are_counted_however_rows_are_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shards: int, batch: int
) -> None:
    """Neither shards, batches nor repeated texts decide which of 1,000 texts are counted."""
    monkeypatch.setattr(module, "COUNTED", COUNTED)
    draw = np.random.default_rng(4)
    texts = pl.Series([f"q r s t u{n % 31} {n} {n * n}" for n in draw.integers(0, 1_000, 2_000)])
    least = []
    for part in np.array_split(np.arange(len(texts)), shards):
        kept = LeastTexts()
        for start in range(0, len(part), batch):
            some = texts.gather(part[start : start + batch])
            kept.add(some.to_arrow(), text_bands(some, plan=PLAN)[PLAN.bands])
        least.append(tmp_path / str(len(least)))
        kept.write(least[-1])
    assert set(boilerplate(least, plan=PLAN).tolist()) == expected(texts)
    assert expected(texts)


def test_a_source_without_words_has_no_boilerplate(tmp_path: Path) -> None:
    """A shard without rows, and one whose texts have no words, write files without texts."""
    LeastTexts().write(tmp_path / "none")
    kept, blank = LeastTexts(), pl.Series(["", " . "])
    kept.add(blank.to_arrow(), text_bands(blank, plan=PLAN)[PLAN.bands])
    kept.write(tmp_path / "blank")
    assert not len(boilerplate([tmp_path / "none", tmp_path / "blank"], plan=PLAN))
