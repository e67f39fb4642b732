"""Encode with `datasets.map`: `encode_map.py TOKENIZER.json FILES...`; prints CPU seconds and tokens."""

import json
import os
import sys
import time
from importlib.metadata import version
from tempfile import TemporaryDirectory

os.environ["TOKENIZERS_PARALLELISM"] = "false"

from datasets import Dataset, disable_progress_bars
from transformers import PreTrainedTokenizerFast

disable_progress_bars()
tokenizer = PreTrainedTokenizerFast(tokenizer_file=sys.argv[1])


def encode(rows):
    """Give ids and labels; prompt and completion are encoded once each, which is the least there is to do."""
    prompts, completions = (
        tokenizer(rows[name], add_special_tokens=False, return_attention_mask=False, verbose=False)[
            "input_ids"
        ]
        for name in ("prompt", "completion")
    )
    pairs = list(zip(prompts, completions, strict=True))
    return {
        "input_ids": [masked + trained for masked, trained in pairs],
        "labels": [[-100] * len(masked) + trained for masked, trained in pairs],
    }


with TemporaryDirectory() as cache:
    rows = Dataset.from_parquet(sys.argv[2:], columns=["prompt", "completion"], cache_dir=cache)
    tokenizer("warm")
    start = time.process_time()
    encoded = rows.map(encode, batched=True, remove_columns=rows.column_names)
    spent = time.process_time() - start
    tokens = sum(map(len, encoded["input_ids"]))
libraries = ("datasets", "transformers", "tokenizers")
print(json.dumps({"cpu": spent, "tokens": tokens, "versions": {name: version(name) for name in libraries}}))
