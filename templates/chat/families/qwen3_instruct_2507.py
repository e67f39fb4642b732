"""Qwen3-Instruct-2507, the models that answer directly and never think."""

from thinkmix.templates.chat.families.contract import Family
from thinkmix.templates.chat.tokenizer import TOKENIZER_SHA256

QWEN3_INSTRUCT_2507 = Family(
    module=__name__,
    name="qwen3-instruct-2507",
    jinja="qwen3_instruct_2507.jinja",
    sha256="5e72111580dee9694886353873fbf2f0b1fdf6163c4a5b31e89ec9d7f6587edc",
    tokenizer_sha256=TOKENIZER_SHA256,
    thinks="never",
)
