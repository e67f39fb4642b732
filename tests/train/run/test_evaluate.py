"""The held-out loss: per source and mode, before, during and after, and training does not feel it."""

from hashlib import sha256

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs thinkmix[train]")
pytest.importorskip("peft", reason="needs thinkmix[train]")

from tests.harness.listening import Heard  # noqa: E402
from thinkmix.schemas.training import TrainPlan  # noqa: E402
from thinkmix.train.data.encode import encode_rows  # noqa: E402
from thinkmix.train.data.rows import batches_of_each, index_rows, read_manifest  # noqa: E402
from thinkmix.train.model.forward import row_losses  # noqa: E402
from thinkmix.train.model.model import prepare, quiet  # noqa: E402
from thinkmix.train.run.evaluate import evaluate  # noqa: E402
from thinkmix.train.run.fit import fit  # noqa: E402
from thinkmix.train.run.job import TrainJob  # noqa: E402

torch.set_num_threads(1)  # the model is tiny, and threads that wait for busy cores cost more than they bring


@pytest.fixture
def version(publish, sums):
    """Publish the sums, four of them held out, two of a kind."""
    return publish([*sums[2:8], *sums[18:24]], held_out=[*sums[:2], *sums[16:18]])


def digest(version):
    return sha256((version / "manifest.json").read_bytes()).hexdigest()


def train(version, output, **stated):
    plan = TrainPlan(batch=96, max_tokens=64, learning_rate=5e-3, dropout=0.1, **stated)
    told = []
    job = TrainJob(version, digest(version), plan, "tiny-random", output)
    result = fit(job, listener=Heard(point=told.append))
    assert told == list(result.evals)
    return result


def test_the_curve_has_a_point_before_during_and_after(version, tmp_path):
    """Every second step, and the last one; each point tells all sources and modes apart."""
    result = train(version, tmp_path / "out", max_steps=5, eval_every=2)
    assert [point.step for point in result.evals] == [0, 2, 4, 5]
    for point in result.evals:
        assert set(point.by_source) == {"chat", "math"}
        assert set(point.by_mode) == {"thinking", "non_thinking"}
    assert (result.eval_before, result.eval_after) == (result.evals[0], result.evals[-1])


def test_measuring_changes_nothing_that_is_trained(version, tmp_path):
    """With dropout, too: losses and adapter are those of a run that never looked."""
    often = train(version, tmp_path / "often", max_steps=4, eval_every=1)
    never = train(version, tmp_path / "never", max_steps=4, eval_rows=0)
    assert [point.step for point in often.evals] == [0, 1, 2, 3, 4]
    assert (never.evals, never.eval_before, never.eval_after) == ((), None, None)
    assert often.losses == never.losses
    assert often.files["adapter_model.safetensors"] == never.files["adapter_model.safetensors"]


@pytest.mark.parametrize("packing", [True, False])
def test_each_part_is_the_mean_over_its_trained_tokens(version, tmp_path, packing):
    """By hand from the loss of every token of every row; no dropout, and no gradient."""
    manifest = read_manifest(version, digest=digest(version))
    rows = index_rows(version, manifest, split="eval", max_tokens=64)
    tokens = encode_rows(rows, np.arange(4), scratch=tmp_path / "ids")
    with quiet():
        learner = prepare("tiny-random", TrainPlan(dropout=0.5))
    learner.train()
    plan = TrainPlan(batch=64, max_tokens=64, packing=packing)
    assert len(batches_of_each(rows, plan)) == 2
    found = evaluate(learner, tokens, rows, plan)
    assert evaluate(learner, tokens, rows, plan) == found
    with torch.no_grad():
        losses = [row_losses(learner, tokens, np.array([row])).double() for row in range(4)]
    sources = rows.frame["source"].to_list()
    for source, loss in found.by_source.items():
        own = torch.cat([part for part, name in zip(losses, sources, strict=True) if name == source])
        assert loss.loss == pytest.approx(float(own.mean()), rel=1e-6)
        assert (loss.rows, loss.trained_tokens) == (2, len(own))
    assert found.by_mode["thinking"] == found.by_source["math"]
    assert found.total.loss == pytest.approx(float(torch.cat(losses).mean()), rel=1e-6)
    assert evaluate(learner, tokens, type(rows)(rows.files, rows.frame.clear()), plan) is None
