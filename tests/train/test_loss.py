"""The chunked loss is the ordinary cross-entropy, value and gradient."""

import pytest

torch = pytest.importorskip("torch", reason="needs thinkmix[train]")

from train.loss import token_losses  # noqa: E402 - needs torch


@pytest.mark.parametrize("positions", [1, 128, 300])
def test_losses_and_gradients_equal_plain_cross_entropy(positions):
    """Within one chunk, exactly one chunk, and several: the same to float32's precision."""
    generator = torch.Generator().manual_seed(1)
    hidden = torch.randn(positions, 8, generator=generator)
    head = torch.randn(50, 8, generator=generator)
    targets = torch.randint(50, (positions,), generator=generator)
    weights = torch.rand(positions, generator=generator)
    got_hidden, want_hidden = hidden.clone().requires_grad_(), hidden.clone().requires_grad_()
    got = token_losses(got_hidden, head, targets)
    want = torch.nn.functional.cross_entropy(want_hidden @ head.T, targets, reduction="none")
    (got * weights).sum().backward()
    (want * weights).sum().backward()
    torch.testing.assert_close(got, want)
    torch.testing.assert_close(got_hidden.grad, want_hidden.grad)


def test_a_head_that_learns_is_refused():
    """The gradient of the head is not worked out, so asking for it must not pass in silence."""
    with pytest.raises(ValueError, match="the head must be frozen"):
        token_losses(
            torch.zeros(2, 4), torch.zeros(5, 4, requires_grad=True), torch.zeros(2, dtype=torch.int64)
        )
