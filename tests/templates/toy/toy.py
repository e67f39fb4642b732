"""A family of models that there are not: hybrids whose prompts open the trace."""

from thinkmix.templates.chat.families.contract import Family
from thinkmix.templates.chat.tokenizer import TOKENIZER_SHA256

TOY = Family(
    module=__name__,
    name="toy",
    jinja="toy.jinja",
    sha256="1a80bf43b7a4080dbfd6ec0a4a2bab3675f76175ed193e4a2f8858617e94c8c5",
    tokenizer_sha256=TOKENIZER_SHA256,
    thinks="hybrid",
    opens_trace=True,
)
