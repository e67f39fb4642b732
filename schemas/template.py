"""Which chat templates there are, by name."""

from typing import Literal

Template = Literal["qwen3", "qwen3-instruct-2507", "qwen3-thinking-2507"]
"""Chat template of the model to be trained: hybrid, instruct-only or thinking-only."""
