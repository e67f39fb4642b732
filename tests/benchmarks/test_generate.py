"""Generated rows: the columns of the real sets, equal bytes for equal seeds, and the copies asked for."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.generate import Corpus, generate, lineage_of, rows_of, shards_of
from thinkmix.curation.text.shingles import shingle_hashes
from thinkmix.flows.recipe.recipes import load
from thinkmix.templates.chat.tokenizer import count_tokens

ALL_NEW = {"exact": 0.0, "near": 0.0, "repeats": 0.0}

OPEN_MATH_REASONING = {
    "expected_answer": pl.String,
    "problem_type": pl.String,
    "problem_source": pl.String,
    "generation_model": pl.String,
    "pass_rate_72b_tir": pl.String,
    "problem": pl.String,
    "generated_solution": pl.String,
    "inference_mode": pl.String,
    "used_in_kaggle": pl.Boolean,
}
FINE_TOME = {
    "conversations": pl.List(pl.Struct({"from": pl.String, "value": pl.String})),
    "source": pl.String,
    "score": pl.Float64,
}


def rows(corpus: Corpus, source: str, first: int, count: int) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(rows_of(corpus, source, first, count)))


@pytest.mark.parametrize(("source", "schema"), [("math", OPEN_MATH_REASONING), ("chat", FINE_TOME)])
def test_columns_are_those_of_the_real_sets(source: str, schema: dict[str, pl.DataType]):
    """Names, types and order of the columns are exactly those of the dataset that a source stands for."""
    assert dict(rows(Corpus(rows=10), source, 0, 5).schema) == schema


@given(first=st.integers(0, 500), count=st.integers(1, 40), source=st.sampled_from(["math", "chat"]))
@settings(max_examples=15, deadline=None)
def test_a_row_depends_on_its_number_alone(first: int, count: int, source: str):
    """Rows are the same wherever the shard begins that they are written in."""
    corpus = Corpus(rows=600, bytes_per_row=400, languages=("en", "zh"))
    assert rows(corpus, source, first, count).equals(rows(corpus, source, 0, 540)[first : first + count])


def test_another_seed_gives_other_rows():
    """No text of one seed is among those of another."""
    one, two = (rows(Corpus(rows=100, seed=seed), "math", 0, 50)["problem"] for seed in (1, 2))
    assert set(one) & set(two) == set()


@pytest.mark.parametrize("wanted", [200, 1_000, 20_000])
def test_rows_have_the_size_asked_for(wanted: int):
    """The mean text of a math row is within a tenth of what was asked for, or a fifth for the smallest."""
    made = rows(Corpus(rows=2_000, bytes_per_row=wanted), "math", 0, 1_000)
    mean = (made["problem"].str.len_bytes() + made["generated_solution"].str.len_bytes()).mean()
    assert mean == pytest.approx(wanted, rel=0.2 if wanted < 1_000 else 0.1)


def test_solutions_are_whole_traces_except_for_the_broken_ones():
    """A solution opens its trace, closes it unless it is broken, and ends with the boxed answer."""
    made = rows(Corpus(rows=4_000, bytes_per_row=600, broken=0.05, **ALL_NEW), "math", 0, 2_000)
    solution = made["generated_solution"]
    assert solution.str.starts_with("<think>\n").all()
    assert solution.str.contains(r"\boxed{", literal=True).all()
    assert solution.str.count_matches("</think>", literal=True).max() == 1
    assert 1 - solution.str.contains("</think>", literal=True).mean() == pytest.approx(0.05, abs=0.02)


def test_exact_copies_are_as_many_as_asked_for():
    """With exact copies alone, the part of rows that equal an earlier one is the rate."""
    corpus = Corpus(rows=4_000, bytes_per_row=300, exact=0.2, near=0.0, repeats=0.0)
    made = rows(corpus, "math", 0, 3_000)
    assert 1 - made.n_unique() / len(made) == pytest.approx(0.2, abs=0.03)


def test_near_copies_are_similar_but_not_equal():
    """A near copy's question has nearly all shingles of the one it copies, and a word more."""
    corpus = Corpus(rows=2_000, bytes_per_row=2_000, exact=0.0, near=0.3, repeats=0.0)
    made = rows(corpus, "math", 0, 1_000)["problem"]
    family = lineage_of(np.arange(1_000, dtype=np.uint64), corpus, "math")
    copies = np.flatnonzero(family.plea)
    hashes, offsets = shingle_hashes(made, shingle=5)
    sets = [set(hashes[offsets[i] : offsets[i + 1]].tolist()) for i in range(len(made))]
    # what a copy copies may be a near copy itself; the first of all has no plea
    alike = [
        len(sets[i] & sets[j]) / len(sets[i] | sets[j])
        for i, j in zip(copies, family.asked[copies], strict=True)
    ]
    assert 0.25 < len(copies) / 1_000 < 0.35
    assert 0.8 < np.mean(alike) < 1


