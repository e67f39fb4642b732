"""One process or several: who reads which batch of a step, and how weights and gradients are shared.

Several processes are started by torchrun or accelerate, one per device, and all of them run the same plan on
the same rows. A step's loss is the sum over the batches of all processes, divided by the trained tokens of
the whole step, so that it does not depend on how many there are.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard

from schemas.errors import TrainError
from schemas.training import TrainPlan
from train.model import Learner, base_model
from train.rows import RowNumbers, Step


@dataclass(frozen=True)
class Devices:
    """This process among those of the run; the weights of the layers are whole in each, or shared by FSDP2."""

    rank: int = 0
    """Number of this process, from 0; only 0 writes and reports."""
    world: int = 1
    """How many processes there are."""
    sharded: bool = False

    def share(self, step: Step) -> list[tuple[RowNumbers, bool]]:
        """Return this process's batches of a step, and of each whether it counts.

        All processes go through as many batches, for they wait for each other in each: one that has none
        left goes through the step's first once more, without weight.
        """
        mine = [(batch, True) for batch in step[self.rank :: self.world]]
        rounds = -(-len(step) // self.world)
        return mine + [(step[0], False)] * (rounds - len(mine))

    def total(self, value: float) -> float:
        """Return the sum of a number over all processes."""
        if self.world == 1:
            return value
        numbers = torch.tensor(value, dtype=torch.float64)
        dist.all_reduce(numbers)
        return float(numbers)

    def average_gradients(self, weights: Sequence[Tensor]) -> None:
        """Average the gradients of the weights that each process holds whole; FSDP2 has done so for its own."""
        if self.world == 1:
            return
        for weight in weights:
            if weight.grad is None or _is_shared(weight):
                continue
            dist.all_reduce(weight.grad)
            weight.grad /= self.world

    def clip(self, weights: Sequence[Tensor], limit: float) -> Tensor:
        """Scale gradients whose common length exceeds `limit` down to it; return the length."""
        norm = torch.nn.utils.get_total_norm([weight.grad for weight in weights if weight.grad is not None])
        whole: Tensor = norm.full_tensor() if hasattr(norm, "full_tensor") else norm
        torch.nn.utils.clip_grads_with_norm_(weights, limit, whole)
        return whole

    def make_whole(self, model: Learner) -> None:
        """Give every process all weights of the layers again, to be measured, saved or asked."""
        if self.sharded:
            for module in model.modules():
                if isinstance(module, FSDPModule):
                    module.unshard()


@contextmanager
def devices(plan: TrainPlan) -> Iterator[Devices]:
    """Join the other processes of the run, if there are any, until it ends.

    Raises:
        TrainError: when the plan shares weights between processes, and there is one.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        if plan.sharding != "none":
            msg = f"sharding {plan.sharding} shares weights between processes, and there is one"
            raise TrainError(f"{msg}: start it with torchrun --nproc-per-node N --no-python thinkmix train")
        yield Devices()
        return
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        yield Devices(dist.get_rank(), world, sharded=plan.sharding == "fsdp2")
    finally:
        dist.destroy_process_group()


def shard(model: Learner, devices: Devices) -> None:
    """Share the weights of each layer out among the processes: FSDP2, torch's heir of FairScale's FSDP.

    Embeddings, the last norm and the head stay whole in each: the head is read outside of the model's
    forward pass. In Qwen3-8B these are 15 % of the weights.
    """
    if not devices.sharded:
        return
    kind = next(model.parameters()).device.type
    mesh = init_device_mesh(kind, (devices.world,))
    for layer in base_model(model).model.layers:
        fully_shard(layer, mesh=mesh)


def _is_shared(weight: Tensor) -> bool:
    return isinstance(weight, nn.Parameter) and hasattr(weight, "full_tensor")
