"""Print the ids that text-dedup kept: `text_dedup_kept.py FOLDER OUT.parquet`."""

import sys

from datasets import load_from_disk

load_from_disk(sys.argv[1]).select_columns(["id"]).to_parquet(sys.argv[2])
