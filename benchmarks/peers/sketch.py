"""Sign texts with datasketch or rensa: `sketch.py TEXTS.parquet HOW`; prints CPU seconds."""

import json
import sys
import time
from importlib.metadata import version

import pyarrow.parquet as pq
import xxhash
from datasketch import MinHash
from rensa import RMinHash

texts = pq.read_table(sys.argv[1])["text"].to_pylist()
how = sys.argv[2]


def cut(text, encode):
    words = text.lower().split()
    shingles = [" ".join(words[i : i + 5]) for i in range(max(len(words) - 4, 1))]
    return [shingle.encode() for shingle in shingles] if encode else shingles


def datasketch_default(shingles):
    sketch = MinHash(num_perm=128)
    sketch.update_batch(shingles)
    return sketch.digest()


def datasketch_xxhash(shingles):
    sketch = MinHash(num_perm=128, hashfunc=xxhash.xxh32_intdigest)
    sketch.update_batch(shingles)
    return sketch.digest()


def rensa_update(shingles):
    sketch = RMinHash(num_perm=128, seed=1)
    sketch.update(shingles)
    return sketch.digest()


sign = {"datasketch": datasketch_default, "datasketch-xxhash": datasketch_xxhash, "rensa": rensa_update}
encode = how.startswith("datasketch")
start = time.process_time()
if how == "rensa-bulk":
    sets = [cut(text, encode) for text in texts]
    middle = time.process_time()
    RMinHash.digest_matrix_from_token_sets(sets, 128, 1)
    hashing = time.process_time() - middle
else:
    hashing = 0.0
    for text in texts:
        shingles = cut(text, encode)
        middle = time.process_time()
        sign[how](shingles)
        hashing += time.process_time() - middle
spent = time.process_time() - start
versions = {name: version(name) for name in ("datasketch", "rensa")}
print(json.dumps({"cpu": spent, "hashing": hashing, "versions": versions}))
