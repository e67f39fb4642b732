"""One batch through the model: the loss of every token that carries one, and no logits beside them."""

import numpy as np
import torch
from torch import Tensor

from train.encode import IGNORE, Tokens
from train.loss import token_losses
from train.model import Learner, base_model, head_weight
from train.rows import RowNumbers


def row_losses(model: Learner, tokens: Tokens, batch: RowNumbers) -> Tensor:
    """Return the loss of every trained token of `batch`: the head sees only positions that carry loss."""
    input_ids, labels = pad(tokens, batch)
    device = head_weight(model).device
    targets = labels[:, 1:].to(device)
    carries_loss = targets != IGNORE
    hidden = hidden_states(model, input_ids.to(device))[:, :-1][carries_loss]
    return token_losses(hidden, head_weight(model), targets[carries_loss])


def pad(tokens: Tokens, batch: RowNumbers) -> tuple[Tensor, Tensor]:
    """Return ids and labels of `batch`, (B, T) each, padded on the right with tokens that carry no loss."""
    examples = [tokens.example(row) for row in batch.tolist()]
    longest = max(len(example.input_ids) for example in examples)
    input_ids = torch.zeros(len(examples), longest, dtype=torch.int64)
    labels = torch.full((len(examples), longest), IGNORE, dtype=torch.int64)
    for number, example in enumerate(examples):
        input_ids[number, : len(example.input_ids)] = torch.from_numpy(example.input_ids.astype(np.int64))
        labels[number, : len(example.labels)] = torch.from_numpy(example.labels.astype(np.int64))
    return input_ids, labels


def hidden_states(model: Learner, input_ids: Tensor) -> Tensor:
    """Return the (B, T, H) last hidden states, adapter included, without the head's logits.

    No attention mask: rows are padded on the right, and no token looks to its right.
    """
    states: Tensor = base_model(model).model(input_ids=input_ids, use_cache=False).last_hidden_state
    return states
