"""A run learns, writes the same bytes twice, appears whole or not at all, and loads again."""

import json
import subprocess
import sys
from hashlib import sha256

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs thinkmix[train]")
pytest.importorskip("transformers", reason="needs thinkmix[train]")
peft = pytest.importorskip("peft", reason="needs thinkmix[train]")

from safetensors.torch import load_file  # noqa: E402 - needs torch

from tests.harness.listening import Heard  # noqa: E402
from thinkmix.schemas.errors import TrainError  # noqa: E402
from thinkmix.schemas.training import TrainPlan  # noqa: E402
from thinkmix.train.data.encode import encode_rows  # noqa: E402
from thinkmix.train.data.rows import index_rows, read_manifest  # noqa: E402
from thinkmix.train.model import forward  # noqa: E402
from thinkmix.train.model.model import load_model, prepare, quiet  # noqa: E402
from thinkmix.train.output.result import TrainResult  # noqa: E402
from thinkmix.train.run.engine import Engine, Process  # noqa: E402
from thinkmix.train.run.evaluate import evaluate  # noqa: E402
from thinkmix.train.run.fit import fit  # noqa: E402
from thinkmix.train.run.job import TrainJob  # noqa: E402
from thinkmix.train.run.optimiser import build_optimiser  # noqa: E402
from thinkmix.train.run.schedule import learning_rate  # noqa: E402

torch.set_num_threads(1)  # the model is tiny, and threads that wait for busy cores cost more than they bring


def digest_of(version):
    return sha256((version / "manifest.json").read_bytes()).hexdigest()


SHORT = TrainPlan(max_steps=3, batch=256, max_tokens=64, learning_rate=5e-3, dropout=0.1, accumulate=2)


@pytest.fixture
def version(publish, sums):
    """Publish the sums, four of them held out, two of a kind."""
    return publish([*sums[2:16], *sums[18:]], held_out=[*sums[:2], *sums[16:18]])


def run(version, output, plan=SHORT, **settings):
    return fit(TrainJob(version, digest_of(version), plan, "tiny-random", output), **settings)


def fresh():
    with quiet():
        return prepare("tiny-random", SHORT).eval()


def test_the_loss_goes_down_on_rows_that_can_be_learnt_by_heart(publish, sums, tmp_path):
    """Forty steps on four rows: the loss falls by more than three nats, in training and in evaluation."""
    rows = [*sums[:2], *sums[16:18]]
    plan = TrainPlan(max_steps=40, batch=256, max_tokens=64, learning_rate=2e-2, schedule="constant")
    result = run(publish(rows, held_out=rows), tmp_path / "out", plan)
    assert result.losses[-1] < result.losses[0] - 3
    assert result.eval_after.total.loss < result.eval_before.total.loss - 3
    assert result.eval_after.by_mode["thinking"].loss < result.eval_before.by_mode["thinking"].loss


def test_two_runs_write_the_same_bytes_whatever_the_order_of_rows(publish, sums, version, tmp_path):
    """Same plan, same rows, the same adapter and manifest, dropout included; torch's own seed is not used."""
    other = publish(
        [*sums[18:][::-1], *sums[2:16]], held_out=[*sums[16:18], *sums[:2]], shards=2, name="other"
    )
    torch.manual_seed(1)
    first = run(version, tmp_path / "one")
    torch.manual_seed(2)
    run(version, tmp_path / "two")
    files = ["adapter_config.json", "adapter_model.safetensors", "training.json"]
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == files
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name
    reordered = run(other, tmp_path / "three")
    assert (reordered.files, reordered.losses) == (first.files, first.losses)
    assert reordered.eval_after == first.eval_after
    reseeded = run(version, tmp_path / "four", SHORT.model_copy(update={"seed": 1}))
    assert reseeded.files["adapter_model.safetensors"] != first.files["adapter_model.safetensors"]


