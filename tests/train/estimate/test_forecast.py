"""What a plan does with a version's rows is counted before anything is trained."""

import numpy as np
import pytest

from thinkmix.schemas.errors import TrainError
from thinkmix.schemas.training import TrainPlan
from thinkmix.train.data.rows import index_rows, plan_steps, read_manifest
from thinkmix.train.estimate.forecast import forecast


@pytest.fixture
def rows(publish, sums, digest_of):
    version = publish(sums)
    manifest = read_manifest(version, digest=digest_of(version))
    return index_rows(version, manifest, split="train", max_tokens=2**62)


def test_lengths_are_those_of_all_rows(rows, sums):
    """Those that are too long are among the quantiles, and counted."""
    lengths = sorted(row["prompt_tokens"] + row["completion_tokens"] for row in sums)
    found = forecast(rows, TrainPlan(max_tokens=40))
    assert (found.rows, found.longest) == (32, lengths[-1])
    assert (found.p50, found.p95) == (lengths[16], lengths[30])
    assert found.too_long == sum(length > 40 for length in lengths) > 0
    assert found.longest_read == max(length for length in lengths if length <= 40)


def test_steps_and_tokens_are_those_of_the_run(rows, sums):
    """Two epochs read everything twice; without packing, padding is what batches of unlike rows add."""
    plan = TrainPlan(epochs=2, batch=128, max_tokens=128, packing=False)
    found = forecast(rows, plan)
    steps = plan_steps(rows, plan)
    lengths = rows.lengths()
    padded = [len(batch) * lengths[batch].max() for step in steps for batch in step]
    assert found.steps == len(steps)
    assert found.tokens == 2 * sum(row["prompt_tokens"] + row["completion_tokens"] for row in sums)
    assert found.trained_tokens == 2 * sum(row["completion_tokens"] for row in sums)
    assert found.padding_tokens == sum(padded) - found.tokens
    assert found.largest_batch == max(padded) <= 128


def test_hours_follow_from_the_speed(rows):
    """Padding is read, too, so it takes time; without a speed no hours are given."""
    found = forecast(rows, TrainPlan(), tokens_per_second=10)
    assert found.hours == pytest.approx((found.tokens + found.padding_tokens) / 36_000)
    assert forecast(rows, TrainPlan()).hours is None


def test_a_plan_that_leaves_out_every_row_is_refused(rows):
    """Nothing can be forecast of nothing."""
    assert np.min(rows.lengths()) > 16
    with pytest.raises(TrainError, match="no row to train on; 32 are longer"):
        forecast(rows, TrainPlan(max_tokens=16))


def test_packed_rows_need_no_padding(rows):
    """Rows that share a sequence fill batches without a gap, so the same tokens take fewer steps."""
    packed, padded = (
        forecast(rows, TrainPlan(batch=128, max_tokens=128, packing=packing)) for packing in (True, False)
    )
    assert packed.padding_tokens == 0 < padded.padding_tokens
    assert packed.tokens == padded.tokens
    assert packed.steps < padded.steps
