"""What moves the weights."""

import torch

from schemas.training import TrainPlan
from train.model import Learner


def build_optimiser(learner: Learner, plan: TrainPlan) -> torch.optim.Optimizer:
    """Return the plan's optimiser over the weights that learn."""
    weights = [weight for weight in learner.parameters() if weight.requires_grad]
    return torch.optim.AdamW(weights, lr=plan.learning_rate, weight_decay=plan.weight_decay)