def test_a_saved_adapter_gives_the_loss_that_was_reported(version, tmp_path):
    """Loaded on a fresh model, as another program would, it scores the held-out rows alike to 1e-5."""
    result = run(version, tmp_path / "out")
    with quiet():
        base = load_model("tiny-random", dtype=torch.float32)
        tuned = peft.PeftModel.from_pretrained(base, tmp_path / "out")
    rows = index_rows(version, read_manifest(version, digest=digest_of(version)), split="eval", max_tokens=64)
    tokens = encode_rows(rows, np.arange(4), scratch=tmp_path / "ids")
    again = evaluate(tuned, tokens, rows, SHORT)
    assert again.total.loss == pytest.approx(result.eval_after.total.loss, abs=1e-5)
    assert abs(result.eval_after.total.loss - result.eval_before.total.loss) > 1e-3


def test_the_manifest_names_what_the_adapter_came_from(version, tmp_path):
    """Mixture, plan, model, tokenizer, versions, and each file's sha256; the returned result is the same."""
    result = run(version, tmp_path / "out")
    text = (tmp_path / "out" / "training.json").read_text()
    assert TrainResult.model_validate_json(text) == result
    assert (result.mixture, result.mixture_digest, result.template) == ("sums", digest_of(version), "qwen3")
    assert result.tokenizer_sha256.startswith("aeb13307")
    assert result.plan == SHORT
    assert (result.model.name, result.model.device, result.model.dtype) == ("tiny-random", "cpu", "float32")
    assert set(result.versions) == {"torch", "transformers", "peft", "bitsandbytes"}
    for name, digest in result.files.items():
        assert sha256((tmp_path / "out" / name).read_bytes()).hexdigest() == digest
    assert sorted(result.files) == ["adapter_config.json", "adapter_model.safetensors"]
    targets = json.loads((tmp_path / "out" / "adapter_config.json").read_text())["target_modules"]
    assert targets == sorted(targets)
    assert str(tmp_path) not in text


def test_a_local_folder_trains_like_the_model_that_was_saved_to_it(version, tmp_path):
    """Same weights, same adapter; the manifest tells the folder's name, not where it lies."""
    with quiet():
        load_model("tiny-random", dtype=torch.float32).save_pretrained(tmp_path / "own-qwen3")
    want = run(version, tmp_path / "tiny")
    model = str(tmp_path / "own-qwen3")
    got = fit(TrainJob(version, digest_of(version), SHORT, model, tmp_path / "own"))
    name = "adapter_model.safetensors"
    assert got.files[name] == want.files[name]
    assert got.model == want.model.model_copy(update={"name": "own-qwen3"})
    assert str(tmp_path) not in (tmp_path / "own" / "training.json").read_text()


def test_half_precision_keeps_the_adapter_in_full(version, tmp_path):
    """The frozen model is bfloat16, the adapter float32, and its loss is near that of full precision."""
    half = run(version, tmp_path / "half", SHORT.model_copy(update={"dtype": "bfloat16"}))
    full = run(version, tmp_path / "full")
    assert half.model.dtype == "bfloat16"
    weights = load_file(tmp_path / "half" / "adapter_model.safetensors")
    assert {weight.dtype for weight in weights.values()} == {torch.float32}
    assert half.losses == pytest.approx(full.losses, abs=0.1)
    assert half.losses != full.losses


def test_counts_and_evaluation_add_up(version, sums, tmp_path):
    """One epoch reads every token once; held-out rows are told apart by source and by mode."""
    result = run(version, tmp_path / "out", TrainPlan(batch=512, max_tokens=64))
    trained = [*sums[2:16], *sums[18:]]
    assert (result.counts.rows, result.counts.rows_seen, result.counts.too_long) == (28, 28, 0)
    assert result.counts.trained_tokens == sum(row["completion_tokens"] for row in trained)
    assert result.counts.tokens == sum(row["prompt_tokens"] + row["completion_tokens"] for row in trained)
    assert result.counts.padding_tokens == 0
    assert result.counts.packing_efficiency == result.counts.tokens / (512 * result.counts.steps) <= 1
    assert len(result.losses) == result.counts.steps
    before = result.eval_before
    assert {name: loss.rows for name, loss in before.by_source.items()} == {"chat": 2, "math": 2}
    assert {name: loss.rows for name, loss in before.by_mode.items()} == {"non_thinking": 2, "thinking": 2}
    parts = before.by_source.values()
    total = sum(part.loss * part.trained_tokens for part in parts) / sum(
        part.trained_tokens for part in parts
    )
    assert before.total.loss == pytest.approx(total)


