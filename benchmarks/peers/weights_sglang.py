"""Read adapters' configs by SGLang's own LoRAConfig: `weights_sglang.py FOLDER`; prints differences.

Its package cannot be imported without a GPU, so the file of the class is loaded by itself. What follows from
the config is its rule in srt/lora/lora.py: the scaling is lora_alpha / r, and weights are found by the number
of the layer and the last part of the module's name.
"""

import json
import sys
from importlib.metadata import distribution, version
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

LAYERS = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}

place = distribution("sglang").locate_file("sglang/srt/lora/lora_config.py")
spec = spec_from_file_location("lora_config", place)
module = module_from_spec(spec)
spec.loader.exec_module(module)

folder = Path(sys.argv[1])
stated = json.loads((folder / "weights.json").read_bytes())
differences, notes = {}, []
for name, scaling in stated["adapters"].items():
    config = module.LoRAConfig(str(folder / name))
    if config.use_dora:
        notes.append(f"{name}: SGLang refuses DoRA")
        continue
    if unknown := {target.rsplit(".", 1)[-1] for target in config.target_modules} - LAYERS:
        notes.append(f"{name}: it knows no layers called {sorted(unknown)}")
        continue
    if config.lora_added_tokens_size:
        notes.append(f"{name}: it would add {config.lora_added_tokens_size} tokens")
    if config.hf_config.get("use_rslora"):
        notes.append(f"{name}: it passes over use_rslora and scales by lora_alpha / r: merge such adapters")
    differences[name] = abs(config.lora_alpha / config.r - scaling)

print(json.dumps({"differences": differences, "notes": notes, "releases": {"sglang": version("sglang")}}))
