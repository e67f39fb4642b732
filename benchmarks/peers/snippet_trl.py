"""Run the TRL snippet of docs/training.md for one step on a CPU: `snippet_trl.py FOLDER`.

The folder holds snippet.py. Writes each row's ids and labels to rows.json, and prints the versions.
"""

import json
import os
import sys
from functools import partial
from importlib.metadata import version
from pathlib import Path

import trl

os.chdir(sys.argv[1])
trl.SFTConfig = partial(
    trl.SFTConfig, output_dir="out", max_steps=1, per_device_train_batch_size=1, use_cpu=True, bf16=False,
    save_strategy="no", report_to="none", disable_tqdm=True,
)  # fmt: skip
names = {}
exec(compile(Path("snippet.py").read_text(), "snippet.py", "exec"), names)
trained = names["trainer"].train_dataset
rows = [{"ids": row["input_ids"], "labels": row["labels"]} for row in trained]
Path("rows.json").write_text(json.dumps(rows))
print(json.dumps({name: version(name) for name in ("trl", "transformers", "datasets", "torch")}))
