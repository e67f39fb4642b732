"""Read adapters and models in plain transformers and peft: `weights_logits.py FOLDER`; prints differences.

FOLDER holds `weights.json` (which adapters, on which base, and which models), ids.npy, and ours/NAME.npy: the
logits of thinkmix after each of the last tokens.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

folder = Path(sys.argv[1])
stated = json.loads((folder / "weights.json").read_bytes())
ids = torch.from_numpy(np.load(folder / "ids.npy"))
differences, notes = {}, []


def load(name):
    return AutoModelForCausalLM.from_pretrained(folder / name, dtype=torch.float32)


for name in [*stated["adapters"], *stated["models"]]:
    if name in stated["adapters"]:
        model = PeftModel.from_pretrained(load(stated["base"]), folder / name)
    else:
        model = load(name)
        tokenizer = AutoTokenizer.from_pretrained(folder / name)
        if tokenizer(stated["text"]).input_ids != stated["text_ids"]:
            notes.append(f"{name}: its tokenizer gives other ids")
        if model.generation_config.eos_token_id not in stated["ends"]:
            notes.append(f"{name}: it stops at {model.generation_config.eos_token_id}")
    with torch.no_grad():
        logits = model.eval()(input_ids=ids).logits[:, -stated["positions"] :].numpy()
    differences[name] = float(np.abs(logits - np.load(folder / "ours" / f"{name}.npy")).max())

releases = {name: version(name) for name in ("transformers", "peft", "torch")}
print(json.dumps({"differences": differences, "notes": notes, "releases": releases}))
