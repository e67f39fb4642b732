"""What a trainer sees of a row: the published text and tokens, or what they would be."""

from pathlib import Path

import polars as pl
import pytest

from tests.harness.builders import quick_build, recipe, text, write_rows
from thinkmix.flows.inspect.examples import seen
from thinkmix.flows.inspect.explain import explain
from thinkmix.schemas.errors import NotFound
from thinkmix.train.data.encode import encode_example


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
    outcomes = pl.scan_parquet(version / "outcomes" / "*.parquet").filter(reason=reason).collect()
    found = seen(version, outcomes["id"][0])
    (example,) = found.examples
    assert example.prompt.startswith("<|im_start|>user\n")
    assert example.completion.endswith("<|im_end|>\n")
    assert example.completion_tokens > 0
    if reason != "exact_dup":
        assert (example.split, example.copies) == (None, 0)


@pytest.mark.parametrize("reason", ["bad_json", "think_missing", "control_token"])
def test_row_that_is_no_conversation_shows_nothing(reason: str, version: Path):
    """The reason is said instead."""
    outcomes = pl.scan_parquet(version / "outcomes" / "*.parquet").filter(reason=reason).collect()
    with pytest.raises(NotFound, match=f"as {reason}: .* a trainer would see nothing of it"):
        seen(version, outcomes["id"][0])


def test_turn_that_a_row_does_not_have_is_refused(version: Path):
    """An example's id means that example and no other."""
    row = pl.scan_parquet(version / "train-*.parquet").head(1).collect()["conversation_id"][0]
    with pytest.raises(NotFound, match="no example for turn 7"):
        seen(version, f"{row}-7")


def test_copies_are_one_example_that_says_how_often(sources: Path, tmp_path: Path):
    """A row that is sampled several times is shown once."""
    settings = {"size": 300, "when_short": "repeat", "eval_share": 0}
    version = quick_build(recipe(**settings), tmp_path, sources).version
    copied = pl.scan_parquet(version / "train-*.parquet").filter(pl.col("id").str.ends_with("#2")).collect()
    (example,) = seen(version, copied["id"][0]).examples
    assert example.copies >= 2
    assert "#" not in example.id


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version for the model that always thinks, of rows that think in their first answer only, or never."""
    folder = tmp_path_factory.mktemp("half")
    rows = []
    for number in range(8):
        turns = [("First", "so" if number < 6 else None), ("Then", None)]
        said = [
            {"role": role, "content": f"{word}: {text((word, role, number))}", "reasoning_content": trace}
            for word, thought in turns
            for role, trace in (("user", None), ("assistant", thought))
        ]
        rows.append({"messages": said})
    write_rows(folder / "rows.jsonl", rows)
    source = {"name": "half", "kind": "local", "files": ["*.jsonl"], "format": "messages"}
    stated = recipe(sources=[source], shares={"half": 1.0}, eval_share=0, template="qwen3-thinking-2507")
    return quick_build(stated, folder / "store", folder).version


def test_turn_that_the_template_cannot_write_costs_itself_alone(half: Path):
    """The row stays with its other turn; who asks for the lost one is told why, and so is who explains it."""
    sampled = pl.scan_parquet(half / "train-*.parquet").select("conversation_id", "turn").collect()
    assert sampled["turn"].to_list() == [1] * 6
    row = sampled["conversation_id"][0]
    assert [example.turn for example in seen(half, row).examples] == [1]
    why = r"messages\[3\] \(assistant\) has no trace of reasoning, with which qwen3-thinking-2507 always"
    with pytest.raises(NotFound, match=f"row {row}: {why}"):
        seen(half, f"{row}-3")


def test_row_of_which_the_template_can_write_nothing_says_why(half: Path):
    """Its first turn that cannot be written names itself; an explanation names all."""
    outcomes = pl.scan_parquet(half / "outcomes" / "*.parquet").filter(reason="mode_unsupported").collect()
    row = outcomes["id"][0]
    with pytest.raises(NotFound, match=rf"row {row}: messages\[1\] \(assistant\) has no trace"):
        seen(half, row)
    told = next(stage.says for stage in explain(half, row).rows[0].stages if stage.stage == "render")
    assert all(f"messages[{turn}] (assistant) has no trace" in told for turn in (1, 3))
