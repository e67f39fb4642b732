"""Cross-entropy over a vocabulary of 151,936 without ever holding the logits of more than a chunk."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

_CHUNK = 128
"""Positions whose logits exist at once: 128 x 151,936 float32 are 78 MB."""


def token_losses(hidden: Tensor, head: Tensor, targets: Tensor) -> Tensor:
    """Return the cross-entropy of each position, in nats.

    While the head is frozen, as under an adapter, the gradient of a position's loss by its hidden state is
    one vector, which is worked out while the logits are at hand. Keeping it costs N x H instead of N x V,
    and the backward pass does not need the logits again. A head that learns needs them again, chunk by
    chunk, for its own gradient weighs each position by what comes down to it.

    Args:
        hidden: (N, H) last hidden states of the positions that carry loss, and of no others.
        head: (V, H) weight of the language model head.
        targets: (N,) the token that follows each position.
    """
    loss = _LearningHeadLoss if head.requires_grad and torch.is_grad_enabled() else _FrozenHeadLoss
    losses: Tensor = loss.apply(hidden, head, targets)  # type: ignore[no-untyped-call]
    return losses


class _FrozenHeadLoss(torch.autograd.Function):
    """loss = log sum exp(logits) - logit(target); d loss / d hidden = softmax(logits) @ head - head[target].

    One exponential serves both, and all chunks share one buffer: on a CPU these two halve the time.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, head: Tensor, targets: Tensor) -> Tensor:  # noqa: ANN401
        losses = torch.empty(len(targets), dtype=torch.float32, device=hidden.device)
        slopes = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        head = _multipliable(head)
        for part, states, logits in _chunks(hidden, head):
            target = targets[part]
            losses[part], weights, total = _softmax(logits, target)
            if slopes is not None:
                slopes[part] = (weights.to(states.dtype) @ head) / total.unsqueeze(1) - head[target]
        if slopes is not None:
            ctx.save_for_backward(slopes)
        return losses

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401
        (slopes,) = ctx.saved_tensors
        return (grads[0].unsqueeze(1) * slopes).to(slopes.dtype), None, None


class _LearningHeadLoss(torch.autograd.Function):
    """The same loss; d loss / d head = (softmax(logits) - one hot(target)), transposed, @ hidden.

    The head's gradient is added up in float32, whatever the head's precision: V x H x 4 bytes while it lasts.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, head: Tensor, targets: Tensor) -> Tensor:  # noqa: ANN401
        losses = torch.empty(len(targets), dtype=torch.float32, device=hidden.device)
        for part, _, logits in _chunks(hidden, _multipliable(head)):
            losses[part], _, _ = _softmax(logits, targets[part])
        ctx.save_for_backward(hidden, head, targets)
        return losses

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:  # noqa: ANN401
        hidden, head, targets = ctx.saved_tensors
        slopes = torch.empty_like(hidden)
        ascent = torch.zeros(head.shape, dtype=torch.float32, device=head.device)
        wide = _multipliable(head)
        for part, states, logits in _chunks(hidden, wide):
            _, weights, total = _softmax(logits, targets[part])
            weights *= (grads[0][part] / total).unsqueeze(1)
            weights[torch.arange(len(states), device=weights.device), targets[part]] -= grads[0][part]
            weights = weights.to(states.dtype)
            slopes[part] = weights @ wide
            if ascent.dtype == states.dtype:
                ascent.addmm_(weights.T, states)
            else:
                ascent += weights.T @ states
        return slopes, ascent.to(head.dtype), None


def _multipliable(head: Tensor) -> Tensor:
    """Return the head as it multiplies fast: many CPUs take bfloat16 eighty times slower than float32."""
    return head.float() if head.device.type == "cpu" else head


def _chunks(hidden: Tensor, head: Tensor) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """Yield stretches of positions with their states (n, H) and logits (n, V), which the next overwrite."""
    buffer = head.new_empty(min(_CHUNK, len(hidden)), len(head))
    for first in range(0, len(hidden), _CHUNK):
        part = slice(first, first + _CHUNK)
        states = hidden[part].to(head.dtype)
        yield part, states, torch.mm(states, head.T, out=buffer[: len(states)]).float()


def _softmax(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return losses (n,), exponentials (n, V) in the logits' place, and their sums (n,)."""
    top, hit = logits.amax(1), logits.gather(1, target.unsqueeze(1)).squeeze(1)
    weights = logits.sub_(top.unsqueeze(1)).exp_()
    total = weights.sum(1)
    return total.log() + top - hit, weights, total
