"""How a step is made on one device or several: who reads which batch, and how weights and gradients are held.

Several processes are started by torchrun or accelerate, one per device, and all of them run the same plan on
the same rows. A step's loss is the sum over the batches of all processes, divided by the trained tokens of
the whole step: neither it nor a gradient depends on how many processes there are.
"""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor
from torch.optim import Optimizer

from schemas.errors import TrainError
from schemas.training import TrainPlan
from train.encode import Tokens
from train.forward import row_losses
from train.model import Learner, base_model
from train.rows import RowNumbers, Step


@dataclass(frozen=True)
class Process:
    """This process among those of the run."""

    rank: int = 0
    """Its number, from 0; only 0 writes and reports."""
    world: int = 1
    """How many there are."""

    def share(self, step: Step) -> list[tuple[int, RowNumbers, bool]]:
        """Return this process's batches of a step: number within the step, rows, and whether it counts.

        All processes go through as many batches, for in each they wait for each other: one that has none
        left goes through the step's first once more, without weight.
        """
        mine = [(place, step[place], True) for place in range(self.rank, len(step), self.world)]
        rounds = -(-len(step) // self.world)
        return mine + [(0, step[0], False)] * (rounds - len(mine))

    def total(self, value: float) -> float:
        """Return the sum of a number over all processes."""
        if self.world == 1:
            return value
        device = "cuda" if dist.get_backend() == "nccl" else "cpu"  # each backend sums on its own
        numbers = torch.tensor(value, dtype=torch.float64, device=device)
        dist.all_reduce(numbers)
        return float(numbers)


@contextmanager
def joined(plan: TrainPlan) -> Iterator[Process]:
    """Join the other processes of the run, if there are any, until it ends.

    Raises:
        TrainError: when the plan shares weights between processes, and there is one.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        if plan.sharding != "none":
            msg = f"sharding {plan.sharding} shares weights between processes, and there is one"
            raise TrainError(f"{msg}: torchrun --nproc-per-node N --no-python thinkmix train ...")
        yield Process()
        return
    if plan.save_every is not None or plan.on_forgetting == "keep_best":
        msg = f"a run of {world} processes writes no checkpoints: unset save_every, and stop on_forgetting"
        raise TrainError(msg)
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if on_gpu else "gloo")
    try:
        yield Process(dist.get_rank(), world)
    finally:
        dist.destroy_process_group()


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
        norm = torch.stack([_whole(norm) for norm in norms]).norm()
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
        """Return `train.forward.row_losses` of a batch."""
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
        for module in self.learner.modules():
            if isinstance(module, FSDPModule):
                module.reshard()  # the last pass may have left a layer's weights together
        for module in self.learner.modules():
            for name, weight in list(module.named_parameters(recurse=False)):
                if isinstance(weight, DTensor):
                    setattr(module, name, nn.Parameter(_whole(weight), weight.requires_grad))
        yield


def _whole(tensor: Tensor) -> Tensor:
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def build_engine(learner: Learner, optimiser: Optimizer, plan: TrainPlan, process: Process) -> Engine:
    """Return what makes the steps of `plan`; a plan for FSDP2 had its model sharded before.

    Raises:
        TrainError: when the plan asks for DeepSpeed, which is not installed.
    """
    if plan.sharding == "none":
        return Engine(learner, optimiser, plan, process)
    if plan.sharding == "fsdp2":
        return ShardedEngine(learner, optimiser, plan, process)
    try:
        from train.zero import ZeroEngine  # noqa: PLC0415 - DeepSpeed is installed by those who need it
    except ModuleNotFoundError as error:
        msg = f"sharding {plan.sharding} needs {error.name}: pip install deepspeed"
        raise TrainError(msg) from error
    return ZeroEngine(learner, optimiser, plan, process)


def shard(learner: Learner, process: Process) -> None:
    """Share the weights of each layer out among the processes, before there is an optimiser.

    Embeddings, the last norm and the head stay whole in each, for the head is read outside of the model's
    forward pass. In Qwen3-8B these are 15 % of the weights.
    """
    kind = next(learner.parameters()).device.type
    mesh = init_device_mesh(kind, (process.world,))
    for layer in base_model(learner).model.layers:
        fully_shard(layer, mesh=mesh)
