"""An adapter that a run goes on from: ours, or one that another tool wrote by peft."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from transformers import Qwen3Config

from thinkmix.schemas.errors import TrainError
from thinkmix.schemas.training import TrainPlan
from thinkmix.train.model.adapters import ADAPTER_CONFIG, ADAPTER_WEIGHTS, WRAPPING
from thinkmix.train.model.compatible import full_names, linear_shapes
from thinkmix.train.model.loading import config_digest, load_config
from thinkmix.train.model.names import TINY_RANDOM
from thinkmix.train.output.result import MANIFEST, Stage, TrainResult
from thinkmix.train.output.trained_folder import read_trained

_DOWN, _UP, _LENGTHS = ".lora_A.weight", ".lora_B.weight", ".lora_magnitude_vector"

_BEYOND: Mapping[str, tuple[object, ...]] = {
    "bias": (None, "none"),
    "modules_to_save": (None, []),
    "rank_pattern": (None, {}),
    "alpha_pattern": (None, {}),
    "target_parameters": (None, []),
    "trainable_token_indices": (None, [], {}),
    "layer_replication": (None, []),
    "lora_bias": (None, False),
    "fan_in_fan_out": (None, False),
    "use_qalora": (None, False),
    "init_lora_weights": (None, True, False, "gaussian", "eva", "orthogonal"),
}
"""Settings of peft, and the values with which an adapter is pairs of one rank beside unchanged weights."""


@dataclass(frozen=True)
class EarlierAdapter:
    """What an adapter's folder says of it; the weights themselves are read when there is a model."""

    folder: Path
    settings: Mapping[str, Any]
    """adapter_config.json."""
    shapes: Mapping[str, tuple[int, ...]]
    """Of each stored tensor."""
    sha256: str
    """Of its weights' file."""
    result: TrainResult | None
    """Manifest of the run that wrote it; None if another tool did."""

    @property
    def layers(self) -> set[str]:
        """Return the full names of the layers that it changes."""
        return {name.removeprefix(WRAPPING).removesuffix(_DOWN) for name in self.shapes if _DOWN in name}

    def lineage(self) -> tuple[Stage, ...]:
        """Return the adapters that a run which goes on from this one comes from, the first one first."""
        if self.result is None:
            return (Stage(adapter_sha256=self.sha256),)
        told = self.result
        stage = Stage(
            adapter_sha256=self.sha256,
            mixture=told.mixture,
            mixture_digest=told.mixture_digest,
            steps=told.kept_step,
        )
        return (*told.lineage, stage)


def read_adapter(folder: Path) -> EarlierAdapter:
    """Return what an adapter's folder says; one of ours is compared with its manifest first.

    Raises:
        TrainError: if there is no adapter, it is damaged, or it is not pairs of one rank beside the
            unchanged linear layers of a model.
    """
    if not (folder / ADAPTER_CONFIG).is_file():
        why = f"it has no {ADAPTER_CONFIG}" if folder.is_dir() else "there is no such folder"
        msg = f"{folder} holds no adapter: {why}"
        raise TrainError(msg)
    result = read_trained(folder) if (folder / MANIFEST).is_file() else None
    weights = folder / ADAPTER_WEIGHTS
    if not weights.is_file() and any(folder.glob("adapter_model.bin")):
        msg = f"{folder} has pickled weights, which can run code: save them as {ADAPTER_WEIGHTS}"
        raise TrainError(msg)
    try:
        settings = json.loads((folder / ADAPTER_CONFIG).read_bytes())
        with weights.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        with safe_open(str(weights), framework="pt") as stored:
            shapes = {name: tuple(stored.get_slice(name).get_shape()) for name in stored.keys()}  # noqa: SIM118
    except (OSError, ValueError, SafetensorError) as error:
        msg = f"the adapter in {folder} cannot be read: {str(error).splitlines()[0]}"
        raise TrainError(msg) from error
    if not isinstance(settings, dict):
        msg = f"{folder / ADAPTER_CONFIG} holds no object of settings"
        raise TrainError(msg)
    for why in _beyond(settings, shapes):
        msg = f"the adapter in {folder} cannot be trained further here: {why}"
        raise TrainError(f"{msg}; merge it with the tool that made it, and train on the model")
    return EarlierAdapter(folder, settings, shapes, digest, result)


def base_of(earlier: EarlierAdapter, stated: str | None) -> str:
    """Return the model that an adapter is for: what is stated, or what the adapter names.

    Raises:
        TrainError: if neither names one.
    """
    named = stated or earlier.settings.get("base_model_name_or_path")
    if not named and earlier.result and earlier.result.model.name == TINY_RANDOM:
        named = TINY_RANDOM
    if not named:
        known = f" (a folder called {earlier.result.model.name})" if earlier.result else ""
        msg = f"the adapter in {earlier.folder} does not say where its base lies{known}: name it with --model"
        raise TrainError(msg)
    return str(named)


def continued_plan(earlier: EarlierAdapter, plan: TrainPlan, *, base: str) -> TrainPlan:
    """Return the plan with what the adapter settles: its rank, alpha, layers and form, and its run's method.

    Raises:
        TrainError: if the base is another model than the adapter's, or the plan states something else.
    """
    config = load_config(base)
    _check_base(earlier, config, base=base)
    settled = _settled(earlier, config, plan)
    stated = plan.model_dump(exclude_unset=True)
    for name, value in settled.items():
        if name in stated and not _same(name, stated[name], value, config):
            flag = f"--{name.replace('_', '-')}"
            msg = f"{name} is {_show(stated[name])}, and the adapter in {earlier.folder} has {_show(value)}"
            raise TrainError(f"{msg}: leave {flag} out, it stays as it was")
    if not plan.has_adapter:
        msg = f"method {plan.method} trains no adapter, and {earlier.folder} is one: use lora or qlora4"
        raise TrainError(msg)
    try:
        return TrainPlan.model_validate({**_method(earlier, stated), **stated, **settled})
    except ValidationError as error:
        msg = f"the adapter in {earlier.folder} cannot be trained further here: {error.errors()[0]['msg']}"
        raise TrainError(msg) from error


