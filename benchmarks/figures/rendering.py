"""Rendering per core: the training form of a conversation beside transformers' `apply_chat_template`."""

import json
from collections.abc import Sequence
from functools import partial
from hashlib import sha256

from benchmarks.measure import ROOT, cpu_seconds, last_line, medians, run
from benchmarks.measurements import Measurement, Options
from benchmarks.peer_envs import python_of, script
from benchmarks.rows import conversations, described, folder
from thinkmix.schemas.conversation import Conversation, Message
from thinkmix.templates.chat.families.qwen3 import QWEN3
from thinkmix.templates.chat.tokenizer import tokenizer_path
from thinkmix.templates.chat.turns import training_turns

TEMPLATE = ROOT / "templates" / "chat" / "families" / "qwen3.jinja"


def measure(options: Options) -> Sequence[Measurement]:
    """Compare rows per CPU second; ours writes every assistant turn's example, theirs one text per row."""
    rows = conversations(options)
    reference: dict[str, object] = {}
    with folder(options, "rendering") as work:
        listed = work / "rows.jsonl"
        listed.write_text("\n".join(json.dumps(_plain(row)) for row in rows), encoding="utf-8")

        def theirs() -> float:
            command = [python_of("transformers"), script("chat_template"), tokenizer_path(), TEMPLATE, listed]
            reference.update(json.loads(last_line(run(command).output)))
            return float(str(reference["cpu"]))

        taken = medians(options.rounds, thinkmix=partial(cpu_seconds, partial(_render, rows)), theirs=theirs)
    texts = [turns[-1].prompt + turns[-1].completion for turns in _render(rows)]
    same = sha256("\0".join(texts).encode()).hexdigest() == reference["digest"]
    if not same:
        raise RuntimeError("the two sides did not render the same text")
    ours, peer = len(rows) / taken["thinkmix"], len(rows) / taken["theirs"]
    finding = Measurement(
        figure="rendering",
        what="rendering per core, vs transformers' apply_chat_template",
        unit="×",
        at_least=10,
        aim=30,
        measured=ours / peer,
        on=f"{len(rows):,} {described(options)}",
        notes=(f"thinkmix {ours:,.0f} rows/s, transformers {peer:,.0f} rows/s", "all texts equal"),
        versions=", ".join(f"{name} {number}" for name, number in dict(reference["versions"]).items()),
    )
    return [finding]


def _render(rows: Sequence[Conversation]) -> list[list[object]]:
    return [
        training_turns(row.messages, row.tools, family=QWEN3, turns=range(len(row.messages))) for row in rows
    ]


def _plain(row: Conversation) -> dict[str, object]:
    return {"messages": [_message(message) for message in row.messages], "tools": list(row.tools)}


def _message(message: Message) -> dict[str, object]:
    stated: dict[str, object] = {"role": message.role, "content": message.content}
    if message.reasoning:
        stated["reasoning_content"] = message.reasoning
    if message.tool_calls:
        calls = [{"name": call.name, "arguments": call.arguments} for call in message.tool_calls]
        stated["tool_calls"] = [{"type": "function", "function": call} for call in calls]
    return stated
