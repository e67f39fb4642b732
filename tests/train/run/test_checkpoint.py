"""A checkpoint holds all that the next step depends on, and is whole or is not used."""

import os
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="needs thinkmix[train]")
bitsandbytes = pytest.importorskip("bitsandbytes", reason="needs thinkmix[train]")

from torch import nn  # noqa: E402

from thinkmix.schemas.errors import TrainError  # noqa: E402
from thinkmix.schemas.training import TrainPlan  # noqa: E402
from thinkmix.train.output.result import EvalLoss, Evaluation, History, Loss, ModelFacts  # noqa: E402
from thinkmix.train.run import checkpoint as room  # noqa: E402
from thinkmix.train.run.checkpoint import Checkpoints, fingerprint, origin_of  # noqa: E402

FACTS = ModelFacts(
    name="m", revision=None, config_sha256="0", device="cpu", dtype="float32", trainable_parameters=1
)
PLAN = TrainPlan()
VERSIONS = {"torch": "2"}


def optimisers():
    """Every optimiser of a plan: with tensors as state, with quantised ones, and without any."""
    return {
        "adamw": lambda weights: torch.optim.AdamW(weights, fused=True),
        "adamw8bit": bitsandbytes.optim.AdamW8bit,
        "sgd": lambda weights: torch.optim.SGD(weights, lr=0.1),
    }


def model(seed=0):
    """Make a model of which one layer is frozen, with a weight large enough to be kept in 8 bit."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = nn.Sequential(nn.Linear(64, 96), nn.Linear(96, 8))
    made[1].requires_grad_(requires_grad=False)
    return made


def step(learner, optimiser, number):
    generator = torch.Generator().manual_seed(number)
    learner(torch.randn(4, 64, generator=generator)).square().sum().backward()
    optimiser.step()
    optimiser.zero_grad()


def made(optimiser, steps, learner=None):
    """Return a model, its optimiser and its history after so many steps."""
    learner = learner or model()
    moves = optimisers()[optimiser]([weight for weight in learner.parameters() if weight.requires_grad])
    for number in range(steps):
        step(learner, moves, number)
    return learner, moves, History([0.1 + n / 3 for n in range(steps)])


@pytest.fixture
def said():
    return []


@pytest.fixture
def checkpoints(tmp_path, said):
    """Open the folder of one run's checkpoints, of which two are kept."""

    def opened(plan=PLAN, mixture="a" * 64, versions=VERSIONS):
        origin = origin_of(plan, mixture=mixture, versions=versions)
        return Checkpoints(tmp_path / "checkpoints", keep=2, origin=origin, notice=said.append)

    return opened


def save(checkpoints, steps, best=None, optimiser="sgd"):
    checkpoints.save(*made(optimiser, steps), model="m", best=best)


def names(checkpoints):
    return [path.name[:10].lstrip("0") for path in sorted(checkpoints.folder.iterdir())]


@pytest.mark.parametrize("optimiser", optimisers())
def test_steps_after_a_checkpoint_are_those_without_one(checkpoints, optimiser):
    """Three steps, a checkpoint, and two more, end in the weights of five: to the bit."""
    want, _, _ = made(optimiser, 5)
    checkpoints().save(*made(optimiser, 3), model="m")
    learner, moves, _ = made(optimiser, 0)
    history = checkpoints().restore(checkpoints().newest(), learner, moves, model="m")
    for number in (3, 4):
        step(learner, moves, number)
    assert history.losses == [0.1 + n / 3 for n in range(3)]
    for name, weight in want.named_parameters():
        assert torch.equal(learner.get_parameter(name), weight), name
    if optimiser == "adamw8bit":
        assert {state["state1"].dtype for state in moves.state.values()} >= {torch.uint8}


def test_a_checkpoint_holds_what_learns_and_nothing_else(checkpoints):
    """A frozen weight, of which there are billions, is not written."""
    save(checkpoints(), 1, optimiser="adamw")
    (path,) = checkpoints().folder.iterdir()
    with room.safe_open(str(path), framework="pt") as file:
        held = set(file.keys())
    assert {name for name in held if name.startswith("weight.")} == {"weight.0.weight", "weight.0.bias"}
    assert "state.0/exp_avg" in held


def test_a_new_run_has_no_past(checkpoints):
    """Where there is no folder yet, training begins at the beginning."""
    assert checkpoints().newest() is None
    learner, moves, _ = made("sgd", 0)
    assert checkpoints().restore(None, learner, moves, model="m") == History()


def test_only_the_latest_are_kept_and_the_best_as_long_as_one_of_them_needs_it(checkpoints):
    """Two are kept; that of the best measurement stays until a better one is named by both."""
    for steps, best, want in [
        (1, 1, ["1"]),
        (2, 1, ["1", "2"]),
        (3, 1, ["1", "2", "3"]),
        (4, 4, ["1", "3", "4"]),
        (5, 4, ["4", "5"]),
        (6, 4, ["4", "5", "6"]),
    ]:
        save(checkpoints(), steps, best=best)
        assert names(checkpoints()) == want


