"""Label rows by the template prefix method: `template_labels.py TOKENIZER_FOLDER OUT.parquet FILES...`.

The official chat template renders a row's messages twice: all of them, and those before the answer with
the generation prompt. What the first text has beyond the second carries loss. No line of ours is involved.
"""

import json
import sys
from importlib.metadata import version

import pyarrow as pa
import pyarrow.parquet as pq
from transformers import AutoTokenizer

folder, out, *files = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(folder)
COLUMNS = ["id", "thinking", "messages", "tools"]
schema = pa.schema({"id": pa.string(), "input_ids": pa.list_(pa.int32()), "labels": pa.list_(pa.int32())})


def ids(text):
    return tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]


def labelled(row):
    tools = json.loads(row["tools"]) if row["tools"] else None
    whole = tokenizer.apply_chat_template(row["messages"], tools=tools, tokenize=False)
    prompt = tokenizer.apply_chat_template(
        row["messages"][:-1],
        tools=tools,
        tokenize=False,
        add_generation_prompt=True,
        enable_thinking=row["thinking"],
    )
    assert whole.startswith(prompt), row["id"]
    masked, trained = ids(prompt), ids(whole.removeprefix(prompt))
    assert ids(whole) == masked + trained, row["id"]
    return {"id": row["id"], "input_ids": masked + trained, "labels": [-100] * len(masked) + trained}


rows = 0
with pq.ParquetWriter(out, schema) as writer:
    for file in files:
        for batch in pq.ParquetFile(file).iter_batches(512, columns=COLUMNS):
            rows += batch.num_rows
            writer.write_batch(
                pa.RecordBatch.from_pylist([labelled(row) for row in batch.to_pylist()], schema=schema)
            )
print(json.dumps({"rows": rows, "versions": {"transformers": version("transformers")}}))
