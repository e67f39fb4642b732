"""The loss by tiles is the ordinary cross-entropy, value and gradient."""

import pytest

torch = pytest.importorskip("torch", reason="needs thinkmix[train]")

from thinkmix.train.model.loss import token_losses  # noqa: E402 - needs torch


@pytest.fixture(params=[1, 3], ids=["one thread", "three threads"], autouse=True)
def threads(request):
    """Run on the given number of threads, and afterwards on as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("learning", [False, True], ids=["frozen head", "learning head"])
@pytest.mark.parametrize(("positions", "vocabulary"), [(1, 50), (512, 1024), (700, 2500)])
@pytest.mark.parametrize("rising", [0.0, 40.0], ids=["even logits", "rising logits"])
def test_losses_and_gradients_equal_plain_cross_entropy(positions, vocabulary, rising, learning):
    """Within one tile, exactly one, and several, even if the last tile makes all before it vanish."""
    generator = torch.Generator().manual_seed(1)
    hidden = torch.randn(positions, 8, generator=generator)
    head = torch.randn(vocabulary, 8, generator=generator)
    hidden[:, 0], head[:, 0] = 1, torch.linspace(0, rising, vocabulary)
    targets = torch.randint(vocabulary, (positions,), generator=generator)
    weights = torch.rand(positions, generator=generator)
    got = [hidden.clone().requires_grad_(), head.clone().requires_grad_(learning)]
    want = [hidden.clone().requires_grad_(), head.clone().requires_grad_(learning)]
    losses = token_losses(*got, targets)
    plain = torch.nn.functional.cross_entropy(want[0] @ want[1].T, targets, reduction="none")
    (losses * weights).sum().backward()
    (plain * weights).sum().backward()
    torch.testing.assert_close(losses, plain, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(got[0].grad, want[0].grad, rtol=1e-5, atol=4e-4 if rising else 1e-5)
    torch.testing.assert_close(got[1].grad, want[1].grad, rtol=1e-5, atol=1e-5)
    assert (got[1].grad is not None) == learning


@pytest.mark.parametrize("learning", [False, True], ids=["frozen head", "learning head"])
def test_equal_calls_give_equal_bits_and_leave_the_threads_as_they_were(learning, threads):
    """Whichever thread is done first, what they made is put together in one order."""
    generator = torch.Generator().manual_seed(1)
    hidden, head = (torch.randn(size, 32, generator=generator) for size in (1300, 5000))
    found = []
    for _ in range(3):
        inputs = [hidden.clone().requires_grad_(), head.clone().requires_grad_(learning)]
        losses = token_losses(*inputs, torch.arange(1300))
        losses.square().mean().backward()
        found.append([losses, *(each.grad for each in inputs if each.requires_grad)])
    assert all(torch.equal(one, two) for again in found[1:] for one, two in zip(found[0], again, strict=True))
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("learning", [False, True], ids=["frozen head", "learning head"])
def test_a_head_in_half_precision_is_added_up_in_full(learning):
    """Losses are those of the same weights in float32; gradients are rounded once, to what they belong to."""
    generator = torch.Generator().manual_seed(1)
    hidden = torch.randn(700, 8, generator=generator).bfloat16()
    head = torch.randn(2500, 8, generator=generator).bfloat16()
    targets = torch.randint(2500, (700,), generator=generator)
    got = [hidden.clone().requires_grad_(), head.clone().requires_grad_(learning)]
    want = [hidden.float().requires_grad_(), head.float().requires_grad_(learning)]
    losses, full = token_losses(*got, targets), token_losses(*want, targets)
    losses.sum().backward()
    full.sum().backward()
    assert torch.equal(losses, full)
    torch.testing.assert_close(got[0].grad, want[0].grad.bfloat16())
    if learning:
        torch.testing.assert_close(got[1].grad, want[1].grad.bfloat16())


def test_without_gradients_a_head_that_learns_is_measured_like_a_frozen_one():
    """An evaluation keeps nothing for a backward pass, and gives the same losses."""
    hidden, head = torch.randn(3, 4), torch.randn(9, 4, requires_grad=True)
    with torch.no_grad():
        losses = token_losses(hidden, head, torch.arange(3))
    assert not losses.requires_grad
    torch.testing.assert_close(losses, token_losses(hidden, head.detach(), torch.arange(3)))
