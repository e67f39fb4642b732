"""Cross-entropy over a vocabulary of 151,936, of whose logits only one tile exists at a time."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import torch
from torch import Tensor

from thinkmix.train.estimate.activations import TILE

_TILES = {"cpu": (512, 1024), "cuda": TILE}
"""Most positions and tokens of a tile. 2 MB of float32 stay in a core's cache: against 128 positions with all
their logits, 78 MB, that takes 0.69 of the CPU time at H = 64, 0.80 at 256, 0.91 at 1024. A GPU's were
reckoned, not measured."""

_Made = TypeVar("_Made")


def token_losses(hidden: Tensor, head: Tensor, targets: Tensor) -> Tensor:
    """Return the cross-entropy of each position, in nats.

    While the head is frozen, as under an adapter, the gradient of a position's loss by its hidden state is
    one vector, which is worked out while the logits are at hand. Keeping it costs N x H instead of N x V,
    and the backward pass does not need the logits again. A head that learns needs them again, tile by
    tile, for its own gradient weighs each position by what comes down to it.

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

    One exponential serves both.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, head: Tensor, targets: Tensor) -> Tensor:  # noqa: ANN401
        slopes = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        losses, _ = _sweep(hidden, head, targets, slopes)
        if slopes is not None:
            ctx.save_for_backward(slopes)
        return losses

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401
        (slopes,) = ctx.saved_tensors
        return (grads[0].unsqueeze(1) * slopes).to(slopes.dtype), None, None


class _LearningHeadLoss(torch.autograd.Function):
    """The same loss; d loss / d head = (softmax(logits) - one hot(target)), transposed, @ hidden.

    Each stretch of the head's gradient is added up over all positions in float32, whatever its precision.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, head: Tensor, targets: Tensor) -> Tensor:  # noqa: ANN401
        losses, sums = _sweep(hidden, head, targets, None)
        ctx.save_for_backward(hidden, head, targets, sums)
        return losses

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:  # noqa: ANN401
        hidden, head, targets, sums = (saved.detach() for saved in ctx.saved_tensors)
        grad, states = grads[0].unsqueeze(1), hidden.to(_precision(head))
        ascent = torch.empty_like(head)

        def climb(share: slice) -> Tensor:
            """Fill a share of the head's gradient; return what it adds to that of the states."""
            slopes = torch.zeros(hidden.shape, dtype=torch.float32, device=hidden.device)
            buffer = _buffer(head, len(states))
            for columns, part in _parts(head, share):
                added = torch.zeros(part.shape, dtype=torch.float32, device=head.device)
                for rows in _stretches(slice(0, len(hidden)), _TILES[head.device.type][0]):
                    weights = _logits(states[rows], part, buffer).sub_(sums[rows].unsqueeze(1)).exp_()
                    weights *= grad[rows]
                    place, here = _places(targets[rows], columns)
                    weights.scatter_add_(1, place, torch.where(here, -grad[rows], 0))
                    weights = weights.to(states.dtype)
                    _add_product(slopes[rows], weights, part)
                    _add_product(added, weights.T, states[rows])
                ascent[columns] = added
            return slopes

        slopes, *others = _shared(climb, len(head), len(head), head.device)
        for other in others:
            slopes += other
        return slopes.to(hidden.dtype), ascent, None


