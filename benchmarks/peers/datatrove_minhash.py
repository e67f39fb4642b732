"""MinHash deduplication with datatrove's four stages: `datatrove_minhash.py IN OUT SCRATCH TASKS WORKERS`."""

import sys

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import (
    MinhashConfig,
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
)
from datatrove.pipeline.readers import ParquetReader
from datatrove.pipeline.writers import ParquetWriter
from datatrove.utils.hashing import HashConfig
from datatrove.utils.text import TextNormConfig

source, out, scratch, tasks, workers = *sys.argv[1:4], int(sys.argv[4]), int(sys.argv[5])
config = MinhashConfig(
    n_grams=5,
    num_buckets=20,
    hashes_per_bucket=6,
    norm_config=TextNormConfig(norm_numbers=False),  # or exercises with other numbers would be the same
    hash_config=HashConfig(precision=64, hash_fc="xxhash"),
)


def stage(name, *steps, tasks):
    return LocalPipelineExecutor(
        pipeline=list(steps), tasks=tasks, workers=workers, logging_dir=f"{scratch}/logs/{name}"
    )


def rows():
    return ParquetReader(source, text_key="text", id_key="id")


def main():
    stage("1", rows(), MinhashDedupSignature(f"{scratch}/signatures", config=config), tasks=tasks).run()
    stage(
        "2", MinhashDedupBuckets(f"{scratch}/signatures", f"{scratch}/buckets", config=config), tasks=20
    ).run()
    stage("3", MinhashDedupCluster(f"{scratch}/buckets", f"{scratch}/remove", config=config), tasks=1).run()
    stage("4", rows(), MinhashDedupFilter(f"{scratch}/remove"), ParquetWriter(out), tasks=tasks).run()


if __name__ == "__main__":
    main()
