"""Training that makes the model forget a protected source is stopped, or goes back to before it did."""

from hashlib import sha256

import pytest

torch = pytest.importorskip("torch", reason="needs thinkmix[train]")
peft = pytest.importorskip("peft", reason="needs thinkmix[train]")

from safetensors.torch import load_file  # noqa: E402 - needs torch

from tests.harness.listening import Heard  # noqa: E402
from thinkmix.schemas.errors import Forgotten, TrainError  # noqa: E402
from thinkmix.schemas.training import TrainPlan  # noqa: E402
from thinkmix.train.checks import forgetting  # noqa: E402
from thinkmix.train.model import model as models  # noqa: E402
from thinkmix.train.output.result import Evaluation, Loss  # noqa: E402
from thinkmix.train.run.fit import fit  # noqa: E402
from thinkmix.train.run.job import TrainJob  # noqa: E402

torch.set_num_threads(1)  # the model is tiny, and threads that wait for busy cores cost more than they bring


def point(step, total=1.0, **by_source):
    def loss(value):
        return Loss(loss=value, rows=1, trained_tokens=1)

    return Evaluation(
        step=step,
        total=loss(total),
        by_source={name: loss(value) for name, value in by_source.items()},
        by_mode={},
    )


@pytest.mark.parametrize(
    ("now", "want"),
    [
        ({"a": 1.5, "b": 9.0}, ()),
        ({"a": 1.51, "b": 9.0}, ("a",)),
        ({"a": 0.5, "c": 2.1}, ("c",)),
        ({"a": float("nan")}, ("a",)),
    ],
)
def test_a_source_is_forgotten_when_its_loss_rises_by_more_than_its_tolerance(now, want):
    """Up to the tolerance is fine; sources that are not protected may rise; no number is no good number."""
    evals = [point(0, a=1, b=1, c=2), point(5, **{"a": 1, "b": 1, "c": 2, **now})]
    assert forgetting.forgotten(evals, {"a": 0.5, "c": 0}) == want


def test_the_best_measurement_is_the_lowest_at_which_nothing_was_forgotten():
    """Neither the lowest of all, nor the model as it came; the first of equals."""
    evals = [
        point(0, total=1, a=1),
        point(2, total=0.9, a=1.1),
        point(4, total=0.8, a=1.2),
        point(6, total=0.8, a=1.1),
        point(8, total=0.1, a=3),
    ]
    assert forgetting.best(evals, {"a": 0.5}).step == 4
    assert forgetting.best(evals[:2], {"a": 0.5}).step == 2
    assert forgetting.best([evals[0], evals[4]], {"a": 0.5}) is None


def test_a_protected_source_that_is_not_measured_is_refused_before_anything_is_loaded(
    publish, sums, tmp_path, monkeypatch
):
    """A slip of the pen must not switch the protection off; the sentence lists the sources."""
    monkeypatch.setattr(models, "prepare", lambda *given: pytest.fail("the model was loaded"))
    version = publish(sums[2:], held_out=sums[:2])
    with pytest.raises(TrainError, match="no held-out row of chta is measured; the sources are: math"):
        train(version, tmp_path / "out", "tiny-random", {"protected": {"chta": 0.1}})


@pytest.fixture(scope="module")
def talk(chat):
    """Give four chats, which the base model knows by heart."""
    words = ("rain falls in May", "cats sleep all day", "tea is hot", "the sea is blue")
    return [chat(f"Tell me of {word}.", f"{word}, {word}.") for word in words]


@pytest.fixture(scope="module")
def knowing(talk, tmp_path_factory, publish_to):
    """Make a model that knows the chats: it loses 5.9 nats a token on them, where a fresh one loses 12.3."""
    folder = tmp_path_factory.mktemp("base")
    plan = {"max_steps": 30, "eval_every": None, "rank": 32, "eval_rows": 0, "protected": {}}
    train(publish_to(folder, talk), folder / "adapter", "tiny-random", plan)
    with models.quiet():
        base = models.load_model("tiny-random", dtype=torch.float32)
        tuned = peft.PeftModel.from_pretrained(base, folder / "adapter")
        tuned.merge_and_unload().save_pretrained(folder / "knowing")
    return str(folder / "knowing")


