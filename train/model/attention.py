"""Attention over packed rows, one row after another: none sees its neighbours, and no mask is made."""

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface, Qwen3ForCausalLM
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

BY_ROW = "thinkmix_by_row"
"""Name under which transformers knows our implementation."""


def attend_by_row(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    row_lengths: tuple[int, ...] | None = None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **settings: Any,  # noqa: ANN401 - whatever else transformers hands to every implementation
) -> tuple[Tensor, None]:
    """Return the causal attention of each row of a packed sequence to itself, (1, T, heads, D).

    The work grows with the sum of the rows' squared lengths, where a masked sequence pays for T x T.
    Its parameters are those with which transformers calls every implementation, and ours, `row_lengths`.
    Without `row_lengths` (no packing, or an answer that is being generated) it is transformers' sdpa.

    Args:
        module: the model's attention layer.
        query: (1, heads, T, D).
        key: (1, key-value heads, T, D); not repeated for the heads that share them.
        value: as `key`.
        attention_mask: none with `row_lengths`.
        row_lengths: tokens of each row, which sum to T.
        scaling: factor of the scores.
        dropout: share of the attention weights that is set to zero.
        settings: passed on to transformers' sdpa.
    """
    if row_lengths is None:
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **settings
        )
    # split, not slices: the gradient of each slice would be a tensor of the whole sequence's size
    lengths = list(row_lengths)
    queries, keys, values = (torch.split(states, lengths, dim=2) for states in (query, key, value))
    shared = query.shape[1] != key.shape[1]
    attended = [
        scaled_dot_product_attention(
            *row, dropout_p=dropout, is_causal=True, scale=scaling, enable_gqa=shared
        ).transpose(1, 2)
        for row in zip(queries, keys, values, strict=True)
    ]
    return torch.cat(attended, dim=1), None


AttentionInterface.register(BY_ROW, attend_by_row)
AttentionMaskInterface.register(BY_ROW, sdpa_mask)  # for callers that say nothing of rows


def set_attention(model: Qwen3ForCausalLM, attention: Literal["auto", "sdpa", "eager"]) -> None:
    """Let the model compute attention as the plan says: auto is by row, or sdpa if layers see a window."""
    windows = "sliding_attention" in (model.config.layer_types or ())
    best = "sdpa" if windows else BY_ROW
    model.set_attn_implementation(best if attention == "auto" else attention)


def attends_by_row(model: Qwen3ForCausalLM) -> bool:
    """Return whether the model uses our implementation."""
    implementation: str = model.config._attn_implementation
    return implementation == BY_ROW
