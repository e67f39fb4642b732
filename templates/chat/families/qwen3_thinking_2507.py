"""Qwen3-Thinking-2507, the models that always think: their prompt opens the trace."""

from thinkmix.templates.chat.families.contract import Family
from thinkmix.templates.chat.tokenizer import TOKENIZER_SHA256

QWEN3_THINKING_2507 = Family(
    module=__name__,
    name="qwen3-thinking-2507",
    jinja="qwen3_thinking_2507.jinja",
    sha256="556beca7524278acbe5cdc671f7e01a8c1d0d99d0c9f06334beeb9213ffbea0d",
    tokenizer_sha256=TOKENIZER_SHA256,
    thinks="always",
    opens_trace=True,
)
