"""The files between stages: the columns of each, who writes it and who reads it."""

import polars as pl

KEY_SCHEMA = pl.Schema(
    {
        "id": pl.String(),
        "source": pl.String(),
        "content_key": pl.String(),
        "text": pl.String(),
        "priority": pl.Int64(),
        "quality": pl.Float64(),
        "solver": pl.String(),
        "cap": pl.Int64(),
        "answer": pl.String(),
        "preamble": pl.String(),
        "turns": pl.List(pl.Int64()),
        "file": pl.String(),
        "row": pl.Int64(),
        "text_bytes": pl.Int64(),
    }
)
"""What is known of a row when duplicates are decided.

`id` is 32 hexadecimal digits, equal `content_key` (64 digits; 32 are read) means exact
duplicates, `text` is what near-duplicates are judged by, higher `priority` and `quality` win, then more of
`turns`, the positions of the turns that are learned among its messages. `cap` is how many rows of one problem
the source may keep, and `answer` is what the row says that the answer is: rows with different ones are
different problems, and so are rows with another `preamble`, a digest of system prompts and tools.
`text_bytes` is the text that the raw row holds: of rows of one id that with less of it wins.
"""

KEYS = pl.Schema({**KEY_SCHEMA, "messages": pl.Int64()})
"""What is known of a valid row without opening it again."""

FLAGS = pl.Schema(
    {
        "flags": pl.List(pl.String()),
        "checks": pl.List(
            pl.Struct(
                {
                    "rule": pl.String(),
                    "value": pl.Float64(),
                    "evidence": pl.Struct(
                        {
                            "text": pl.String(),
                            "message": pl.Int64(),
                            "part": pl.String(),
                            "start": pl.Int64(),
                            "end": pl.Int64(),
                        }
                    ),
                }
            )
        ),
    }
)
"""What rules found in a row that stays: their names, and for each what it measured and where.

These columns follow those of `KEYS`, `OUTCOMES` and `EXAMPLES` if a rule is on in the recipe, and are absent
otherwise. A row without flags has empty lists.
"""


def with_flags(schema: pl.Schema, *, flagged: bool) -> pl.Schema:
    """Return a schema as it is in a mixture whose rows may have flags, or may have none."""
    return pl.Schema({**schema, **FLAGS}) if flagged else schema


