"""The model that learns: made ready by a plan, looked into, saved, and loaded again as it was trained."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from torch import Tensor, nn
from transformers import Qwen3Config, Qwen3ForCausalLM
from transformers.utils import logging

from thinkmix.schemas.errors import TrainError
from thinkmix.schemas.training import TrainPlan
from thinkmix.train.model.adapters import add_adapter, set_values
from thinkmix.train.model.attention import set_attention
from thinkmix.train.model.compatible import check_plan, linear_shapes
from thinkmix.train.model.inits import Calibration, begin
from thinkmix.train.model.loading import config_digest, load_config, load_model, stored_files
from thinkmix.train.model.names import TINY_RANDOM, public_name
from thinkmix.train.model.neftune import add_noise
from thinkmix.train.model.quantise import quantisation, settle
from thinkmix.train.model.saving import save_adapter, save_model
from thinkmix.train.output.result import ModelFacts

Learner = PeftModel | Qwen3ForCausalLM
"""What is trained: an adapter beside a frozen model, or a model that learns in some or all of its weights."""


def check(model: str, plan: TrainPlan, *, adapter: Path | None = None) -> Qwen3Config:
    """Return the model's config if the plan goes with it; no weight is read.

    Args:
        model: `tiny-random`, a local folder, or a hub id of a dense Qwen3.
        plan: how to train.
        adapter: what the run goes on from, if from an adapter: its rank was chosen by another plan.

    Raises:
        TrainError: when it does not, or there is no such model.
    """
    config = load_config(model)
    check_plan(plan, config, name=model, fresh=adapter is None)
    return config


def prepare(
    model: str, plan: TrainPlan, *, calibration: Calibration = (), adapter: Path | None = None
) -> Learner:
    """Return the model on this machine's device, in the plan's form, with the weights that are to learn.

    Args:
        model: `tiny-random`, a local folder, or a hub id of a dense Qwen3.
        plan: how to train.
        calibration: token ids of some rows of the mixture, from which eva and corda begin.
        adapter: folder of the adapter to go on from, which the plan fits; unset begins a fresh one.

    Raises:
        TrainError: when the plan does not go with the model, which its config tells, or it cannot be loaded.
    """
    config = check(model, plan, adapter=adapter)
    if plan.init in ("eva", "corda") and not calibration:
        msg = f"init {plan.init} begins from rows of the mixture, and none were given"
        raise TrainError(msg)
    base = _in_form(model, plan, config)
    if adapter:
        tuned = add_adapter(base, plan, name=model)
        set_values(tuned, adapter)
        learner: Learner = tuned
    elif plan.has_adapter:
        learner = _with_adapter(base, plan, name=model, calibration=calibration)
    else:
        learner = _unfrozen(base, plan)
    return _set_up(learner, plan)


def save_weights(learner: Learner, folder: Path) -> None:
    """Write what was learnt: an adapter, or for freeze and full the whole model; safetensors only."""
    if isinstance(learner, PeftModel):
        save_adapter(learner, folder)
    else:
        save_model(learner, folder)


def _in_form(model: str, plan: TrainPlan, config: Qwen3Config) -> Qwen3ForCausalLM:
    """Return the frozen model in the plan's precision, quantised if the plan asks for it."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    name = plan.dtype if plan.dtype != "auto" else "bfloat16" if device == "cuda" else "float32"
    dtype = {"float32": torch.float32, "bfloat16": torch.bfloat16}[name]
    form = quantisation(plan, linear_shapes(config), dtype=dtype)
    loaded = load_model(model, dtype=dtype, quantisation=form, device=device)
    settle(loaded)
    set_attention(loaded, plan.attention)
    return loaded


def _with_adapter(
    base: Qwen3ForCausalLM, plan: TrainPlan, *, name: str, calibration: Calibration
) -> PeftModel:
    tuned = add_adapter(base, plan, name=name)
    if plan.init == "loftq":
        with stored_files(name, revision=getattr(base.config, "_commit_hash", None)) as stored:
            begin(tuned, plan, stored=stored, calibration=calibration)
    else:
        begin(tuned, plan, stored={}, calibration=calibration)
    return tuned


def _unfrozen(base: Qwen3ForCausalLM, plan: TrainPlan) -> Qwen3ForCausalLM:
    """Let every weight learn, or those of the last layers and of the norm after them."""
    learning: list[nn.Module] = [base]
    if plan.method == "freeze":
        learning = [*base.model.layers[-plan.train_layers :], base.model.norm]
    for module in learning:
        module.requires_grad_(True)
    return base


def _set_up(learner: Learner, plan: TrainPlan) -> Learner:
    base = base_model(learner)
    set_attention(base, plan.attention)
    if plan.neftune:
        add_noise(base, strength=plan.neftune)
    if plan.checkpointing:
        enable: Any = base.gradient_checkpointing_enable  # untyped in transformers
        enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return learner


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
    config, weight = base_model(model).config, head_weight(model)
    return ModelFacts(
        name=public_name(name),
        revision=getattr(config, "_commit_hash", None),
        config_sha256=config_digest(config),
        device=weight.device.type,
        dtype=str(weight.dtype).removeprefix("torch."),
        trainable_parameters=sum(p.numel() for p in model.parameters() if p.requires_grad),
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the advice and progress bars of the libraries beneath off the terminal; errors still raise."""
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"(transformers|peft|huggingface_hub|bitsandbytes)\.")
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