def _sweep(hidden: Tensor, head: Tensor, targets: Tensor, slopes: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return losses (N,) and log sum exp(logits) (N,); fill `slopes` (N, H) with d loss / d hidden, if asked.

    The greatest logit is not known before the last tile: sums are of exp(logit - the greatest so far), and
    shrink when a greater one comes (Milakov and Gimelshein 2018, arXiv 1805.02867).
    """
    hidden, head = hidden.detach(), head.detach()
    losses = torch.empty(len(targets), dtype=torch.float32, device=hidden.device)
    sums = torch.empty_like(losses)

    def sweep(rows: slice) -> None:
        """Fill the results of some positions."""
        states, target = hidden[rows].to(_precision(head)), targets[rows]
        buffer = _buffer(head, len(states))
        top = losses.new_full((len(states), 1), -torch.inf)
        total, hit = torch.zeros_like(top), torch.zeros_like(top)
        pulled = None if slopes is None else torch.zeros_like(states, dtype=torch.float32)
        for columns, part in _parts(head, slice(0, len(head))):
            logits = _logits(states, part, buffer)
            place, here = _places(target, columns)
            hit = torch.where(here, logits.gather(1, place), hit)
            before, top = top, torch.maximum(top, logits.amax(1, keepdim=True))
            shrunk = (before - top).exp_()
            weights = logits.sub_(top).exp_()
            total.mul_(shrunk).add_(weights.sum(1, keepdim=True))
            if pulled is not None:
                _add_product(pulled.mul_(shrunk), weights.to(states.dtype), part)
        logs = total.log() + top
        losses[rows], sums[rows] = (logs - hit).squeeze(1), logs.squeeze(1)
        if slopes is not None and pulled is not None:
            slopes[rows] = pulled.div_(total).sub_(head[target])

    _shared(sweep, len(hidden), _TILES[head.device.type][0], head.device)
    return losses, sums


def _shared(work: Callable[[slice], _Made], length: int, most: int, device: torch.device) -> list[_Made]:
    """Return what `work` makes of each of several equal stretches, of at most `most`.

    On a CPU each stretch has a thread to itself. Threads that share each small step and wait for each other
    after it take twice the CPU time for H = 64, and on busy cores six times.
    """
    threads = torch.get_num_threads() if device.type == "cpu" else 1
    rounds = -(-length // (most * threads))
    stretches = list(_stretches(slice(0, length), -(-length // max(1, rounds * threads))))
    if threads == 1:
        return [work(stretch) for stretch in stretches]
    torch.set_num_threads(1)  # which threads that are started now go by, too
    try:
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(work, stretches))
    finally:
        torch.set_num_threads(threads)


def _precision(head: Tensor) -> torch.dtype:
    """Return in what logits are multiplied: many CPUs take bfloat16 eighty times slower than float32."""
    return torch.float32 if head.device.type == "cpu" else head.dtype


def _parts(head: Tensor, share: slice) -> Iterator[tuple[slice, Tensor]]:
    """Yield stretches of a share of the vocabulary with their weights (v, H), as they multiply fast."""
    for columns in _stretches(share, _TILES[head.device.type][1]):
        yield columns, head[columns].to(_precision(head))


def _stretches(whole: slice, size: int) -> Iterator[slice]:
    for first in range(whole.start, whole.stop, size or 1):
        yield slice(first, min(first + size, whole.stop))


def _buffer(head: Tensor, positions: int) -> Tensor:
    rows, columns = _TILES[head.device.type]
    return head.new_empty(min(rows, positions) * min(columns, len(head)), dtype=_precision(head))


def _logits(states: Tensor, part: Tensor, buffer: Tensor) -> Tensor:
    """Return logits (n, v) in float32, which may be overwritten; the next tile does so."""
    shape = len(states), len(part)
    return torch.mm(states, part.T, out=buffer[: shape[0] * shape[1]].view(shape)).float()


def _places(targets: Tensor, columns: slice) -> tuple[Tensor, Tensor]:
    """Return each target's place in a stretch of the vocabulary (n, 1), and whether it lies there (n, 1)."""
    place = (targets - columns.start).unsqueeze(1)
    size = columns.stop - columns.start
    return place.clamp(0, size - 1), (place >= 0) & (place < size)


def _add_product(total: Tensor, left: Tensor, right: Tensor) -> None:
    """Add left @ right to a float32 total, in one go where the factors are float32."""
    if left.dtype == total.dtype:
        total.addmm_(left, right)
    else:
        total += left @ right
