"""Qwen3 models to train: a tiny random one for any machine, a local folder, or a hub id; safetensors only."""

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import AutoConfig, PreTrainedConfig, Qwen3Config, Qwen3ForCausalLM
from transformers.utils import logging

from schemas.errors import TrainError
from schemas.training import TrainPlan
from train.attention import set_attention
from train.result import ModelFacts

Learner = PeftModel | Qwen3ForCausalLM
"""What is trained: an adapter beside a frozen model, or a model of which some or all weights learn."""

TINY_RANDOM = "tiny-random"
"""Name of the model that needs no weights: Qwen3's architecture and vocabulary, 9.8 million parameters."""

VOCABULARY = 151_669
"""Tokens of Qwen3's tokenizer; a model's embedding has at least as many rows (Qwen3: 151,936)."""

_PICKLED = (".bin", ".pt", ".pth", ".pkl", ".ckpt")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers' and peft's advice and progress bars off the terminal; errors still raise."""
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"(transformers|peft|huggingface_hub)\.")
            yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


@contextmanager
def threads_for(model: str) -> Iterator[None]:
    """Run the tiny model on one thread: threads that wait for busy cores cost it more than they bring.

    Measured with other work on both of two cores: 30 steps took 18 to 128 s on two threads.
    """
    before = torch.get_num_threads()
    if model == TINY_RANDOM:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def load_model(model: str, *, dtype: torch.dtype) -> Qwen3ForCausalLM:
    """Return a frozen Qwen3 model: `tiny-random`, a local folder, or a hub id.

    No code of the model's folder ever runs, and pickled weights are never opened.

    Raises:
        TrainError: when it cannot be found, is not Qwen3, or has no complete safetensors weights.
    """
    loaded = _tiny_random(dtype) if model == TINY_RANDOM else _load(model, dtype=dtype)
    loaded.config.use_cache = False
    loaded.requires_grad_(False)
    return loaded


def prepare(model: str, plan: TrainPlan) -> PeftModel:
    """Return the model on this machine's device, in the plan's precision, with a fresh adapter."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    name = plan.dtype if plan.dtype != "auto" else "bfloat16" if device == "cuda" else "float32"
    dtype = {"float32": torch.float32, "bfloat16": torch.bfloat16}[name]
    base = load_model(model, dtype=dtype)
    set_attention(base, plan.attention)
    return add_adapter(base, plan, name=model).to(device)


def _tiny_random(dtype: torch.dtype) -> Qwen3ForCausalLM:
    config = Qwen3Config(
        vocab_size=151_936,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        tie_word_embeddings=True,
        initializer_range=0.1,  # at Qwen3's 0.02 so narrow a frozen head can hardly prefer a token
        eos_token_id=151_645,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Qwen3ForCausalLM(config)
    nn.Module.to(model, dtype)
    return model


def _load(model: str, *, dtype: torch.dtype) -> Qwen3ForCausalLM:
    folder = Path(model).expanduser()
    if local := folder.is_dir():
        _check_folder(folder)
    elif model.count("/") != 1 or model.startswith((".", "/", "~")):
        msg = f"model {model}: no such folder, and no hub id (owner/name) or {TINY_RANDOM}"
        raise TrainError(msg)
    where = str(folder) if local else model
    settings: dict[str, Any] = {"trust_remote_code": False, "local_files_only": local}
    try:
        _check_config(model, AutoConfig.from_pretrained(where, **settings))
        answer: Any = Qwen3ForCausalLM.from_pretrained(
            where,
            **settings,
            dtype=dtype,
            attn_implementation="sdpa",
            use_safetensors=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        msg = f"model {model} cannot be loaded: {str(error).strip().splitlines()[0]}"
        raise TrainError(msg) from error
    loaded, report = answer
    if missing := sorted(report["missing_keys"]):
        msg = f"model {model}: {len(missing)} weights are missing, the first is {missing[0]}"
        raise TrainError(msg)
    assert isinstance(loaded, Qwen3ForCausalLM)
    return loaded


def _check_folder(folder: Path) -> None:
    if (folder / "adapter_config.json").exists():
        msg = f"model {folder} is an adapter: name the model that it was trained on"
        raise TrainError(msg)
    if any(folder.glob("*.safetensors")):
        return
    pickled = sorted(file.name for file in folder.iterdir() if file.suffix in _PICKLED)
    found = (
        f"only {', '.join(pickled)}, and pickled weights can run code: convert them"
        if pickled
        else "no weights"
    )
    msg = f"model {folder} has no *.safetensors file: {found}"
    raise TrainError(msg)


def _check_config(model: str, config: PreTrainedConfig) -> None:
    if config.model_type != "qwen3":
        msg = f"model {model} is a {config.model_type}: only dense Qwen3 models read this mixture's tokens"
        raise TrainError(msg)
    if config.vocab_size < VOCABULARY:
        msg = (
            f"model {model} has {config.vocab_size} token embeddings, fewer than Qwen3's {VOCABULARY} tokens"
        )
        raise TrainError(msg)


def add_adapter(model: Qwen3ForCausalLM, plan: TrainPlan, *, name: str) -> PeftModel:
    """Return `model` with a fresh LoRA adapter, the same for the same seed.

    Raises:
        TrainError: when the model has no layer of the names in `plan.targets`.
    """
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=plan.rank,
        lora_alpha=plan.alpha,
        lora_dropout=plan.dropout,
        target_modules=plan.targets if isinstance(plan.targets, str) else list(plan.targets),
    )
    try:
        with torch.random.fork_rng():
            torch.manual_seed(plan.seed)
            tuned = get_peft_model(model, config)
    except ValueError as error:
        msg = f"model {name}: no adapter can be added: {error}"
        raise TrainError(msg) from error
    assert isinstance(tuned, PeftModel)
    tuned.peft_config["default"].base_model_name_or_path = name
    return tuned


def save_adapter(model: PeftModel, folder: Path) -> None:
    """Write adapter_model.safetensors and adapter_config.json, the same bytes for the same adapter."""
    model.save_pretrained(str(folder), safe_serialization=True, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)  # peft's card is a form that nobody filled in
    path = folder / "adapter_config.json"
    config = json.loads(path.read_bytes())
    if isinstance(config["target_modules"], list):
        config["target_modules"].sort()  # a set until here, in the order of PYTHONHASHSEED
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def head_weight(model: Learner) -> Tensor:
    """Return the (V, H) weight of the language model head."""
    weight: Tensor = base_model(model).lm_head.weight
    return weight


def base_model(model: Learner) -> Qwen3ForCausalLM:
    """Return the model itself, without the adapter's wrapping."""
    base = model.get_base_model() if isinstance(model, PeftModel) else model
    assert isinstance(base, Qwen3ForCausalLM)
    return base


def describe(model: Learner, *, name: str) -> ModelFacts:
    """Return what the manifest says of the model: never the path of a local one."""
    config = base_model(model).config
    passing = {"_name_or_path", "architectures", "transformers_version", "dtype", "torch_dtype", "use_cache"}
    shape = {key: value for key, value in config.to_dict().items() if key not in passing}
    weight = head_weight(model)
    return ModelFacts(
        name=Path(name).name if Path(name).is_dir() else name,
        revision=getattr(config, "_commit_hash", None),
        config_sha256=sha256(json.dumps(shape, sort_keys=True, default=str).encode()).hexdigest(),
        device=weight.device.type,
        dtype=str(weight.dtype).removeprefix("torch."),
        trainable_parameters=sum(p.numel() for p in model.parameters() if p.requires_grad),
    )
