"""AdamW on weights in bfloat16, which remembers what rounding takes from each step."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.adamw import adamw

_BETAS = (0.9, 0.999)
_SMALL = 1e-8

_MOMENTS = ("exp_avg", "exp_avg_sq")


class KahanAdamW(Optimizer):
    """AdamW (betas 0.9 and 0.999) whose steps are not lost on weights in bfloat16.

    A weight of 0.03 has neighbours 0.0001 away: at a learning rate of 1e-5, plain AdamW moves one weight in
    ten at all, and the mean weight by a tenth of the way that it goes in float32 (100 steps on normal
    weights of deviation 0.03). So the part of each step that rounding took is kept, in bfloat16, and
    added to the next one: Kahan 1965; for training, Zamirai et al. 2020, arXiv 2010.06192, section 4.
    The moments are float32, for a second moment in bfloat16 stands still as well: ten bytes a weight.
    """

    def __init__(self, groups: list[dict[str, Any]], *, lr: float) -> None:
        super().__init__(groups, {"lr": lr, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move every weight that has a gradient."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._move(weight, weight.grad, lr=group["lr"], weight_decay=group["weight_decay"])

    def _move(self, weight: Tensor, slope: Tensor, *, lr: float, weight_decay: float) -> None:
        state = self.state[weight]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32, device=weight.device)
            state |= {name: torch.zeros_like(weight, dtype=torch.float32) for name in _MOMENTS}
            state["lost"] = torch.zeros_like(weight)
        exact = weight.float() + state["lost"]
        adamw(
            [exact],
            [slope.float()],
            [state["exp_avg"]],
            [state["exp_avg_sq"]],
            [],
            [state["step"]],
            fused=True,
            amsgrad=False,
            beta1=_BETAS[0],
            beta2=_BETAS[1],
            lr=lr,
            weight_decay=weight_decay,
            eps=_SMALL,
            maximize=False,
        )
        weight.copy_(exact)
        state["lost"].copy_(exact - weight)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take up a saved state; torch would round the moments to the weights' precision."""
        super().load_state_dict(dict(state_dict))
        weights = [weight for group in self.param_groups for weight in group["params"]]
        for number, weight in enumerate(weights):
            if saved := state_dict["state"].get(number):
                for name in _MOMENTS:
                    self.state[weight][name] = saved[name].to(device=weight.device, copy=True)