def test_too_long_rows_are_counted_and_a_mixture_may_hold_nothing_out(publish, sums, tmp_path):
    """What does not fit is left out and said so; without held-out rows there is no evaluation."""
    result = run(publish(sums), tmp_path / "out", TrainPlan(max_steps=1, batch=40, max_tokens=40))
    lengths = [row["prompt_tokens"] + row["completion_tokens"] for row in sums]
    assert result.counts.too_long == sum(length > 40 for length in lengths) > 0
    assert (result.eval_before, result.eval_after) == (None, None)


def test_padding_changes_no_loss(version, tmp_path):
    """Rows in one padded batch lose what each loses alone."""
    rows = index_rows(
        version, read_manifest(version, digest=digest_of(version)), split="train", max_tokens=64
    )
    tokens = encode_rows(rows, np.arange(8), scratch=tmp_path / "ids")
    model = fresh()
    with torch.no_grad():
        together = forward.row_losses(model, tokens, np.arange(8))
        alone = torch.cat([forward.row_losses(model, tokens, np.array([row])) for row in range(8)])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)


def test_the_loss_is_that_of_the_models_own_forward_pass(version, tmp_path):
    """Selecting positions before the head gives what transformers computes from labels over all logits."""
    rows = index_rows(
        version, read_manifest(version, digest=digest_of(version)), split="train", max_tokens=64
    )
    tokens = encode_rows(rows, np.arange(1), scratch=tmp_path / "ids")
    model = fresh()
    row = tokens.example(0)
    input_ids, labels = (torch.from_numpy(part).long().unsqueeze(0) for part in (row.input_ids, row.labels))
    with torch.no_grad():
        want = model(input_ids=input_ids, labels=labels).loss
        got = forward.row_losses(model, tokens, np.array([0])).mean()
    torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-5)


def test_accumulated_batches_are_one_step(version, tmp_path):
    """Two batches of a step give the loss and the gradient of one batch of all their rows."""
    rows = index_rows(
        version, read_manifest(version, digest=digest_of(version)), split="train", max_tokens=64
    )
    tokens = encode_rows(rows, np.arange(8), scratch=tmp_path / "ids")
    grads, losses = [], []
    for step in ((np.arange(8),), (np.arange(3), np.arange(3, 8))):
        model = fresh()
        losses.append(
            Engine(model, build_optimiser(model, SHORT), SHORT, Process()).accumulate(tokens, step, seed=0)
        )
        grads.append([weight.grad for weight in model.parameters() if weight.requires_grad])
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)
    torch.testing.assert_close(grads[0], grads[1], rtol=1e-4, atol=1e-6)


def test_the_rate_warms_up_and_falls_along_a_cosine():
    """Ten steps, two of them warm-up: half, peak, peak, then down towards zero."""
    plan = TrainPlan(learning_rate=1.0, warmup=0.2, epochs=1)
    rates = [learning_rate(plan, step=step, steps=10) for step in range(10)]
    assert rates[:3] == [0.5, 1.0, 1.0]
    assert rates[2:] == sorted(rates[2:], reverse=True)
    assert rates[6] == pytest.approx(0.5)
    assert 0 < rates[-1] < 0.05
    constant = plan.model_copy(update={"schedule": "constant"})
    assert [learning_rate(constant, step=step, steps=10) for step in (1, 5, 9)] == [1.0, 1.0, 1.0]


