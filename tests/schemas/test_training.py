"""A plan says what it means and refuses what cannot be."""

import pytest
from pydantic import ValidationError

from thinkmix.schemas.record import descriptions
from thinkmix.schemas.training import TrainPlan


def test_every_field_is_described():
    """Each setting has a sentence, which a command line can show as its help."""
    assert [name for name in TrainPlan.model_fields if not descriptions(TrainPlan).get(name)] == []


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"max_steps": 3, "epochs": 1}, "give max_steps (3) or epochs (1), not both"),
        (
            {"batch": 512, "max_tokens": 1024},
            "a row of max_tokens (1024) does not fit a batch of 512 tokens: raise batch, or lower max_tokens",
        ),
        (
            {"method": "full", "dora": True},
            "method full trains no adapter that dora could shape",
        ),
        (
            {"method": "lora", "init": "loftq"},
            "init loftq makes up for 4 bit weights, and method lora has none: use qlora4",
        ),
        (
            {"method": "qlora8", "init": "pissa"},
            "init pissa reads 16 bit weights, and method qlora8 has none: use lora",
        ),
        (
            {"keep_16bit": ("q_proj",)},
            "method lora quantises nothing, so keep_16bit has nothing to leave out",
        ),
        (
            {"protected": {"chat": 0.1}, "eval_rows": 0},
            "protected sources are judged by held-out rows, and eval_rows is 0: raise it",
        ),
        (
            {"protected": {"chat": 0.1}, "on_forgetting": "keep_best"},
            "on_forgetting keep_best chooses between measurements: set eval_every",
        ),
        (
            {"sharding": "fsdp2", "mode_prompts": 4},
            "sharding fsdp2 leaves no process with all weights to ask: unset mode_prompts",
        ),
        (
            {"sharding": "zero3", "mode_prompts": 4},
            "sharding zero3 leaves no process with all weights to ask: unset mode_prompts",
        ),
        (
            {"sharding": "zero2", "save_every": 4},
            "sharding zero2 writes no checkpoints: unset save_every, or use fsdp2",
        ),
        (
            {
                **{"sharding": "zero3", "protected": {"chat": 0.1}},
                **{"on_forgetting": "keep_best", "eval_every": 1},
            },
            "sharding zero3 writes no checkpoints to go back to: let on_forgetting be stop",
        ),
        ({"targets": ()}, "targets is empty, so nothing would be trained: name layers, or say all-linear"),
    ],
)
def test_impossible_pairs_are_refused_in_one_sentence(settings, sentence):
    """What two settings cannot both be is said with both values and the way out."""
    with pytest.raises(ValidationError) as caught:
        TrainPlan(**settings)
    assert [error["msg"] for error in caught.value.errors()] == [f"Value error, {sentence}"]


@pytest.mark.parametrize(
    "settings",
    [{"rank": 0}, {"dropout": 1.0}, {"learning_rate": 0}, {"warmup": 1.0}, {"method": "rlhf"}, {"lr": 1e-4}],
)
def test_values_out_of_bounds_are_refused(settings):
    """Every number has bounds, and a misspelt setting is not passed over."""
    with pytest.raises(ValidationError):
        TrainPlan(**settings)