def test_copies_reach_across_shards(tmp_path: Path):
    """A copy of a row of another shard is equal to it, though the shard was written without that one."""
    corpus = Corpus(rows=600, chat_share=0.0, bytes_per_row=300, exact=0.5, shard_rows=100)
    generate(corpus, tmp_path, processes=1)
    files = sorted((tmp_path / "math").glob("*.parquet"))
    texts = [set(pl.read_parquet(path)["generated_solution"]) for path in files]
    assert len(files) == 6
    assert texts[1] & texts[0]


def test_repeats_solve_the_same_problem_another_time():
    """With repeats alone, problems come back and solutions do not."""
    made = rows(Corpus(rows=2_000, bytes_per_row=500, exact=0, near=0, repeats=0.5), "math", 0, 1_000)
    assert made["problem"].n_unique() == pytest.approx(500, abs=60)
    assert made["generated_solution"].n_unique() == 1_000


def test_text_behaves_like_real_text():
    """Bytes per token, distinct shingles and digits are in the range of real reasoning, not of noise."""
    made = rows(Corpus(rows=1_000, bytes_per_row=2_600, **ALL_NEW), "math", 0, 400)["generated_solution"]
    texts = made.to_list()
    size = sum(map(len, texts))
    hashes, _ = shingle_hashes(made, shingle=5)
    words = {word for text in texts for word in text.split()}
    assert 2.8 < size / count_tokens(texts).sum() < 3.6
    assert 0.7 < len(np.unique(hashes)) / len(hashes) < 0.95
    assert 0.04 < sum(char.isdigit() for text in texts for char in text) / size < 0.1
    assert len(words) > 5_000


def test_chinese_rows_are_chinese():
    """Rows of two languages are in about equal parts of one or the other, question and answer alike."""
    made = rows(Corpus(rows=400, bytes_per_row=500, languages=("en", "zh")), "math", 0, 400)
    chinese = made.select(pl.col("problem", "generated_solution").str.contains(r"\p{Han}"))
    assert chinese["problem"].equals(chinese["generated_solution"].alias("problem"))
    assert chinese["problem"].mean() == pytest.approx(0.5, abs=0.12)


@pytest.mark.parametrize(("share", "sources"), [(0.0, ["math"]), (0.3, ["math", "chat"]), (1.0, ["chat"])])
def test_recipe_beside_the_rows_is_valid(share: float, sources: list[str], tmp_path: Path):
    """The recipe that is written names the sources there are, and files that exist."""
    recipe = load(str(generate(Corpus(rows=20, chat_share=share, bytes_per_row=300), tmp_path, processes=1)))
    assert [source.name for source in recipe.recipe.sources] == sources
    assert all(
        list(recipe.base.glob(pattern)) for source in recipe.recipe.sources for pattern in source.files
    )


def test_shards_cover_every_row_once():
    """The shards of a source follow one another without gap or overlap, and sum to the rows asked for."""
    shards = shards_of(Corpus(rows=1_050, chat_share=0.2, shard_rows=100))
    for source, rows in (("math", 840), ("chat", 210)):
        spans = [(first, first + count) for name, first, count, _ in shards if name == source]
        assert [0, *(end for _, end in spans)] == [*(start for start, _ in spans), rows]
