"""MinHash deduplication as Daft's documentation does it: `daft_minhash.py IN OUT.parquet`.

64 hashes of word 5-grams of the normalized text, in the 8 bands of 8 that suit its threshold of 0.7; rows
that share a band are connected, and the first of each component stays. Components are found by igraph, which
the documentation checks its own rounds of joins by: it is the faster way.
"""

import sys

import daft
import igraph
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from daft import col
from daft.functions import monotonically_increasing_id

HASHES, WORDS, SEED = 64, 5, 42
BANDS, ROWS = 8, 8


@daft.func()
def numbers(bands: list[list[int]]) -> list[int]:
    return list(range(min(len(bands), BANDS)))


source, out = sys.argv[1:]
rows = daft.read_parquet(f"{source}/*.parquet").with_column("node", monotonically_increasing_id()).collect()
plain = col("text").normalize(remove_punct=True, lowercase=True, nfd_unicode=True, white_space=True)
signed = rows.select(
    "node", signature=plain.minhash(num_hashes=HASHES, ngram_size=WORDS, seed=SEED, hash_function="xxhash")
)
banded = signed.select("node", bands=col("signature").chunk(ROWS))
banded = banded.with_column("band", numbers(col("bands"))).explode("bands", "band")
shared = banded.groupby("band", "bands").agg(col("node").list_agg().alias("nodes"))
edges = (
    shared.with_column("first", col("nodes").list_min())
    .explode("nodes")
    .where(col("first") != col("nodes"))
    .select("first", "nodes")
    .distinct()
    .to_arrow()
)
known = rows.select("id", "node").to_arrow()
nodes = known["node"].to_numpy()
order = np.argsort(nodes)
ends = np.stack(
    [np.searchsorted(nodes[order], edges[name].to_numpy()) for name in ("first", "nodes")], axis=1
)
member = np.array(igraph.Graph(n=len(nodes), edges=ends).connected_components().membership)
kept = np.zeros(len(nodes), bool)
kept[np.unique(member, return_index=True)[1]] = True
stays = pa.table({"node": nodes[order][kept]})
pq.write_table(rows.join(daft.from_arrow(stays), on="node", how="semi").select("id", "text").to_arrow(), out)
