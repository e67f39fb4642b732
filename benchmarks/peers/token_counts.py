"""Count tokens with tokenizers: `token_counts.py TOKENIZER TEXTS.parquet HOW OUT.npy`; prints CPU seconds."""

import json
import os
import sys
import time
from importlib.metadata import version

import numpy as np
import pyarrow.parquet as pq

os.environ["TOKENIZERS_PARALLELISM"] = "false"

from tokenizers import Tokenizer

tokenizer = Tokenizer.from_file(sys.argv[1])
texts = pq.read_table(sys.argv[2])["text"].to_pylist()
start = time.process_time()
if sys.argv[3] == "encode":
    counts = [len(tokenizer.encode(text, add_special_tokens=False)) for text in texts]
else:
    counts = []
    for first in range(0, len(texts), 1000):
        batch = tokenizer.encode_batch_fast(texts[first : first + 1000], add_special_tokens=False)
        counts += [len(encoded) for encoded in batch]
spent = time.process_time() - start
np.save(sys.argv[4], np.array(counts, np.int64))
print(json.dumps({"cpu": spent, "versions": {"tokenizers": version("tokenizers")}}))
