"""Render chats with transformers: `chat_template.py TOKENIZER TEMPLATE ROWS.jsonl`; prints CPU seconds."""

import json
import sys
import time
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from transformers import PreTrainedTokenizerFast

tokenizer = PreTrainedTokenizerFast(tokenizer_file=sys.argv[1])
tokenizer.chat_template = Path(sys.argv[2]).read_text(encoding="utf-8")
rows = [json.loads(line) for line in Path(sys.argv[3]).read_text(encoding="utf-8").split("\n") if line]
tokenizer.apply_chat_template(rows[0]["messages"], tokenize=False)  # compiles the template
start = time.process_time()
texts = [
    tokenizer.apply_chat_template(row["messages"], tools=row["tools"] or None, tokenize=False) for row in rows
]
spent = time.process_time() - start
digest = sha256("\0".join(texts).encode()).hexdigest()
print(json.dumps({"cpu": spent, "digest": digest, "versions": {"transformers": version("transformers")}}))
