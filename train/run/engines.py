"""Which engine makes the steps of a plan, and how a model is shared out before there is one."""

from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.optim import Optimizer

from thinkmix.schemas.errors import TrainError
from thinkmix.schemas.training import TrainPlan
from thinkmix.train.model.model import Learner, base_model
from thinkmix.train.run.engine import Engine, ShardedEngine
from thinkmix.train.run.processes import Process


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
        from thinkmix.train.run.zero import ZeroEngine  # noqa: PLC0415 - DeepSpeed is installed by those who need it
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
