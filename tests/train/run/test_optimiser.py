"""Each optimiser lowers the loss, lets matrices alone decay, and keeps the state that it says."""

import copy

import pytest

torch = pytest.importorskip("torch", reason="needs thinkmix[train]")
pytest.importorskip("transformers", reason="needs thinkmix[train]")
pytest.importorskip("peft", reason="needs thinkmix[train]")
pytest.importorskip("bitsandbytes", reason="needs thinkmix[train]")

from tests.harness.train.learning import learn, loss_of  # noqa: E402
from thinkmix.schemas.training import TrainPlan  # noqa: E402
from thinkmix.train.model.model import prepare, quiet  # noqa: E402
from thinkmix.train.run.kahan_adamw import KahanAdamW  # noqa: E402
from thinkmix.train.run.optimiser import build_optimiser  # noqa: E402

torch.set_num_threads(1)  # the model is tiny, and threads that wait for busy cores cost more than they bring


def fresh(plan):
    with quiet():
        return prepare("tiny-random", plan)


def moments(optimiser):
    """Return the bytes of each weight's state, per number of the weight."""
    return [
        sum(value.nbytes for value in state.values() if isinstance(value, torch.Tensor)) / weight.numel()
        for weight, state in optimiser.state.items()
        if weight.numel() > 1_000_000
    ]


@pytest.mark.parametrize(
    ("settings", "lower"),
    [
        ({"optimiser": "adamw", "learning_rate": 1e-2}, 1.0),
        ({"optimiser": "adamw8bit", "learning_rate": 1e-2}, 1.0),
        ({"optimiser": "sgd", "learning_rate": 0.5}, 0.05),
        ({"optimiser": "adamw", "method": "full", "dtype": "bfloat16", "learning_rate": 1e-3}, 1.0),
        ({"optimiser": "adamw8bit", "method": "full", "dtype": "bfloat16", "learning_rate": 1e-3}, 1.0),
        ({"optimiser": "sgd", "method": "full", "dtype": "bfloat16", "learning_rate": 0.5}, 0.05),
    ],
)
def test_the_loss_goes_down(settings, lower):
    """Six steps, on an adapter in float32 and on whole weights in bfloat16."""
    plan = TrainPlan(**settings)
    losses = learn(fresh(plan), plan, steps=6)
    assert losses[-1] < losses[0] - lower


def test_two_runs_move_the_weights_alike():
    """To the last bit, with moments in 8 bit as well."""
    for optimiser in ("adamw", "adamw8bit"):
        plan = TrainPlan(optimiser=optimiser, learning_rate=1e-2)
        assert learn(fresh(plan), plan) == learn(fresh(plan), plan)


def test_vectors_do_not_decay():
    """Norms and DoRA's magnitudes keep their length where there is no gradient; matrices shrink."""
    for settings in ({"method": "full"}, {"dora": True}):
        plan = TrainPlan(**settings, weight_decay=0.5, learning_rate=0.1)
        learner = fresh(plan)
        optimiser = build_optimiser(learner, plan)
        before = {name: weight.clone() for name, weight in learner.named_parameters() if weight.requires_grad}
        for weight in learner.parameters():
            weight.grad = torch.zeros_like(weight) if weight.requires_grad else None
        optimiser.step()
        for name, weight in learner.named_parameters():
            if weight.requires_grad:
                shrunk = 1.0 if weight.ndim == 1 else 1 - 0.1 * 0.5
                torch.testing.assert_close(weight, before[name] * shrunk)


def test_only_what_learns_is_moved():
    """The frozen weights are in no group."""
    learner = fresh(TrainPlan(method="freeze", train_layers=1))
    optimiser = build_optimiser(learner, TrainPlan(method="freeze", train_layers=1))
    moved = {id(weight) for group in optimiser.param_groups for weight in group["params"]}
    assert moved == {id(weight) for weight in learner.parameters() if weight.requires_grad}


@pytest.mark.parametrize(("optimiser", "most"), [("adamw", 8.1), ("adamw8bit", 2.1), ("sgd", 0)])
def test_the_state_is_as_large_as_was_said(optimiser, most):
    """Two float32 moments a weight, two of 8 bit with their scales, or nothing."""
    plan = TrainPlan(method="full", optimiser=optimiser, learning_rate=1e-3)
    learner = fresh(plan)
    built = build_optimiser(learner, plan)
    loss_of(learner).backward()
    built.step()
    sizes = moments(built)
    assert len(sizes) == (0 if optimiser == "sgd" else 1)
    assert all(most - 0.2 < size <= most for size in sizes)


def small(dtype, optimiser, *, steps):
    """Move weights like those of a large model at a learning rate of 1e-5; return them and the optimiser."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.nn.Parameter((torch.randn(100, 100, generator=generator) * 0.03).to(dtype))
    before = weight.detach().float().clone()
    built = optimiser([{"params": [weight]}], lr=1e-5)
    slope = torch.randn(100, 100, generator=generator)
    for _ in range(steps):
        weight.grad = (slope + torch.randn(100, 100, generator=generator)).to(dtype)
        built.step()
    return weight, built, weight.detach().float() - before


def test_small_steps_are_not_lost_on_weights_in_bfloat16():
    """After a hundred steps of 1e-5 they are where float32 brings them; plain AdamW leaves most alone."""
    _, _, exact = small(torch.float32, torch.optim.AdamW, steps=100)
    _, built, kept = small(torch.bfloat16, KahanAdamW, steps=100)
    _, _, lost = small(torch.bfloat16, torch.optim.AdamW, steps=100)
    (state,) = built.state.values()
    there = (kept + state["lost"].float() - exact).abs().mean() / exact.abs().mean()
    assert float(there) < 0.02
    assert float((lost - exact).abs().mean() / exact.abs().mean()) > 0.8
    assert float((lost == 0).float().mean()) > 0.8


def test_a_saved_state_is_taken_up_to_the_last_bit():
    """Ten steps at once, or five, saved, loaded and five more: the same weights."""
    whole, _, _ = small(torch.bfloat16, KahanAdamW, steps=10)
    generator = torch.Generator().manual_seed(0)
    weight = torch.nn.Parameter((torch.randn(100, 100, generator=generator) * 0.03).to(torch.bfloat16))
    slope = torch.randn(100, 100, generator=generator)
    optimiser = KahanAdamW([{"params": [weight]}], lr=1e-5)
    for step in range(10):
        if step == 5:
            saved = copy.deepcopy(optimiser.state_dict())
            optimiser = KahanAdamW([{"params": [weight]}], lr=1e-5)
            optimiser.load_state_dict(saved)
        weight.grad = (slope + torch.randn(100, 100, generator=generator)).to(torch.bfloat16)
        optimiser.step()
    assert torch.equal(weight, whole)
