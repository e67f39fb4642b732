"""Presets are plans that their models can follow, and grow more careful with the model's size."""

import pytest

from thinkmix.schemas.training import TrainPlan
from thinkmix.train.estimate.presets import LAYERS, preset

METHODS = ("lora", "qlora4", "qlora8", "freeze", "full")
NONE = {("14B", "full"), ("32B", "full")}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", LAYERS)
def test_every_preset_is_a_plan(size, method):
    """It names only fields of the plan, none of them twice the default's job, and the plan takes it."""
    settings = preset(size, method)
    assert (settings is None) == ((size, method) in NONE)
    if settings is not None:
        plan = TrainPlan(method=method, **settings)
        assert plan.learning_rate == settings["learning_rate"]
        assert "method" not in settings
        assert not {"epochs", "max_steps", "seed"} & set(settings)  # those are the user's to say


def test_larger_models_never_learn_faster():
    """For each method the rate falls or stays as models grow, and full stays far below adapters."""
    for method in METHODS:
        rates = [settings["learning_rate"] for size in LAYERS if (settings := preset(size, method))]
        assert rates == sorted(rates, reverse=True)
    for size in ("0.6B", "8B"):
        assert preset(size, "full")["learning_rate"] <= preset(size, "lora")["learning_rate"] / 10


def test_moments_in_eight_bit_go_with_weights_in_float32():
    """They are not compensated for rounding, so weights in bfloat16 would stand still."""
    for size in LAYERS:
        settings = preset(size, "full") or {}
        assert (settings.get("optimiser") == "adamw8bit") == (settings.get("dtype") == "float32")


def test_unknown_sizes_have_none():
    """A size is one of the dense Qwen3 models."""
    assert preset("7B", "lora") is None
