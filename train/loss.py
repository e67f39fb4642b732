"""Cross-entropy over a vocabulary of 151,936 without ever holding the logits of more than a chunk."""

from typing import Any

import torch
from torch import Tensor

_CHUNK = 128
"""Positions whose logits exist at once: 128 x 151,936 float32 are 78 MB."""


def token_losses(hidden: Tensor, head: Tensor, targets: Tensor) -> Tensor:
    """Return the cross-entropy of each position, in nats.

    The head must be frozen, as it is under LoRA: then the gradient of a position's loss by its hidden
    state is one vector, which is worked out while the logits are at hand. Keeping it costs N x H
    instead of N x V, and the backward pass does not need the logits again.

    Args:
        hidden: (N, H) last hidden states of the positions that carry loss, and of no others.
        head: (V, H) weight of the language model head.
        targets: (N,) the token that follows each position.
    """
    if head.requires_grad:
        msg = "the head must be frozen: its gradient is not computed"
        raise ValueError(msg)
    losses: Tensor = _HeadLoss.apply(hidden, head, targets)  # type: ignore[no-untyped-call]
    return losses


class _HeadLoss(torch.autograd.Function):
    """loss = log sum exp(logits) - logit(target); d loss / d hidden = softmax(logits) @ head - head[target].

    One exponential serves both, and all chunks share one buffer: on a CPU these two halve the time.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, head: Tensor, targets: Tensor) -> Tensor:  # noqa: ANN401
        losses = torch.empty(len(targets), dtype=torch.float32, device=hidden.device)
        slopes = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        if head.device.type == "cpu":
            head = head.float()  # many CPUs multiply bfloat16 eighty times slower than float32
        buffer = head.new_empty(min(_CHUNK, len(targets)), len(head))
        for first in range(0, len(targets), _CHUNK):
            part = slice(first, first + _CHUNK)
            states, target = hidden[part].to(head.dtype), targets[part]
            logits = torch.mm(states, head.T, out=buffer[: len(states)]).float()
            top, hit = logits.amax(1), logits.gather(1, target.unsqueeze(1)).squeeze(1)
            weights = logits.sub_(top.unsqueeze(1)).exp_()
            total = weights.sum(1)
            losses[part] = total.log() + top - hit
            if slopes is not None:
                mean = (weights.to(head.dtype) @ head) / total.unsqueeze(1)
                slopes[part] = mean - head[target]
        if slopes is not None:
            ctx.save_for_backward(slopes)
        return losses

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401
        (slopes,) = ctx.saved_tensors
        return (grads[0].unsqueeze(1) * slopes).to(slopes.dtype), None, None