@pytest.fixture
def version(publish, sums, talk):
    """Publish sums to train on, and hold sums and chats out."""
    return publish(sums[:6], held_out=[*sums[:2], *talk])


def train(version, output, model, changes, **settings):
    stated = {
        "max_steps": 8,
        "batch": 128,
        "max_tokens": 64,
        "learning_rate": 2e-2,
        "schedule": "constant",
        "eval_every": 2,
        "protected": {"chat": 1.0},
        **changes,
    }
    digest = sha256((version / "manifest.json").read_bytes()).hexdigest()
    plan = TrainPlan.model_validate(stated)
    return fit(TrainJob(version, digest, plan, model, output), **settings)


def test_forgetting_stops_the_run_and_writes_nothing(version, knowing, tmp_path):
    """The chats are forgotten by sums alone: the run ends there, with the curve in its sentence."""
    seen, told = [], []
    with pytest.raises(
        Forgotten, match=r"forgotten at step 4.*chat 5\.\d+ \(step 0\), .* \(step 2\)"
    ) as raised:
        train(version, tmp_path / "out", knowing, {}, listener=Heard(point=seen.append, step=told.append))
    assert raised.value.exit_code == 13
    assert [at.step for at in seen] == [0, 2, 4]
    assert (told[-1].step, told[-1].steps) == (4, 8)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["version"]


def test_keep_best_writes_the_weights_from_before_it_was_forgotten(version, knowing, tmp_path):
    """They are those of a run that ends at that step."""
    result = train(version, tmp_path / "out", knowing, {"on_forgetting": "keep_best"})
    assert (result.kept_step, [at.step for at in result.evals], len(result.losses)) == (2, [0, 2, 4], 4)
    assert result.eval_after == result.evals[1]
    assert result.counts.steps == 4
    chat = result.protected["chat"]
    assert chat.before + 1 < chat.worst
    assert chat.after == result.evals[1].by_source["chat"].loss < chat.before + 1
    short = train(version, tmp_path / "short", knowing, {"max_steps": 2})
    assert short.files["adapter_model.safetensors"] == result.files["adapter_model.safetensors"]
    weights = load_file(tmp_path / "out" / "adapter_model.safetensors")
    assert any(bool(weight.any()) for name, weight in weights.items() if "lora_B" in name)


def test_a_run_that_goes_on_still_finds_its_best_weights(version, knowing, tmp_path):
    """Interrupted after the best measurement, it goes back to it all the same."""
    plan = {"on_forgetting": "keep_best", "save_every": 1, "keep_checkpoints": 1}
    want = train(version, tmp_path / "whole", knowing, plan)

    def interrupt(at):
        if at.step == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(version, tmp_path / "out", knowing, plan, listener=Heard(step=interrupt))
    told = []
    assert train(version, tmp_path / "out", knowing, plan, listener=Heard(step=told.append)) == want
    assert [at.step for at in told] == [4]


def test_with_nothing_to_go_back_to_the_run_fails(version, knowing, tmp_path):
    """When the first measurement is already too high, untrained weights are not sold as a result."""
    with pytest.raises(Forgotten, match="forgotten at step 2"):
        train(version, tmp_path / "out", knowing, {"on_forgetting": "keep_best", "protected": {"chat": 0.01}})
    assert not (tmp_path / "out").exists()


def test_what_is_not_forgotten_is_reported_as_well(version, knowing, tmp_path):
    """A run within the tolerance ends as planned, and its manifest says how near it came."""
    result = train(version, tmp_path / "out", knowing, {"protected": {"chat": 50, "math": 0}, "max_steps": 4})
    assert (result.kept_step, set(result.protected)) == (4, {"chat", "math"})
    chat, math = result.protected["chat"], result.protected["math"]
    assert chat.worst == chat.after > chat.before + 1
    assert math.worst == math.before > math.after
