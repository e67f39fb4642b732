"""One batch through the model: the loss of every token that carries one, and no logits beside them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thinkmix.train.data.encode import Tokens
from thinkmix.train.data.rows import RowNumbers
from thinkmix.train.model.attention import attends_by_row
from thinkmix.train.model.loss import token_losses
from thinkmix.train.model.model import Learner, base_model, head_weight


def row_losses(model: Learner, tokens: Tokens, batch: RowNumbers, *, packing: bool = False) -> Tensor:
    """Return the loss of every trained token of `batch`, in nats: row after row, tokens in order.

    The head sees only positions that carry loss, a chunk at a time: logits of the whole never exist.

    Args:
        model: what is trained.
        tokens: the encoded rows.
        batch: numbers of the rows.
        packing: whether the rows share one sequence, each blind to the others; otherwise they are
            padded to the longest.
    """
    sizes, prompts = tokens.lengths(batch), tokens.prompts[batch]
    begins = np.cumsum(sizes) - sizes if packing else np.arange(len(batch)) * sizes.max()
    ids = np.zeros(sizes.sum() if packing else len(batch) * sizes.max(), dtype=np.int64)
    for begin, row in zip(begins.tolist(), batch.tolist(), strict=True):
        ids[begin : begin + tokens.sizes[row]] = tokens.row(row)
    seen = _ranges(begins + prompts - 1, sizes - prompts)  # the last of the prompt predicts the first trained
    device = head_weight(model).device
    input_ids = torch.from_numpy(ids).to(device).view(1 if packing else len(batch), -1)
    hidden = hidden_states(model, input_ids, rows=sizes if packing else None)
    places = torch.from_numpy(seen).to(device)
    targets = input_ids.view(-1)[places + 1]
    return token_losses(hidden.flatten(0, 1).index_select(0, places), head_weight(model), targets)


def _ranges(begins: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return begin, begin + 1, … for each range, one after another."""
    ends = np.cumsum(counts)
    ranges: NDArray[np.int64] = np.arange(ends[-1]) + np.repeat(begins - (ends - counts), counts)
    return ranges


def hidden_states(model: Learner, input_ids: Tensor, *, rows: NDArray[np.int64] | None = None) -> Tensor:
    """Return the (B, T, H) last hidden states, adapter included, without the head's logits.

    No attention mask: rows are padded on the right, and no token looks to its right. No cache either:
    with one, or with a mask of ones, transformers would let packed rows see each other.

    Args:
        model: what is trained.
        input_ids: (B, T).
        rows: lengths of the rows that a packed sequence consists of; then B is 1.
    """
    settings: Mapping[str, Any] = {} if rows is None else _packed(model, rows, input_ids.device)
    states: Tensor = (
        base_model(model).model(input_ids=input_ids, use_cache=False, **settings).last_hidden_state
    )
    return states


def _packed(model: Learner, rows: NDArray[np.int64], device: torch.device) -> Mapping[str, Any]:
    positions = _ranges(np.zeros_like(rows), rows)
    settings = {"position_ids": torch.from_numpy(positions).to(device).unsqueeze(0)}
    if attends_by_row(base_model(model)):  # which masks nothing, so none is made
        return {**settings, "row_lengths": tuple(rows.tolist()), "attention_mask": {"full_attention": None}}
    return settings
