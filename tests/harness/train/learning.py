"""What tests of training share: a few token ids, their loss, and some steps of learning them by heart."""

from pathlib import Path

import torch
from peft import PeftModel

from thinkmix.schemas.training import TrainPlan
from thinkmix.train.model.loading import load_config
from thinkmix.train.model.loss import token_losses
from thinkmix.train.model.model import _in_form, _set_up, _unfrozen, base_model, head_weight
from thinkmix.train.run.optimiser import build_optimiser

IDS = torch.randint(0, 151_000, (2, 12), generator=torch.Generator().manual_seed(0))
"""Two rows of twelve tokens; all of them are trained."""

CALIBRATION = torch.randint(0, 151_000, (4, 24), generator=torch.Generator().manual_seed(1)).tolist()


def loss_of(learner, ids=IDS):
    """Return the mean loss of all tokens but the first of each row."""
    states = base_model(learner).model(input_ids=ids, use_cache=False).last_hidden_state[:, :-1]
    return token_losses(states.flatten(0, 1), head_weight(learner), ids[:, 1:].flatten()).mean()


def measured(learner, ids=IDS):
    """Return the loss as an evaluation measures it."""
    learner.eval()
    with torch.no_grad():
        return float(loss_of(learner, ids))


def load_trained(model: str, folder: Path, plan: TrainPlan):
    """Return what a run that began from `model` saved, in the form in which it was trained."""
    if plan.has_adapter:
        learner = PeftModel.from_pretrained(
            _in_form(model, plan, load_config(model)), str(folder), is_trainable=True
        )
    else:
        learner = _unfrozen(_in_form(str(folder), plan, load_config(str(folder))), plan)
    return _set_up(learner, plan)


def learn(learner, plan: TrainPlan, steps: int = 3):
    """Train on the rows; return the loss of each step."""
    optimiser = build_optimiser(learner, plan)
    learner.train()
    losses = []
    for step in range(steps):
        torch.manual_seed(step)
        loss = loss_of(learner)
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        losses.append(float(loss.detach()))
    return losses
