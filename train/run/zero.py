"""Steps by DeepSpeed, whose ZeRO shares optimiser state, gradients (stage 2) and weights (stage 3) out.

DeepSpeed is not a dependency: `pip install deepspeed==0.19.8`; on a CPU set DS_ACCELERATOR=cpu.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import deepspeed
from torch import Tensor, nn
from torch.optim import Optimizer

from thinkmix.schemas.training import TrainPlan
from thinkmix.train.data.encode import Tokens
from thinkmix.train.data.rows import RowNumbers
from thinkmix.train.model.forward import row_losses
from thinkmix.train.model.model import Learner, head_weight
from thinkmix.train.run.engine import Engine
from thinkmix.train.run.processes import Process


class ZeroEngine(Engine):
    """Steps of a model that DeepSpeed has taken over, the head's weight included."""

    def __init__(self, learner: Learner, optimiser: Optimizer, plan: TrainPlan, process: Process) -> None:
        stage = int(plan.sharding.removeprefix("zero"))
        module = _RowLoss(learner, packing=plan.packing)
        if stage == 3:  # the head is read by its parent, which has to ask for it
            deepspeed.zero.register_external_parameter(module, head_weight(learner))
        self._engine, *_ = deepspeed.initialize(
            model=module, optimizer=optimiser, config=zero_config(plan, stage=stage)
        )
        super().__init__(learner, optimiser, plan, process)

    def update(self, rate: float) -> float:
        """Move the weights; DeepSpeed clips the gradient, and does nothing if it is not finite."""
        self._set_rate(rate)
        self._engine.step()
        return float(self._engine.get_global_grad_norm() or 0.0)

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Give every process all weights, to be saved; there is no step after that."""
        with deepspeed.zero.GatheredParameters(list(self.learner.parameters())):
            yield

    def losses(self, tokens: Tokens, batch: RowNumbers) -> Tensor:
        """Return `thinkmix.train.model.forward.row_losses` of a batch."""
        losses: Tensor = self._engine(tokens, batch)
        return losses

    def _announce(self, *, last: bool) -> None:
        self._engine.set_gradient_accumulation_boundary(is_boundary=last)

    def _backward(self, loss: Tensor) -> None:
        self._engine.backward(loss)


class _RowLoss(nn.Module):
    """The model and its loss as one module, so that all that reads a weight lies within a forward pass."""

    def __init__(self, learner: Learner, *, packing: bool) -> None:
        super().__init__()
        self.learner, self.packing = learner, packing

    def forward(self, tokens: Tokens, batch: RowNumbers) -> Tensor:
        """Return `thinkmix.train.model.forward.row_losses`."""
        return row_losses(self.learner, tokens, batch, packing=self.packing)


def zero_config(plan: TrainPlan, *, stage: int) -> dict[str, object]:
    """Return DeepSpeed's configuration: our batches and optimiser, its sharing (its docs, config-json).

    Batches hold as many rows as fit, so its counts of rows stay 1 and mean nothing.
    """
    return {
        "train_micro_batch_size_per_gpu": 1,
        "gradient_accumulation_steps": 1,
        "gradient_clipping": plan.clip_norm,
        "zero_optimization": {"stage": stage},
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
        "bf16": {"enabled": plan.dtype == "bfloat16"},
        "fp16": {"enabled": False},
    }