def _truncate(path):
    os.truncate(path, path.stat().st_size - 1)


def _flip(path):
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)


def _flip_header(path):
    data = bytearray(path.read_bytes())
    data[data.index(b"losses") + 20] ^= 1
    path.write_bytes(data)


def _swap(path):
    path.write_bytes(next(p for p in path.parent.iterdir() if p != path).read_bytes())


def _rename(path):
    path.rename(path.with_name(f"{path.name[:11]}{'0' * 64}.safetensors"))


def _empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [_truncate, _flip, _flip_header, _swap, _rename, _empty])
def test_a_damaged_checkpoint_is_named_and_the_one_before_it_used(checkpoints, said, damage):
    """Cut short, changed by a bit in weights or header, of other content, or empty: it is removed."""
    save(checkpoints(), 1)
    save(checkpoints(), 2)
    damage(max(checkpoints().folder.iterdir()))
    assert checkpoints().newest().header.step == 1
    (sentence,) = said
    assert "0000000002-" in sentence
    assert "is damaged, so it is removed and the one before it is used" in sentence
    assert names(checkpoints()) == ["1"]


def test_when_all_are_damaged_training_begins_anew(checkpoints, said):
    """Each is named."""
    save(checkpoints(), 1)
    save(checkpoints(), 2)
    for path in checkpoints().folder.iterdir():
        _truncate(path)
    assert checkpoints().newest() is None
    assert len(said) == 2


def test_a_checkpoint_without_the_best_weights_it_names_is_not_used(checkpoints, said):
    """A run that may have to go back must be able to."""
    for steps, best in ((1, None), (2, 2), (3, 2)):
        save(replace(checkpoints(), keep=3), steps, best=best)
    _flip(sorted(checkpoints().folder.iterdir())[1])
    assert checkpoints().newest().header.step == 1
    assert len(said) == 2
    assert "needs the weights of step 2, which are gone" in said[1]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"plan": TrainPlan(learning_rate=1e-3)}, "learning_rate was 0.0002, now 0.001"),
        ({"mixture": "b" * 64}, "the mixture was aaaaaaaaaaaa, now bbbbbbbbbbbb"),
        ({"versions": {"torch": "3"}}, "version of torch was 2, now 3"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused_with_the_way_out(checkpoints, changed, why):
    """What differs is said, and what one can do."""
    save(checkpoints(), 2)
    with pytest.raises(TrainError, match=why) as raised:
        checkpoints(**changed).newest()
    assert "--restart" in str(raised.value)
    assert names(checkpoints()) == ["2"]


def test_how_often_is_saved_and_what_is_asked_afterwards_may_change(checkpoints):
    """These decide no weight: a run may go on with others."""
    save(checkpoints(), 2)
    plan = TrainPlan(save_every=7, keep_checkpoints=5, mode_prompts=3, mode_least=0.5, mode_tokens=8)
    assert checkpoints(plan=plan).newest().header.step == 2


def test_another_model_is_refused(checkpoints):
    """Models are told apart by a sample of their weights, and by what they run on."""
    save(checkpoints(), 2)
    learner, moves, _ = made("sgd", 0)
    with pytest.raises(TrainError, match="model's weights, device or precision are others"):
        checkpoints().restore(checkpoints().newest(), learner, moves, model="another")
    prints = [fingerprint(model(seed), FACTS) for seed in (0, 0, 1)]
    assert prints[0] == prints[1] != prints[2]
    assert fingerprint(model(), FACTS.model_copy(update={"device": "cuda"})) != prints[0]


def test_a_disk_that_is_full_leaves_the_checkpoints_before(checkpoints, monkeypatch):
    """The sentence says which step could not be saved; no half file stays."""
    save(checkpoints(), 1)

    def full(tensors, path, **named):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(room, "save_file", full)
    with pytest.raises(TrainError, match=r"checkpoint of step 2 cannot be written .*No space left"):
        save(checkpoints(), 2)
    assert names(checkpoints()) == ["1"]


def test_losses_and_measurements_come_back_as_they_were(checkpoints):
    """Numbers are not rounded on their way through the header."""
    loss = Loss(loss=1 / 3, rows=1, trained_tokens=7)
    point = Evaluation(
        step=1, **dict(EvalLoss(total=loss, by_source={"a": loss}, by_mode={"thinking": loss}))
    )
    learner, moves, _ = made("adamw", 1)
    want = History([2 / 3], [point])
    checkpoints().save(learner, moves, want, model="m")
    assert checkpoints().restore(checkpoints().newest(), learner, moves, model="m") == want
