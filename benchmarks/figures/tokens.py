"""Token counting per core: `count_tokens` beside Hugging Face's tokenizers, and whether the counts agree."""

import json
from collections.abc import Sequence
from functools import partial

import numpy as np
import polars as pl

from benchmarks.measure import cpu_seconds, last_line, medians, run
from benchmarks.measurements import Measurement, Options
from benchmarks.peer_envs import python_of, script
from benchmarks.rows import described, distinct_strings, folder
from thinkmix.templates.chat.tokenizer import count_tokens, tokenizer_path

WAYS = ("encode", "encode_batch_fast")


def measure(options: Options) -> Sequence[Measurement]:
    """Compare MB per CPU second on distinct texts; the faster of the peer's two ways counts."""
    every = distinct_strings(options)
    texts = every[:: max(len(every) // options.size(tiny=100, short=12_000, full=10**9), 1)]
    size = sum(len(text.encode()) for text in texts) / 1e6
    count_tokens(texts[:10])  # loads
    versions: dict[str, str] = {}
    with folder(options, "tokens") as work:
        pl.DataFrame({"text": texts}).write_parquet(work / "texts.parquet")

        def theirs(way: str) -> float:
            files = [tokenizer_path(), work / "texts.parquet", way, work / f"{way}.npy"]
            result = json.loads(
                last_line(run([python_of("transformers"), script("token_counts"), *files]).output)
            )
            versions.update(result["versions"])
            return float(result["cpu"])

        ours = partial(cpu_seconds, partial(count_tokens, texts))
        taken = medians(options.rounds, thinkmix=ours, **{way: partial(theirs, way) for way in WAYS})
        wrong = int((count_tokens(texts) != np.load(work / "encode.npy")).sum())
    notes = tuple(f"{name} {size / seconds:.1f} MB/s" for name, seconds in taken.items())
    stated = ", ".join(f"{name} {number}" for name, number in versions.items())
    about = {"figure": "tokens", "on": f"{len(texts):,} distinct texts, {size:.0f} MB, {described(options)}"}
    return [
        Measurement(
            what="token counting per core, vs tokenizers (the faster of its two ways)", unit="×",
            at_least=8, aim=12, measured=min(taken[way] for way in WAYS) / taken["thinkmix"],
            notes=notes, versions=stated, **about,
        ),
        Measurement(
            what="token counts that differ from tokenizers'", unit="", at_least=0, aim=0, measured=wrong,
            less_is_better=True, versions=stated, **about,
        ),
    ]  # fmt: skip