def without_null_flags(rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows with columns of flags, which are empty lists where they were null."""
    return rows.with_columns(pl.col(name).fill_null(pl.lit([], dtype=kind)) for name, kind in FLAGS.items())


FACTS = pl.Schema({"problem_type": pl.String(), "pass_rate": pl.Float64()})
"""What a row says of its problem: its type, and how often a model solved it, from 0 to 1."""

CHECKED = pl.Schema({"answer_check": pl.UInt8(), **FACTS})
"""What a row's answer is beside the one that the source names, and `FACTS`.

`answer_check` is a place in `answers.statuses.STATUSES`. These columns follow those of `FLAGS` in the keys of
a source if a rule that compares answers is on for it.
"""

BRANCHED = pl.Schema({"branching": pl.Float64()})
"""Branches of its traces on 1,000 words: the last column in the keys of a source with `cap_by: branching`."""

REJECTS = pl.Schema(
    {
        "id": pl.String(),
        "source": pl.String(),
        "file": pl.String(),
        "row": pl.Int64(),
        "stage": pl.String(),
        "reason": pl.String(),
        "detail": pl.String(),
        "messages": pl.Int64(),
        "text_bytes": pl.Int64(),
        "content": pl.String(),
    }
)
"""A row that was left out, whole: `content` is the raw row as JSON text, or a line that cannot be parsed."""

TURN_END = "\x1e"
"""Stands between the turns of `SAID`; no valid row holds it, because control characters are refused."""

SAID = pl.Schema({"said": pl.String()})
"""What all turns of a valid row say, without traces, with `TURN_END` between them.

It has a row for each row of `KEYS`, in their order.
"""

OVERLAP = pl.Schema(
    {
        "place": pl.Int64(),
        "action": pl.String(),
        "question": pl.String(),
        "score": pl.Float64(),
        "detail": pl.String(),
    }
)
"""A row that repeats a question: its place among the valid rows of its shard, `drop` or `flag`, the question
(`gsm8k/12`), the part of its weight that is there, and the words that people read."""

VERDICT_SCHEMA = pl.Schema(
    {
        "id": pl.String(),
        "cluster": pl.String(),
        "cluster_size": pl.Int64(),
        "problem": pl.String(),
        "reason": pl.String(),
        "winner": pl.String(),
        "similarity": pl.Float32(),
        "detail": pl.String(),
    }
)
"""One row per key row, in its order.

`cluster` is the least id among the rows that are connected by equal or similar texts, the row's own if it is
alone, and `cluster_size` counts them; the ends of a long chain may have nothing in common. `problem` is the
id of the best row of its problem: a cluster holds several where texts are similar to some of it only, where
answers differ, and where the plan distinguishes numbers. A row that stays has no reason; otherwise `winner`
is the id of a row that stays, the best one of its problem or an equal one, and `similarity` is that of the
two texts, at least the threshold: the Jaccard similarity of their shingle sets, with boilerplate or without,
whichever is less. Rows are told apart by position: exact duplicates within one source have one id. A row
that overlaps with an evaluation is out before rows are compared: it is alone, has no winner, and `detail`
names the question.
"""

WANTED = pl.Schema({"shard": pl.Int32(), "row": pl.Int64(), "turn": pl.Int32(), "bytes": pl.Int64()})
"""An example that must be rendered and counted before sampling can go on, and the text of its raw row."""

_CALLS = pl.List(
    pl.Struct(
        {
            "type": pl.String(),
            "function": pl.Struct({"name": pl.String(), "arguments": pl.String()}),
        }
    )
)

_MESSAGE = {
    "role": pl.String(),
    "content": pl.String(),
    "reasoning_content": pl.String(),
    "tool_calls": _CALLS,
}

EXAMPLES = pl.Schema(
    {
        "id": pl.String(),
        "source": pl.String(),
        "conversation_id": pl.String(),
        "turn": pl.Int64(),
        "thinking": pl.Boolean(),
        "messages": pl.List(pl.Struct(_MESSAGE)),
        "tools": pl.String(),
        "prompt": pl.String(),
        "completion": pl.String(),
        "prompt_tokens": pl.Int64(),
        "completion_tokens": pl.Int64(),
    }
)
"""An example as it is published. `messages` are the turns up to the one that is learned, as chat
templates read them; `tools` is the JSON text of the tool list, or null."""

COUNTED = pl.Schema(
    {
        "row": pl.Int64(),
        "turn": pl.Int64(),
        "place": pl.Int64(),
        "thinking": pl.Boolean(),
        "prompt_tokens": pl.Int64(),
        "completion_tokens": pl.Int64(),
        "text_bytes": pl.Int64(),
        "think_tokens": pl.Int64(),
        "questions": pl.Int64(),
        "language": pl.String(),
        "pass_rate": pl.Float64(),
    }
)
"""The index of a rendered part: raw row and turn of each example, and how long prompt and completion are.

`think_tokens` are those of the completion's trace. What follows is of the whole row, for the audit: turns of
the user, the language (see `languages`), and how often the problem was solved, null where that is unknown.
"""

LOST = pl.Schema(
    {
        "row": pl.Int64(),
        "turn": pl.Int64(),
        "reason": pl.String(),
        "detail": pl.String(),
        "tokens": pl.Int64(),
    }
)
"""What was rendered and cannot be an example, with the tokens it has."""

SELECTION = pl.Schema(
    {
        "part": pl.Int32(),
        "place": pl.Int32(),
        "shard": pl.Int32(),
        "split": pl.String(),
        "copy": pl.Int64(),
        "order": pl.UInt64(),
        "text_bytes": pl.Int64(),
    }
)
"""One sampled example: where it lies (example `place` of rendered part `part`), its split, whether it is a
copy (0 for the first), and `order`, by which a split is sorted."""

OUTCOMES = pl.Schema(
    {
        "id": pl.String(),
        "source": pl.String(),
        "file": pl.String(),
        "row": pl.Int64(),
        "stage": pl.String(),
        "reason": pl.String(),
        "detail": pl.String(),
        "cluster": pl.String(),
        "winner": pl.String(),
        "similarity": pl.Float32(),
        "examples": pl.Int64(),
        "sampled": pl.Int64(),
        "messages": pl.Int64(),
        "text_bytes": pl.Int64(),
    }
)
"""`reason` and `stage` are null for a row that is in the mixture, with `sampled` of its `examples`."""

SAMPLED = pl.Schema(
    {
        "id": pl.UInt64(),
        "row": pl.Int64(),
        "cluster": pl.UInt64(),
        "problem": pl.UInt64(),
        "split": pl.String(),
        "thinking": pl.Boolean(),
        "prompt_tokens": pl.Int64(),
        "completion_tokens": pl.Int64(),
        "think_tokens": pl.Int64(),
        "questions": pl.Int64(),
        "language": pl.String(),
        "pass_rate": pl.Float64(),
    }
)
"""What the audit needs of each sampled example, copies included: 64 bits of its row's id and of its cluster,
and what the index says. Rows of one `problem` are solutions of the same one: a cluster may hold several."""
