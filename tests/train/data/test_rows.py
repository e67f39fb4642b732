"""Which rows are read in which step: by hash, within the budget, and known beforehand."""

from hashlib import sha256
from itertools import pairwise

import numpy as np
import pytest

from thinkmix.schemas.errors import TrainError
from thinkmix.schemas.training import TrainPlan
from thinkmix.train.data.rows import hash_order, index_rows, plan_steps, read_manifest, sample_rows


def train_rows(version, max_tokens=4096):
    digest = sha256((version / "manifest.json").read_bytes()).hexdigest()
    return index_rows(version, read_manifest(version, digest=digest), split="train", max_tokens=max_tokens)


def names(rows, steps):
    ids = rows.frame["id"]
    return [[[ids[n] for n in batch.tolist()] for batch in step] for step in steps]


PLANS = [TrainPlan(epochs=2, batch=128, max_tokens=128, packing=packing) for packing in (True, False)]


def test_order_depends_on_ids_and_salt_alone():
    """Rows in another order, or in other company, keep their order among themselves."""
    ids = [f"row{n}" for n in range(50)]
    want = [ids[n] for n in hash_order(ids, 1, "a")]
    assert [ids[::-1][n] for n in hash_order(ids[::-1], 1, "a")] == want
    assert [ids[:25][n] for n in hash_order(ids[:25], 1, "a")] == [name for name in want if name in ids[:25]]
    assert [ids[n] for n in hash_order(ids, 2, "a")] != want


@pytest.mark.parametrize("plan", PLANS, ids=["packed", "padded"])
def test_the_order_of_rows_in_the_files_changes_no_batch(publish, sums, plan):
    """Steps name the same rows however the version is sharded and sorted."""
    one = train_rows(publish(sums, name="one"), 128)
    two = train_rows(publish(sums[::-1], shards=3, name="two"), 128)
    assert names(one, plan_steps(one, plan)) == names(two, plan_steps(two, plan))


@pytest.mark.parametrize("plan", PLANS, ids=["packed", "padded"])
def test_every_epoch_reads_every_row_once_in_another_order(publish, sums, plan):
    """Two epochs are twice all rows, and the second is not the first again."""
    rows = train_rows(publish(sums))
    seen = np.concatenate([batch for step in plan_steps(rows, plan) for batch in step])
    first, second = seen[:32].tolist(), seen[32:].tolist()
    assert sorted(first) == sorted(second) == list(range(32))
    assert first != second


@pytest.mark.parametrize("budget", [64, 100, 200])
def test_a_batch_counts_its_padding(publish, sums, budget):
    """Rows times the longest row never exceed the budget, and rows of like lengths share a batch."""
    rows = train_rows(publish(sums), 64)
    plan = TrainPlan(batch=budget, max_tokens=64, packing=False)
    batches = [batch for step in plan_steps(rows, plan) for batch in step]
    lengths = rows.lengths()
    assert all(len(batch) * lengths[batch].max() <= budget for batch in batches)
    padded = sum(len(batch) * lengths[batch].max() for batch in batches)
    assert padded < 1.3 * sum(lengths)
    by_length = sorted(batches, key=lambda batch: (lengths[batch].min(), lengths[batch].max()))
    for batch, longer in pairwise(by_length):
        assert lengths[batch].max() <= lengths[longer].min()
        assert (len(batch) + 1) * lengths[longer].min() > budget


def test_max_steps_reads_the_rows_again_when_they_run_out(publish, sums):
    """A run of many steps on few rows goes through them epoch by epoch."""
    plan = TrainPlan(max_steps=11, batch=80, max_tokens=64, accumulate=2)
    steps = plan_steps(train_rows(publish(sums)), plan)
    assert len(steps) == 11
    assert {len(step) for step in steps} == {1, 2}  # the last step of an epoch takes what is left


def test_rows_longer_than_the_plan_allows_are_counted(publish, sums):
    """They are left out whole: what remains is as long as it was."""
    rows = train_rows(publish(sums), 40)
    lengths = [row["prompt_tokens"] + row["completion_tokens"] for row in sums]
    assert rows.too_long == sum(length > 40 for length in lengths) > 0
    assert sorted(rows.lengths().tolist()) == sorted(length for length in lengths if length <= 40)


def test_a_mixture_without_a_row_that_fits_is_refused(publish, sums):
    """The message counts what was too long."""
    plan = TrainPlan(max_tokens=16)
    with pytest.raises(TrainError, match=r"no row to train on; 32 are longer than max_tokens \(16\)"):
        plan_steps(train_rows(publish(sums), 16), plan)


def test_held_out_rows_are_drawn_per_source(publish, sums):
    """Each source is measured, and sampling does not depend on the order of the files."""
    draws = []
    for name, rows in (("one", sums), ("two", sums[::-1])):
        sampled = sample_rows(train_rows(publish(rows, name=name)), per_source=3)
        assert sampled.frame["source"].value_counts(sort=True)["count"].to_list() == [3, 3]
        draws.append(sorted(sampled.frame["id"]))
    assert draws[0] == draws[1]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "is not a published version: manifest.json cannot be read"),
        ("{", "is not the manifest of a version: not JSON"),
        ('{"version": 1, "mixture": "m"}', "is not the manifest of a version: code_sha256, content_sha256"),
    ],
)
def test_a_folder_without_a_manifest_is_refused(tmp_path, text, sentence):
    """A folder that was never published is not trained on."""
    if text is not None:
        (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(TrainError, match=sentence):
        read_manifest(tmp_path, digest="ab" * 32)


def test_a_version_other_than_the_verified_one_is_refused(publish, sums):
    """A manifest that changed since it was verified names another mixture."""
    with pytest.raises(TrainError, match=r"holds the mixture [0-9a-f]{64}, not abab.*, which was verified"):
        read_manifest(publish(sums), digest="ab" * 32)


def test_a_version_built_with_another_tokenizer_is_refused(publish, sums):
    """Its token counts would not be those of the ids that are trained on."""
    version = publish(sums)
    path = version / "manifest.json"
    changed = path.read_text().replace("aeb13307", "00000000")
    path.write_text(changed)
    with pytest.raises(TrainError, match="was built with another tokenizer"):
        read_manifest(version, digest=sha256(changed.encode()).hexdigest())


def test_a_file_that_the_manifest_names_must_be_there(publish, sums):
    """A lost shard is not passed over."""
    version = publish(sums, shards=2)
    (version / "train-00001.parquet").unlink()
    with pytest.raises(TrainError, match=r"lacks train-00001.parquet, which its manifest names"):
        train_rows(version)


def test_a_file_that_holds_no_examples_is_refused(publish, sums):
    """A parquet file without the promised columns, or no parquet file at all, is named with its version."""
    version = publish([{"id": "x", "text": "y"}])
    with pytest.raises(TrainError, match="train files are not parquet files of examples"):
        train_rows(version)
    (version / "train-00000.parquet").write_bytes(b"PAR1 not at all")
    with pytest.raises(TrainError, match="train files are not parquet files of examples"):
        train_rows(version)
