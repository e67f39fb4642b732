"""The same rows give the same bytes: whatever the threads, the hash seed, the order of files and of rows."""

import json
import os
import random
import shutil
from pathlib import Path

import polars as pl
import pytest

from tests.harness.builders import (
    chat_rows,
    math_rows,
    python,
    quick_build,
    recipe,
    statement,
    write_rows,
    write_sources,
)
from thinkmix.flows.build.pipeline import Built


def digest_of(store: Path, base: Path, *, workers: int, seed: str, threads: str) -> str:
    """Build in a process of its own and return the version's name."""
    ended = python(
        *("-m", "tests.harness.build_once", store, base, json.dumps(statement()), workers),
        env={"PYTHONHASHSEED": seed, "POLARS_MAX_THREADS": threads},
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)["digest"]


def published_ids(built: Built, split: str) -> set[str]:
    """Return the ids of a split's rows."""
    paths = sorted(built.version.glob(f"{split}-*.parquet"))
    return set(pl.concat([pl.read_parquet(path, columns=["id"]) for path in paths])["id"])


def data_files(built: Built) -> dict[str, str]:
    """Return the digests of the published rows and of the outcomes, by file."""
    files = built.manifest.files.items()
    return {name: entry.sha256 for name, entry in files if name.startswith(("train-", "eval-"))}


@pytest.mark.acceptance("A19")
@pytest.mark.parametrize(("workers", "seed", "threads"), [(2, "0", "1"), (1, "1", "2")])
def test_digest_does_not_depend_on_the_process(workers, seed, threads, built, sources, tmp_path):
    """Two workers, one, and none as in `built`, with other hash seeds and threads, come to one digest."""
    got = digest_of(tmp_path, sources, workers=workers, seed=seed, threads=threads)
    assert got == built.digest


@pytest.mark.acceptance("A19")
@pytest.mark.deep
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("seed", ["0", "1", "random"])
@pytest.mark.parametrize("threads", ["1", "2"])
def test_digest_does_not_depend_on_the_process_at_length(workers, seed, threads, built, sources, tmp_path):
    """Every combination of workers, hash seed and threads comes to one digest."""
    got = digest_of(tmp_path, sources, workers=workers, seed=seed, threads=threads)
    assert got == built.digest


@pytest.mark.acceptance("A19")
def test_order_of_files_on_disk_does_not_matter(built, sources, tmp_path):
    """Files that were copied in another order, with other times, give the same digest."""
    for path in sorted(sources.rglob("*.jsonl"), reverse=True):
        copy = tmp_path / "base" / path.relative_to(sources)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        os.utime(copy, (1_000_000_000, 1_000_000_000))
    assert quick_build(recipe(), tmp_path / "store", tmp_path / "base").digest == built.digest


def test_order_of_patterns_does_not_matter_to_the_rows(built, sources, tmp_path):
    """Patterns stated in another order, or overlapping, are the same files and so the same mixture."""
    stated = statement()
    stated["sources"][0]["files"] = ["math/1.jsonl", "math/0.jsonl"]
    stated["sources"][1]["files"] = ["chat/1*", "chat/*.jsonl"]
    again = quick_build(recipe(sources=stated["sources"]), tmp_path, sources)
    assert again.manifest.content_sha256 == built.manifest.content_sha256
    assert data_files(again) == data_files(built)
    read = [[(source.commit, source.files) for source in one.manifest.sources] for one in (again, built)]
    assert read[0] == read[1]


def test_order_of_sources_does_not_matter_to_the_rows(built, sources, tmp_path):
    """Sources stated in another order give the same rows in the same order."""
    again = quick_build(recipe(sources=statement()["sources"][::-1]), tmp_path, sources)
    assert data_files(again) == data_files(built)


def test_order_of_shares_does_not_matter(built, sources, tmp_path):
    """Shares stated in another order are the same recipe: the same digest."""
    stated = recipe(shares={"chat": 0.5, "math": 0.5})
    assert quick_build(stated, tmp_path, sources).digest == built.digest


@pytest.mark.acceptance("A19")
@pytest.mark.parametrize("seed", [1, 2])
def test_order_of_rows_does_not_matter(seed, built, tmp_path):
    """Rows that are shuffled, and spread over other files, give the same mixture, byte for byte."""
    for name, rows in (("math", math_rows()), ("chat", chat_rows())):
        random.Random(seed).shuffle(rows)
        cut = 10 + 20 * seed
        for number, part in enumerate((rows[:cut], rows[cut : cut + 5], rows[cut + 5 :])):
            write_rows(tmp_path / "base" / name / f"part-{number}.jsonl", part)
    again = quick_build(recipe(), tmp_path / "store", tmp_path / "base")
    assert again.manifest.content_sha256 == built.manifest.content_sha256
    assert data_files(again) == data_files(built)
    assert again.manifest.shares == built.manifest.shares


@pytest.mark.acceptance("A19")
@pytest.mark.parametrize(("source", "row"), [("math", 7), ("math", 31), ("chat", 7), ("chat", 40)])
def test_dropped_row_changes_about_one_row(source, row, sources, tmp_path):
    """One input row less changes the mixture by that row and those that make room or fill in for it."""
    size = {"size": 60, "eval_share": 0}
    whole = quick_build(recipe(**size), tmp_path / "store", sources)
    base = write_sources(tmp_path / "base")
    rows = {"math": math_rows(), "chat": chat_rows()}[source]
    write_rows(base / source / "0.jsonl", rows[:row])
    write_rows(base / source / "1.jsonl", rows[row + 1 :])
    less = quick_build(recipe(**size), tmp_path / "store", base)
    before, after = published_ids(whole, "train"), published_ids(less, "train")
    assert len(before) == len(after) == 60
    assert len(before - after) <= 1


def test_seed_changes_the_draw(sources, tmp_path):
    """Another seed samples another mixture of the same shares from the same rows."""
    one = quick_build(recipe(size=40, eval_share=0, seed=1), tmp_path, sources)
    two = quick_build(recipe(size=40, eval_share=0, seed=2), tmp_path, sources)
    assert one.manifest.content_sha256 != two.manifest.content_sha256
    counts = [[share.examples for share in made.manifest.shares] for made in (one, two)]
    assert counts[0] == counts[1]
    assert 5 < len(published_ids(one, "train") & published_ids(two, "train")) < 35
