"""NEFTune: uniform noise on the embeddings while a model is trained, and none while it is measured."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from transformers import Qwen3ForCausalLM


def add_noise(model: Qwen3ForCausalLM, *, strength: float) -> None:
    """Add noise from [-1, 1] times strength / sqrt(L H) to every embedding, drawn from torch's generator.

    Jain et al. 2023, NEFTune, arXiv 2310.05914. L is the length of a token's own row where the positions
    tell it, as they do in packed sequences, and else that of the batch; H is the width of the embedding.
    """
    noise = _Noise(strength)
    model.model.register_forward_pre_hook(noise.see_positions, with_kwargs=True)
    model.model.embed_tokens.register_forward_hook(noise.disturb)


class _Noise:
    def __init__(self, strength: float) -> None:
        self.strength = strength
        self.positions: Tensor | None = None

    def see_positions(self, module: nn.Module, args: Any, kwargs: dict[str, Any]) -> None:  # noqa: ANN401
        self.positions = kwargs.get("position_ids")

    def disturb(self, module: nn.Module, args: Any, embedded: Tensor) -> Tensor:  # noqa: ANN401
        if not module.training:
            return embedded
        lengths = _row_lengths(self.positions) if self.positions is not None else None
        tokens, width = embedded.shape[-2:]
        scale: Tensor | float = self.strength / math.sqrt(tokens * width)
        if lengths is not None:
            scale = (self.strength / (lengths * width).sqrt()).unsqueeze(-1).to(embedded.dtype)
        return embedded + scale * torch.empty_like(embedded).uniform_(-1, 1)


def _row_lengths(positions: Tensor) -> Tensor:
    """Return for each of the (B, T) positions how many tokens its row has; a row begins at position 0."""
    lengths = torch.empty_like(positions, dtype=torch.float32)
    for number, line in enumerate(positions):
        starts = (line == 0).nonzero().flatten()
        ends = torch.cat([starts[1:], starts.new_tensor([len(line)])])
        sizes = ends - starts
        lengths[number] = torch.repeat_interleave(sizes, sizes).to(torch.float32)
    return lengths
