"""Qwen3's hybrid models, from 0.6B to 235B-A22B: they think or answer directly, as they are asked to."""

from thinkmix.templates.chat.families.contract import Family
from thinkmix.templates.chat.tokenizer import TOKENIZER_SHA256

QWEN3 = Family(
    module=__name__,
    name="qwen3",
    jinja="qwen3.jinja",
    sha256="9a45b887b4a5241b650426a4c26cf882e8430fe3067ea5cd5c0acaa2976b34f3",
    tokenizer_sha256=TOKENIZER_SHA256,
    thinks="hybrid",
    soft_switch=True,
)