def test_progress_is_told_after_every_step_and_nothing_else_is_printed(version, tmp_path, capfd):
    """Libraries' bars and advice stay off the terminal."""
    told = []
    result = run(version, tmp_path / "out", listener=Heard(step=told.append))
    assert [(at.step, at.steps, at.loss) for at in told] == [(n + 1, 3, result.losses[n]) for n in range(3)]
    assert told[-1].trained_tokens == result.counts.trained_tokens
    assert capfd.readouterr() == ("", "")


def test_a_listener_hears_a_run_in_the_order_in_which_it_happens(version, tmp_path):
    """The held-out loss of the model as it came, the beginning, every step, and the loss after the last."""
    heard = []

    def note(kind):
        return lambda told: heard.append((kind, told.step))

    hears = {kind: note(kind) for kind in ("begin", "step", "point")}
    run(version, tmp_path / "out", listener=Heard(**hears))
    steps = [("step", number) for number in (1, 2, 3)]
    assert heard == [("point", 0), ("begin", 0), *steps, ("point", 3)]


def test_an_output_that_is_in_use_is_refused(version, tmp_path):
    """An adapter is never written over another; an empty folder will do."""
    (tmp_path / "out").mkdir()
    run(version, tmp_path / "out")
    before = (tmp_path / "out" / "training.json").read_bytes()
    with pytest.raises(TrainError, match="out exists already"):
        run(version, tmp_path / "out")
    assert (tmp_path / "out" / "training.json").read_bytes() == before


def test_a_run_that_fails_leaves_nothing_behind(version, tmp_path):
    """Whatever stops it, there is no half-written adapter, and nothing beside it."""

    def stop(at):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(version, tmp_path / "out", listener=Heard(step=stop))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["version"]


def test_a_bad_row_is_refused_before_the_model_is_loaded_and_a_bad_plan_before_rows_are_encoded(
    publish, sums, version, tmp_path, monkeypatch
):
    """Neither costs what comes after it: weights of gigabytes, or minutes of encoding."""

    def unwanted(*asked, **settings):
        raise AssertionError

    bad = publish([*sums[:4], sums[4] | {"completion_tokens": 1}], name="bad")
    monkeypatch.setattr("thinkmix.train.model.model.load_model", unwanted)
    with pytest.raises(TrainError, match=f"row {sums[4]['id']}: "):
        run(bad, tmp_path / "out")
    monkeypatch.setattr("thinkmix.train.run.load.open_tokens", unwanted)
    with pytest.raises(TrainError, match="tiny-random: rank 1000"):
        run(version, tmp_path / "out", SHORT.model_copy(update={"rank": 1000}))


def test_a_loss_that_is_no_number_stops_the_run(version, tmp_path, monkeypatch):
    """The step is named, and no adapter is written."""
    whole = forward.token_losses
    monkeypatch.setattr(forward, "token_losses", lambda *tensors: whole(*tensors) * torch.nan)
    with pytest.raises(TrainError, match="step 1: loss nan"):
        run(version, tmp_path / "out", SHORT.model_copy(update={"packing": False}))
    assert not (tmp_path / "out").exists()


def test_without_the_extra_one_sentence_says_what_to_install(version, tmp_path):
    """The room opens without torch, refuses what it can without it, and then asks for the extra."""
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from pathlib import Path\n"
        "from thinkmix.schemas.errors import TrainError\nfrom thinkmix.schemas.training import TrainPlan\n"
        "from thinkmix.train.run.fit import fit\nfrom thinkmix.train.run.job import TrainJob\n"
        "plan, version, output = TrainPlan(), Path(sys.argv[1]), Path(sys.argv[2])\n"
        f"try: fit(TrainJob(version, '{digest_of(version)}', plan, 'tiny-random', output))\n"
        "except TrainError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(version), str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "training needs torch: pip install 'thinkmix[train]'"
