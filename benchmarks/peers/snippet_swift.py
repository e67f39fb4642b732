"""Run the ms-swift snippets of docs/training.md for one step on a CPU: `snippet_swift.py FOLDER`.

The folder holds snippet.py, and the words of the command in command.json. Writes each row's ids and labels to
rows.json, and prints the versions.
"""

import json
import os
import sys
from importlib.metadata import version
from pathlib import Path

from swift.pipelines.train.sft import SwiftSft

SHORT = "--max_steps 1 --per_device_train_batch_size 1 --report_to none --torch_dtype float32 --use_hf true"
LOCAL = "--model_type qwen3"  # what a hub says of a model, a folder does not

os.chdir(sys.argv[1])
exec(compile(Path("snippet.py").read_text(), "snippet.py", "exec"), {})
program, stage, *given = json.loads(Path("command.json").read_text())
assert (program, stage) == ("swift", "sft"), (program, stage)
pipeline = SwiftSft([*given, *SHORT.split(), *LOCAL.split()])
trained, _ = pipeline._prepare_dataset()
encoded = [trained[place] for place in range(len(trained))]
rows = [{"ids": list(row["input_ids"]), "labels": list(row["labels"])} for row in encoded]
pipeline.main()
Path("rows.json").write_text(json.dumps(rows))
print(json.dumps({name: version(name) for name in ("ms-swift", "transformers", "datasets", "torch")}))
