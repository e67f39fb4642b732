"""Run the LLaMA-Factory snippets of docs/training.md for one step on a CPU: `snippet_llamafactory.py FOLDER`.

The folder holds snippet.py, dataset_info.json, train.yaml, and the words of the command in command.json.
Writes each row's ids and labels to rows.json, and prints the versions.
"""

import json
import os
import sys
from importlib.machinery import ModuleSpec
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import yaml

# Imported by LLaMA-Factory whatever is trained; it is published for CUDA alone, and reads sound.
sys.modules["torchaudio"] = ModuleType("torchaudio")
sys.modules["torchaudio"].__spec__ = ModuleSpec("torchaudio", None)

from llamafactory.data import get_dataset, get_template_and_fix_tokenizer  # noqa: E402 - needs torchaudio
from llamafactory.hparams import get_train_args  # noqa: E402
from llamafactory.model import load_tokenizer  # noqa: E402
from llamafactory.train.tuner import run_exp  # noqa: E402

os.chdir(sys.argv[1])
exec(compile(Path("snippet.py").read_text(), "snippet.py", "exec"), {})
*command, settings = json.loads(Path("command.json").read_text())
assert command == ["llamafactory-cli", "train"], command
short = {"max_steps": 1, "per_device_train_batch_size": 1, "report_to": "none", "save_strategy": "no"}
given = yaml.safe_load(Path(settings).read_text()) | short
model, data, training, tuning, _ = get_train_args(dict(given))
tokens = load_tokenizer(model)
template = get_template_and_fix_tokenizer(tokens["tokenizer"], data)
trained = get_dataset(template, model, data, training, stage=tuning.stage, **tokens)["train_dataset"]
rows = [{"ids": row["input_ids"], "labels": row["labels"]} for row in trained]
run_exp(dict(given))
Path("rows.json").write_text(json.dumps(rows))
print(json.dumps({name: version(name) for name in ("llamafactory", "transformers", "datasets", "torch")}))