def _beyond(settings: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> Iterator[str]:
    """Yield why an adapter is more than pairs of one rank beside a model's unchanged linear layers."""
    if settings.get("peft_type") != "LORA":
        yield f"its peft_type is {settings.get('peft_type')}, and only LORA is trained"
    for name, fine in _BEYOND.items():
        if settings.get(name) not in fine:
            yield f"its {name} is {settings[name]}"
    rank, alpha = settings.get("r"), settings.get("lora_alpha")
    if not isinstance(rank, int) or not isinstance(alpha, int | float):
        yield "it states no r and lora_alpha"
        return
    for name, shape in sorted(shapes.items()):
        if not name.startswith(WRAPPING) or not name.endswith((_DOWN, _UP, _LENGTHS)):
            yield f"it holds {name}, not a LoRA of a linear layer"
        elif rank != {_DOWN: shape[0], _UP: shape[-1]}.get(name[-len(_DOWN) :], rank):
            yield f"its r is {rank}, and {name} has the shape {' x '.join(map(str, shape))}"
    if not shapes:
        yield "it holds no weights"


def _check_base(earlier: EarlierAdapter, config: Qwen3Config, *, base: str) -> None:
    """Refuse a base that the adapter was not trained on, as far as its run or its shapes tell."""
    told, revision = earlier.result, getattr(config, "_commit_hash", None)
    if told and (found := config_digest(config)) != (wanted := told.model.config_sha256):
        msg = f"the adapter in {earlier.folder} was trained on {told.model.name} (config {wanted[:12]})"
        raise TrainError(f"{msg}, not on {base} (config {found[:12]}): name that model with --model")
    if told and told.model.revision and revision and told.model.revision != revision:
        msg = f"the adapter in {earlier.folder} was trained on commit {told.model.revision[:12]} of {base}"
        raise TrainError(f"{msg}, and this is {revision[:12]}: name a folder that holds the former, --model")
    shapes = linear_shapes(config)
    for name in sorted(earlier.layers):
        stem = f"{WRAPPING}{name}"
        pair = (earlier.shapes.get(f"{stem}{_UP}", (0,))[0], earlier.shapes[f"{stem}{_DOWN}"][-1])
        if shapes.get(name) != pair:
            has = " x ".join(map(str, shapes[name])) if name in shapes else "no such linear layer"
            msg = f"the adapter in {earlier.folder} changes {name} ({pair[0]} x {pair[1]})"
            raise TrainError(f"{msg}, and {base} has {has}: name the model that it was trained on, --model")


def _settled(earlier: EarlierAdapter, config: Qwen3Config, plan: TrainPlan) -> dict[str, Any]:
    """Return the fields of a plan whose values an adapter has."""
    stated, layers = earlier.settings, earlier.layers
    targets: Any = stated.get("target_modules")
    shapes = linear_shapes(config)
    if layers == set(shapes):
        targets = "all-linear"
    elif not isinstance(targets, list) or set(full_names(targets, shapes)) != layers:
        targets = sorted(layers)
    alpha, rslora = _strength(earlier)
    settled = {
        "rank": stated["r"],
        "alpha": alpha,
        "targets": targets if isinstance(targets, str) else tuple(sorted(targets)),
        "rslora": rslora,
        "dora": bool(stated.get("use_dora")),
        "init": "random",
    }
    told = earlier.result
    if told and told.plan.init == "loftq":  # it makes up for these 4 bit weights, and fits no others
        settled |= {name: getattr(told.plan, name) for name in ("init", *_FORM)}
    return settled


def _strength(earlier: EarlierAdapter) -> tuple[int, bool]:
    """Return alpha and rslora of the plan that scales as the adapter does; ours is saved without rslora.

    Raises:
        TrainError: if no whole alpha gives its scaling.
    """
    rank, alpha = earlier.settings["r"], earlier.settings["lora_alpha"]
    told, rslora = earlier.result, bool(earlier.settings.get("use_rslora"))
    if told and told.plan.rslora and told.plan.rank == rank:
        return told.plan.alpha, True
    if not float(alpha).is_integer():
        msg = f"the adapter in {earlier.folder} cannot be trained further here: its lora_alpha is {alpha:g}"
        raise TrainError(f"{msg}, and a plan's is a whole number: merge it, and train on the model")
    return int(alpha), rslora


_FORM = ("method", "quant", "double_quant", "keep_16bit")
"""Fields of a plan that say in which form the base's weights are."""


def _method(earlier: EarlierAdapter, stated: Mapping[str, Any]) -> dict[str, Any]:
    """Return the form of the base in which the earlier run trained, unless the plan states a method."""
    if earlier.result is None or "method" in stated:
        return {}
    return {name: getattr(earlier.result.plan, name) for name in _FORM}


def _same(name: str, stated: Any, has: Any, config: Qwen3Config) -> bool:  # noqa: ANN401 - a field's value
    if name != "targets" or stated == has:
        return bool(stated == has)
    shapes = linear_shapes(config)
    whole = [set(shapes) if part == "all-linear" else set(full_names(part, shapes)) for part in (stated, has)]
    return whole[0] == whole[1]


def _show(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
