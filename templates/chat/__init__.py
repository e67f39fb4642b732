"""From conversations to the text a Qwen3 model reads: rendering, training turns, reading back, token counts.

`render_chat` is the reference and takes any message list; `training_turns` is the fast, strict form
for conversations; `round_trip_problem` proves that nothing was lost, `seam_problem` that no token spans the
end of a prompt.
"""

from thinkmix.templates.chat.parse import parse_chat, round_trip_problem
from thinkmix.templates.chat.render import render_chat, template_digest
from thinkmix.templates.chat.seam import seam_problem
from thinkmix.templates.chat.switch import NO_THINK, Switch, governing_switches
from thinkmix.templates.chat.tokenizer import (
    count_tokens,
    encode,
    encode_batch,
    reference_tokenizer,
    tokenizer_digest,
    tokenizer_path,
)
from thinkmix.templates.chat.turns import (
    Learned,
    ModeUnsupported,
    TrainingTurn,
    cut_trace,
    each_training_turn,
    training_turns,
)

__all__ = [
    "NO_THINK",
    "Learned",
    "ModeUnsupported",
    "Switch",
    "TrainingTurn",
    "count_tokens",
    "cut_trace",
    "each_training_turn",
    "encode",
    "encode_batch",
    "governing_switches",
    "parse_chat",
    "reference_tokenizer",
    "render_chat",
    "round_trip_problem",
    "seam_problem",
    "template_digest",
    "tokenizer_digest",
    "tokenizer_path",
    "training_turns",
]
