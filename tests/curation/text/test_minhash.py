"""Signatures are datasketch's, bit for bit, and bands are of the signatures."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from datasketch import MinHash, MinHashLSH
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from thinkmix import minhashes
from thinkmix.curation.audit.overlap import cut_words
from thinkmix.curation.text.compiled import compiled
from thinkmix.curation.text.kernels import NO_SHINGLES
from thinkmix.curation.text.minhash import band_hashes, signatures, sketches
from thinkmix.curation.text.shingles import folded, shingle_hashes

ROOT = Path(__file__).parents[3]
HUB = (ROOT / "../shared/hub").resolve()

TEXT = st.text(
    st.one_of(st.sampled_from("ab .中文\0😀"), st.characters(exclude_categories=["Cs"])), max_size=80
)


def reference(texts: pl.Series, *, shingle: int, permutations: int, seed: int) -> np.ndarray:
    """Feed the same shingle hashes to datasketch, one text at a time."""
    hashes, offsets = shingle_hashes(texts, shingle=shingle)
    rows = []
    for i in range(len(texts)):
        sketch = MinHash(permutations, seed=seed, scheme="affine32", hashfunc=int)
        sketch.update_batch((hashes[offsets[i] : offsets[i + 1]] >> np.uint64(32)).tolist())
        rows.append(sketch.hashvalues)
    return np.array(rows, np.uint32).reshape(len(texts), permutations)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "word",
        "一二三四五六七八九十",
        "😀 😀😀 👩‍👩‍👧 ok",
        "nul\0in the\0middle of it all",
        "x" * 1_000_000,
        "a b c d e f g " * 75_000,
    ],
    ids=["empty", "one word", "Chinese", "emoji", "NUL", "1 MB word", "1 MB text"],
)
def test_signature_of_an_odd_text_is_datasketchs(text: str) -> None:
    """The kernel and `datasketch.MinHash` agree in all 128 values."""
    texts = pl.Series([text])
    got = signatures(texts, shingle=5, permutations=128, seed=1)
    assert got.tolist() == reference(texts, shingle=5, permutations=128, seed=1).tolist()


@given(
    st.lists(TEXT, max_size=4),
    st.integers(1, 8),
    st.sampled_from([16, 120, 128, 131]),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=150, deadline=None)
def test_signatures_are_datasketchs(texts: list[str], shingle: int, permutations: int, seed: int) -> None:
    """For any texts, shingle width, length and seed."""
    series = pl.Series(texts, dtype=pl.String)
    got = signatures(series, shingle=shingle, permutations=permutations, seed=seed)
    want = reference(series, shingle=shingle, permutations=permutations, seed=seed)
    assert got.dtype == want.dtype
    assert got.tolist() == want.tolist()


@given(st.lists(st.text("ab ", max_size=12), max_size=8), st.sampled_from([(2, 8), (4, 4), (16, 1)]))
@settings(max_examples=50, deadline=None)
def test_datasketchs_index_proposes_the_pairs_of_a_build(texts: list[str], params: tuple[int, int]) -> None:
    """`MinHashLSH` of the same bands over `thinkmix.minhashes` finds the texts that share a band."""
    sketched = minhashes(texts, shingle=2, permutations=16, seed=3)
    index = MinHashLSH(num_perm=16, params=params)
    for row, sketch in enumerate(sketched):
        index.insert(row, sketch)
    series = pl.Series(texts, dtype=pl.String)
    bands = band_hashes(signatures(series, shingle=2, permutations=16, seed=3), params[0]).T
    for row, sketch in enumerate(sketched):
        assert set(index.query(sketch)) == set(np.flatnonzero((bands == bands[row]).any(axis=1)))


def test_sketches_go_with_those_that_datasketch_made() -> None:
    """One of each compare, merge and estimate as two of one kind."""
    (ours,) = minhashes(["one two three four five six"], shingle=2, permutations=64, seed=7)
    hashes, _ = shingle_hashes(pl.Series(["three four five six seven eight"]), shingle=2)
    theirs = MinHash(64, seed=7, scheme="affine32", hashfunc=int)
    theirs.update_batch((hashes >> np.uint64(32)).tolist())
    want = minhashes(["three four five six seven eight"], shingle=2, permutations=64, seed=7)[0]
    assert theirs == want
    assert ours.jaccard(theirs) == ours.jaccard(want)
    ours.merge(theirs)
    assert 0 < ours.count() < 20


@pytest.mark.skipif(not HUB.exists(), reason="the shared hub is not beside the checkout")
def test_signatures_of_real_problems_are_datasketchs() -> None:
    """On real problems, questions and reasoning traces, English and Chinese."""
    math = pl.read_parquet(HUB / "nvidia/OpenMathReasoning/data/*.parquet")
    chat = pl.read_parquet(HUB / "mlabonne/FineTome-100k/data/*.parquet")
    questions = chat["conversations"].list.first().struct.field("value")
    texts = pl.concat(
        [math["problem"].unique().sort(), questions.unique().sort(), math["generated_solution"][:100]]
    )
    texts = texts.fill_null("").gather_every(7)
    got = signatures(texts, shingle=5, permutations=128, seed=1)
    assert np.array_equal(got, reference(texts, shingle=5, permutations=128, seed=1))


@given(st.lists(TEXT, min_size=2, max_size=6))
@settings(max_examples=200, deadline=None)
def test_equal_fingerprints_mean_equal_words(texts: list[str]) -> None:
    """Two texts have one fingerprint exactly if they have the same words in the same order."""
    series = pl.Series(texts)
    signed, prints = sketches(series, shingle=2, permutations=16, seed=1)
    words = [[word for word, _, _ in cut_words(text)] for text in folded(series)]
    for i in range(1, len(texts)):
        assert (prints[:, 0].tolist() == prints[:, i].tolist()) == (words[0] == words[i])
    assert np.array_equal(signed, signatures(series, shingle=2, permutations=16, seed=1))


@pytest.mark.parametrize(
    ("text", "same", "other"),
    [
        ("5 apples", "  buy 5 pears", "6 apples"),
        ("12 a 3", "x12y3", "1 2 a 3"),
        ("is 7", "is 7.", "is -7"),
        ("is -7", "is \u22127", "is 7"),
        ("is (\u22127)", "is \uff0d7", "is (7)"),
        ("a-7", "a 7", "a -7"),
        ("2-7", "2 7", "2 -7"),
        ("x)-7", "7", "x -7"),
        (".35", " .35", "35"),
        ("3.5", "a 3.5", "35"),
        ("-.35", "at \u2212.35", ".35"),
        ("seven apples", "SEVEN pears", "eight apples"),
        ("三度", "三个", "八度"),
        ("１２度", "12 度", "１３度"),
        ("thirdly", "sevens", "third"),
        ("٣", "x ٣", "٤"),
        ("中" * 63 + "三", "三", "八"),
        ("no number", "", "0"),
        ("a" * 62 + "1234" + "b" * 70 + "5", "1234 5", "1234" + " " * 60 + "56"),
    ],
)
def test_numbers_are_equal_for_equal_numbers_in_their_order(text: str, same: str, other: str) -> None:
    """With signs, points, numerals and words for numbers; other words do not count, nor where they lie."""
    _, prints = sketches(pl.Series([text, same, other]), shingle=2, permutations=16, seed=1)
    first, second, third = prints[2].tolist()
    assert first == second
    assert first != third


def test_a_band_is_equal_exactly_where_its_values_are() -> None:
    """Two rows share the hash of a band if and only if they agree in all values of that band."""
    rows = np.arange(3 * 16, dtype=np.uint32).reshape(3, 16)
    rows[1, 4:8] = rows[0, 4:8]
    rows[2] = rows[0]
    rows[2, 15] += 1
    hashes = band_hashes(rows, 4)
    assert hashes.shape == (4, 3)
    assert (hashes[:, 1] == hashes[:, 0]).tolist() == [False, True, False, False]
    assert (hashes[:, 2] == hashes[:, 0]).tolist() == [True, True, True, False]


def test_a_text_without_words_is_in_no_band() -> None:
    """Its band hashes are the mark that joins no bucket; those of other texts are not."""
    hashes = band_hashes(signatures(pl.Series(["", "one word"]), shingle=5, permutations=16, seed=1), 4)
    assert (hashes[:, 0] == NO_SHINGLES).all()
    assert (hashes[:, 1] != NO_SHINGLES).all()


def test_kernels_run_where_no_cache_can_be_written() -> None:
    """A loop that numba finds no cache folder for is compiled in memory."""
    scope: dict[str, Callable[[int], int]] = {}
    exec("def triple(number):\n    return number * 3", scope)  # a file name that no folder belongs to
    with pytest.raises(RuntimeError, match="no locator"):
        njit(cache=True)(scope["triple"])
    assert compiled(scope["triple"])(14) == 42


def test_signatures_are_the_same_without_any_cache(tmp_path: Path) -> None:
    """Installed where nothing can be written, the kernels compile in memory and give the same values."""
    package = tmp_path / "thinkmix"
    shutil.copytree(ROOT / "src" / "thinkmix", package, ignore=shutil.ignore_patterns("__pycache__"))
    no_folder = package / "curation" / "text" / "__pycache__"
    no_folder.touch()  # nothing can be written under a file, not even by root
    script = (
        "import polars as pl\nfrom thinkmix.curation.text import kernels, minhash\n"
        "texts = pl.Series(['one two three'])\n"
        "print(minhash.signatures(texts, shingle=2, permutations=16, seed=1).tolist())\n"
        "print(kernels.minhashes.machine.stats.cache_path)"
    )
    homes = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"), str(no_folder))
    environment = {**os.environ, **homes, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("NUMBA_CACHE_DIR", None)
    environment["NUMBA_OPT"] = "0"  # the same values from code that compiles in less time
    ran = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    want = signatures(pl.Series(["one two three"]), shingle=2, permutations=16, seed=1)
    assert ran.stdout.splitlines() == [str(want.tolist()), "None"]
