"""Ids and labels are those of the official chat template, as transformers renders and encodes it."""

import sys
from collections.abc import Sequence
from pathlib import Path
from runpy import run_path

import polars as pl
import pyarrow.parquet as pq
import pytest

pytest.importorskip("transformers", reason="needs thinkmix[train]")

from tests.harness.builders import ROOT, quick_build
from thinkmix.flows.recipe.recipe import Recipe
from thinkmix.flows.recipe.recipes import load
from thinkmix.templates.chat.tokenizer import tokenizer_path
from thinkmix.train.data.cache import open_tokens
from thinkmix.train.data.rows import index_rows, read_manifest

SHARED = (ROOT / "../shared/hub").resolve()
needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason="the reference material does not lie beside the checkout"
)


def shared_recipe(name: str, **changes: object) -> Recipe:
    """Return a shipped recipe that reads its datasets from the reference material."""
    recipe = load(name).recipe.model_dump(mode="json")
    for source in recipe["sources"]:
        files = [f"{source.pop('dataset')}/{pattern}" for pattern in source["files"]]
        source |= {"kind": "local", "files": files}
        del source["revision"]
    recipe["mix"] |= changes
    return Recipe.model_validate(recipe)


def label(out: Path, files: Sequence[Path]) -> None:
    """Run the reference in this process, which has its libraries: they take longer to load than it runs."""
    script = ROOT / "benchmarks" / "peers" / "template_labels.py"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [str(path) for path in (script, tokenizer_path().parent, out, *files)])
        run_path(str(script), run_name="__main__")


def check(version: Path, work: Path) -> int:
    """Compare each published example with the reference; return how many there are."""
    digest, compared = version.name, 0
    manifest = read_manifest(version, digest=digest)
    for split in ("train", "eval"):
        rows = index_rows(version, manifest, split=split, max_tokens=16_384)
        tokens = open_tokens(rows, split=split, mixture=digest, folder=work / "cache")
        label(work / "labels.parquet", rows.files)
        number = {name: place for place, name in enumerate(rows.frame["id"])}
        for batch in pq.ParquetFile(work / "labels.parquet").iter_batches(256):
            for want in batch.to_pylist():
                example = tokens.example(number[want["id"]])
                assert example.input_ids.tolist() == want["input_ids"], want["id"]
                assert example.labels.tolist() == want["labels"], want["id"]
                compared += 1
        assert rows.too_long == 0
    return compared


def shorten(folder: Path, out: Path, rows: int) -> Path:
    """Copy the beginning of a folder's files, of several parts the first one's; return the copy."""
    for path in (*folder.rglob("*0000-of-*.parquet"), *folder.rglob("*.jsonl")):
        part = out / path.relative_to(folder)
        part.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".parquet":
            pl.scan_parquet(path).head(rows).sink_parquet(part)
        else:
            lines = path.read_text(encoding="utf-8").split("\n")[:rows]
            part.write_text("\n".join(lines), encoding="utf-8")
    return out


def test_labels_of_the_embedded_sample_are_the_official_ones(tmp_path):
    """Traces, chats and tools: every id and every label, the template being Qwen3's own."""
    shorten(ROOT / "data" / "samples", tmp_path / "samples", 150)
    (tmp_path / "recipes").mkdir()  # whose files are stated relative to it
    built = quick_build(load("sample-7-3").recipe, tmp_path / "store", tmp_path / "recipes")
    assert {share.source for share in built.manifest.shares} == {"math", "chat", "tools"}
    assert check(built.version, tmp_path) > 100


@needs_shared
@pytest.mark.deep
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", ["math-7-3", "balanced-5-5"])
def test_labels_of_every_real_row_are_the_official_ones(name, tmp_path):
    """All examples of a shipped mixture of real rows, without exception."""
    built = quick_build(shared_recipe(name), tmp_path / "store", SHARED)
    assert check(built.version, tmp_path) > 10_000


@needs_shared
def test_labels_of_some_real_rows_are_the_official_ones(tmp_path):
    """The same of the first few hundred real rows of either dataset."""
    base = shorten(SHARED, tmp_path / "hub", 250)
    built = quick_build(shared_recipe("math-7-3"), tmp_path / "store", base)
    assert check(built.version, tmp_path) > 200
