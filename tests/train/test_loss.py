"""The chunked loss is the ordinary cross-entropy, value and gradient."""

import pytest

torch = pytest.importorskip("torch", reason="needs thinkmix[train]")

from train.loss import token_losses  # noqa: E402 - needs torch


@pytest.mark.parametrize("learning", [False, True], ids=["frozen head", "learning head"])
@pytest.mark.parametrize("positions", [1, 128, 300])
def test_losses_and_gradients_equal_plain_cross_entropy(positions, learning):
    """Within one chunk, exactly one chunk, and several: the same to float32's precision, the head's too."""
    generator = torch.Generator().manual_seed(1)
    hidden = torch.randn(positions, 8, generator=generator)
    head = torch.randn(50, 8, generator=generator)
    targets = torch.randint(50, (positions,), generator=generator)
    weights = torch.rand(positions, generator=generator)
    got = [hidden.clone().requires_grad_(), head.clone().requires_grad_(learning)]
    want = [hidden.clone().requires_grad_(), head.clone().requires_grad_(learning)]
    losses = token_losses(*got, targets)
    plain = torch.nn.functional.cross_entropy(want[0] @ want[1].T, targets, reduction="none")
    (losses * weights).sum().backward()
    (plain * weights).sum().backward()
    torch.testing.assert_close(losses, plain)
    torch.testing.assert_close(got[0].grad, want[0].grad)
    torch.testing.assert_close(got[1].grad, want[1].grad)
    assert (got[1].grad is not None) == learning


def test_without_gradients_a_head_that_learns_is_measured_like_a_frozen_one():
    """An evaluation keeps nothing for a backward pass, and gives the same losses."""
    hidden, head = torch.randn(3, 4), torch.randn(9, 4, requires_grad=True)
    with torch.no_grad():
        losses = token_losses(hidden, head, torch.arange(3))
    assert not losses.requires_grad
    torch.testing.assert_close(losses, token_losses(hidden, head.detach(), torch.arange(3)))
