"""What a trainer sees of a row: the published text and tokens, or what they would be."""

from pathlib import Path

import polars as pl
import pytest

from flows.examples import seen
from schemas.errors import StoreError
from tests.builders import quick_build, recipe
from train.encode import encode_example


def test_published_example_is_shown_as_it_is_trained(version: Path):
    """Prompt, completion and numbers are the published ones, and the ids those that the trainer encodes."""
    row = pl.scan_parquet(version / "train-*.parquet").head(1).collect().row(0, named=True)
    found = seen(version, row["conversation_id"], ids=True)
    example = found.examples[0]
    assert (example.id, example.split, example.copies) == (row["id"], "train", 1)
    for name in ("prompt", "completion", "prompt_tokens", "completion_tokens", "thinking"):
        assert getattr(example, name) == row[name]
    trained = encode_example(row["id"], prompt=row["prompt"], completion=row["completion"])
    assert [*example.prompt_ids, *example.completion_ids] == trained.input_ids.tolist()
    assert len(example.completion_ids) == (trained.labels >= 0).sum()
    assert seen(version, row["id"]).examples[0].prompt_ids is None


@pytest.mark.parametrize("reason", ["near_dup", "not_sampled", "solution_cap", "too_long", "exact_dup"])
def test_good_row_that_was_left_out_is_rendered_now(reason: str, version: Path):
    """It is shown as it would be trained, and said not to be in the mixture, unless its twin is."""
    fates = pl.scan_parquet(version / "fates" / "*.parquet").filter(reason=reason).collect()
    found = seen(version, fates["id"][0])
    (example,) = found.examples
    assert example.prompt.startswith("<|im_start|>user\n")
    assert example.completion.endswith("<|im_end|>\n")
    assert example.completion_tokens > 0
    if reason != "exact_dup":
        assert (example.split, example.copies) == (None, 0)


@pytest.mark.parametrize("reason", ["bad_json", "think_missing", "control_token"])
def test_row_that_is_no_conversation_shows_nothing(reason: str, version: Path):
    """The reason is said instead."""
    fates = pl.scan_parquet(version / "fates" / "*.parquet").filter(reason=reason).collect()
    with pytest.raises(StoreError, match=f"as {reason}: .* a trainer would see nothing of it"):
        seen(version, fates["id"][0])


def test_turn_that_a_row_does_not_have_is_refused(version: Path):
    """An example's id means that example and no other."""
    row = pl.scan_parquet(version / "train-*.parquet").head(1).collect()["conversation_id"][0]
    with pytest.raises(StoreError, match="no example for turn 7"):
        seen(version, f"{row}-7")


def test_copies_are_one_example_that_says_how_often(sources: Path, tmp_path: Path):
    """A row that is drawn several times is shown once."""
    settings = {"size": 300, "when_short": "repeat", "eval_share": 0}
    version = quick_build(recipe(**settings), tmp_path, sources).version
    copied = pl.scan_parquet(version / "train-*.parquet").filter(pl.col("id").str.ends_with("#2")).collect()
    (example,) = seen(version, copied["id"][0]).examples
    assert example.copies >= 2
    assert "#" not in example.id
