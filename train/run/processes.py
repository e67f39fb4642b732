"""The processes of one run: how they join, what the first does for all, and tensors that they share out.

Several processes are started by torchrun or accelerate, one per device, and all of them run the same plan on
the same rows.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor, distribute_tensor

from thinkmix.schemas.errors import TrainError
from thinkmix.schemas.training import TrainPlan
from thinkmix.train.data.rows import RowNumbers, Step
from thinkmix.train.model.model import Learner

Found = TypeVar("Found")


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

    def by_first(self, act: Callable[[], Found]) -> Found:
        """Return in every process what `act` returns in the first, which alone calls it.

        Raises:
            TrainError: in every process, if it raises one there.
        """
        if self.world == 1:
            return act()
        told: list[Any] = [None, None]
        if self.rank == 0:
            try:
                told[0] = act()
            except TrainError as error:
                told[1] = error
        dist.broadcast_object_list(told)
        found, trouble = told
        if trouble:
            raise trouble
        return cast(Found, found)

    def all_well(self, trouble: str | None) -> None:
        """Wait until every process has said whether it can go on.

        Raises:
            TrainError: in every process, if one of them cannot, with what it says.
        """
        said = [trouble] * self.world
        if self.world > 1:
            dist.all_gather_object(said, trouble)
        if found := [f"process {rank}: {words}" for rank, words in enumerate(said) if words]:
            raise TrainError("; ".join(found))


@contextmanager
def join_processes(plan: TrainPlan) -> Iterator[Process]:
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
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if on_gpu else "gloo")
    try:
        yield Process(dist.get_rank(), world)
    finally:
        dist.destroy_process_group()


def whole(tensor: Tensor) -> Tensor:
    """Return a tensor that processes may share out as each of them would hold it alone; all must ask."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def shard_like(tensor: Tensor, weight: Tensor) -> Tensor:
    """Return a whole tensor shared out as `weight` is, if that is and they have one shape; all must ask."""
    if isinstance(weight, DTensor) and tensor.shape == weight.shape:
        return distribute_tensor(tensor.to(weight.device), weight.device_mesh, weight.placements)
    return tensor


def reshard(learner: Learner) -> None:
    """Share out again what FSDP2 may have left together after the last pass."""
    for module in learner.modules():
        if isinstance(module, FSDPModule):
            module.reshard()
