"""Whether the near-duplicates found are those there are: against all pairs by exact Jaccard similarity."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from benchmarks.exact_pairs import Pairs, shingle_matrix, similar_pairs
from benchmarks.measurements import Measurement, Options
from benchmarks.near_dup import prepare, scratch, stored_texts
from benchmarks.rows import described, folder, raw_rows, texts
from thinkmix.curation.dedup.dedup import find_duplicates
from thinkmix.curation.dedup.settings import DedupPlan

THRESHOLD = 0.8


def measure(options: Options) -> Sequence[Measurement]:
    """Look for each truly similar pair in one cluster, and for a chain of such pairs in each cluster."""
    rows = distinct_texts(options)
    pairs, _ = similar_pairs(shingle_matrix(rows), threshold=THRESHOLD)
    found = clusters(rows, options)
    together = found[pairs[:, 0]] == found[pairs[:, 1]]
    truth = components(pairs, len(rows))
    joined = np.flatnonzero(found != np.arange(len(rows)))
    right = truth[joined] == truth[found[joined]]
    on = f"{len(rows):,} distinct {described(options)}, {len(rows) * (len(rows) - 1) / 2e6:.0f} M pairs"
    notes = (
        f"{len(pairs):,} pairs reach {THRESHOLD}, {int((~together).sum())} of them were not found",
        f"{len(joined):,} rows were put to another one, {int((~right).sum())} of them wrongly",
        "default plan: 120 permutations in 20 bands, 5-word shingles",
    )
    about = {"figure": "quality", "unit": "", "on": on, "notes": notes}
    return [
        Measurement(
            what="near-dup recall at J ≥ 0.8", at_least=0.98, aim=0.995,
            measured=float(together.mean()) if len(pairs) else 1.0, **about,
        ),
        Measurement(
            what="near-dup precision after verification", at_least=1.0, aim=1.0,
            measured=float(right.mean()) if len(joined) else 1.0, **about,
        ),
    ]  # fmt: skip


def distinct_texts(options: Options) -> pl.Series:
    """Return questions, as duplicates are judged by, and whole rows; equal texts would be too easy."""
    rows = raw_rows(options)
    asked = rows["chat"].select(pl.col("conversations").list.first().struct.field("value")).to_series()
    every = pl.concat([rows["math"]["problem"], asked.drop_nulls().alias("problem")])
    every = pl.concat([every, texts(options).alias("problem")]).unique(maintain_order=True)
    count = options.size(tiny=100, short=12_000, full=60_000)
    return every.sample(min(count, len(every)), seed=1, shuffle=True)


def clusters(rows: pl.Series, options: Options) -> Pairs:
    """Return for each row the first row of the cluster that the product puts it in."""
    plan = DedupPlan(threshold=THRESHOLD)
    with folder(options, "quality") as work:
        source, made = work / "in.parquet", scratch(work, 0)
        pl.DataFrame({"text": rows}).write_parquet(source)
        prepare(source, made, 0, column="text", plan=plan)
        texts_of_rows = [partial(stored_texts, made.texts)]
        find_duplicates([made.keys], [made.bands], [made.verdicts], plan=plan, texts=texts_of_rows)
        names = pl.read_parquet(made.verdicts)["cluster"].to_numpy()
    _, first, place = np.unique(names, return_index=True, return_inverse=True)
    return first[place]


def components(pairs: Pairs, count: int) -> Pairs:
    """Return for each row the number of the component that truly similar pairs put it in."""
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return connected_components(graph, directed=False)[1]
