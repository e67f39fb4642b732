"""How a step is made on one device or several: who reads which batch, and how weights and gradients are held.

A step's loss is the sum over the batches of all processes, divided by the trained tokens of the whole step:
neither it nor a gradient depends on how many processes there are.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.optim import Optimizer

from thinkmix.schemas.training import TrainPlan
from thinkmix.train.data.encode import Tokens
from thinkmix.train.data.rows import RowNumbers, Step
from thinkmix.train.model.forward import row_losses
from thinkmix.train.model.model import Learner
from thinkmix.train.run.processes import Process, reshard, whole


class Engine:
    """Steps of a model whose weights every process holds whole; gradients are averaged after each step."""

    def __init__(self, learner: Learner, optimiser: Optimizer, plan: TrainPlan, process: Process) -> None:
        self.learner, self._optimiser, self._plan, self.process = learner, optimiser, plan, process

    def accumulate(self, tokens: Tokens, step: Step, *, seed: int) -> float:
        """Add up the gradients of a step's batches; return the mean loss of all its trained tokens.

        Args:
            tokens: the encoded rows.
            step: batches of all processes.
            seed: of dropout and noise; each batch has its own, whichever process reads it.
        """
        trained = tokens.trained(np.concatenate(step))
        total = 0.0
        batches = self.process.share(step)
        for number, (place, batch, counts) in enumerate(batches, 1):
            torch.manual_seed(seed + place)
            self._announce(last=number == len(batches))
            loss = self.losses(tokens, batch).sum() * (counts / trained)
            self._backward(loss * self.process.world if self.process.world > 1 else loss)
            total += float(loss.detach())
        return self.process.total(total)

    def update(self, rate: float) -> float:
        """Move the weights along the clipped gradient, if it is finite; return its length."""
        self._set_rate(rate)
        groups = self._optimiser.param_groups  # each holds weights of one kind: shared out, or whole
        self._average([weight for group in groups for weight in group["params"]])
        norms = [
            torch.nn.utils.get_total_norm(
                [weight.grad for weight in group["params"] if weight.grad is not None]
            )
            for group in groups
        ]
        norm = torch.stack([whole(norm) for norm in norms]).norm()
        if math.isfinite(length := float(norm)):
            for group in groups:
                torch.nn.utils.clip_grads_with_norm_(group["params"], self._plan.clip_norm, norm)
            self._optimiser.step()
        self._optimiser.zero_grad()
        return length

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Give every process all weights, to be saved; there is no step after that."""
        yield

    def _announce(self, *, last: bool) -> None:
        """Say whether the batch that comes is the step's last."""

    def losses(self, tokens: Tokens, batch: RowNumbers) -> Tensor:
        """Return `thinkmix.train.model.forward.row_losses` of a batch."""
        return row_losses(self.learner, tokens, batch, packing=self._plan.packing)

    def _backward(self, loss: Tensor) -> None:
        loss.backward()  # type: ignore[no-untyped-call]

    def _set_rate(self, rate: float) -> None:
        for group in self._optimiser.param_groups:
            group["lr"] = rate

    def _average(self, weights: list[Tensor]) -> None:
        if self.process.world == 1:
            return
        for weight in weights:
            if weight.grad is not None and not isinstance(weight, DTensor):
                dist.all_reduce(weight.grad)
                weight.grad /= self.process.world


class ShardedEngine(Engine):
    """Steps of a model whose layers FSDP2, torch's heir of FairScale's FSDP, shares out among processes."""

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Give every process all weights, to be saved; there is no step after that."""
        reshard(self.learner)
        for module in self.learner.modules():
            for name, weight in list(module.named_parameters(recurse=False)):
                if isinstance(weight, DTensor):
                    setattr(module, name, nn.Parameter(whole(weight), weight.requires_grad))
        yield
