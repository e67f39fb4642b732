"""A config tells how many weights a model has, and what cannot be planned with is refused."""

import pytest

from thinkmix.schemas.errors import TrainError
from thinkmix.train.estimate.shapes import QWEN3, find_shape, read_shape

DENSE = {
    "model_type": "qwen3",
    "hidden_size": 1024,
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "intermediate_size": 3072,
    "vocab_size": 151_936,
    "tie_word_embeddings": True,
}
EXPERTS = {
    "model_type": "qwen3_moe",
    "num_experts": 128,
    "num_experts_per_tok": 8,
    "moe_intermediate_size": 768,
}


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("Qwen3-0.6B", 596_049_920),
        ("Qwen3-1.7B", 1_720_574_976),
        ("Qwen3-4B", 4_022_468_096),
        ("Qwen3-8B", 8_190_735_360),
        ("Qwen3-14B", 14_768_307_200),
        ("Qwen3-32B", 32_762_123_264),
        ("Qwen3-30B-A3B", 30_532_122_624),
        ("Qwen3-235B-A22B", 235_093_634_560),
    ],
)
def test_published_models_have_their_published_number_of_weights(name, weights):
    """The number is that of the safetensors at the hub; a tied head counts once."""
    assert QWEN3[name].parameters == weights


def test_a_model_of_experts_uses_some_of_its_weights():
    """A3B and A22B mean what a token passes through."""
    assert QWEN3["Qwen3-30B-A3B"].active_parameters == 3_353_032_704
    assert QWEN3["Qwen3-235B-A22B"].active_parameters == pytest.approx(22.2e9, rel=0.005)
    assert QWEN3["Qwen3-8B"].active_parameters == QWEN3["Qwen3-8B"].parameters


@pytest.mark.parametrize(
    ("config", "weights"),
    [
        (DENSE, 596_049_920),
        ({**DENSE, **EXPERTS, "hidden_size": 2048, "num_hidden_layers": 48, "num_attention_heads": 32,
          "num_key_value_heads": 4, "tie_word_embeddings": False}, 30_532_122_624),
        ({"model_type": "qwen2", "hidden_size": 3584, "num_hidden_layers": 28, "num_attention_heads": 28,
          "num_key_value_heads": 4, "intermediate_size": 18_944, "vocab_size": 152_064,
          "tie_word_embeddings": False}, 7_615_616_512),
        ({"model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
          "intermediate_size": 11_008, "vocab_size": 32_000}, 6_738_415_616),
        ({"model_type": "qwen", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
          "kv_channels": 128, "intermediate_size": 22_016, "vocab_size": 151_936}, 7_721_324_544),
    ],
    ids=["Qwen3-0.6B", "Qwen3-30B-A3B", "Qwen2.5-7B", "LLaMA-7B", "Qwen-7B"],
)  # fmt: skip
def test_a_config_gives_the_number_of_weights(config, weights):
    """Five kinds of models, checked against the published number of each."""
    assert read_shape(config, name="model").parameters == weights


@pytest.mark.parametrize("name", ["8B", "8b", "Qwen3-8B", "Qwen/Qwen3-8B", "qwen3-8b-base", "Qwen3-8B-FP8"])
def test_a_published_model_is_found_by_size_or_name(name):
    """With or without owner, and by the names of its releases."""
    assert find_shape(name) == QWEN3["Qwen3-8B"]


def test_names_that_begin_alike_are_told_apart():
    """0.6B is not 6B, 235B-A22B not 235B, and 30B without its experts is unknown."""
    assert find_shape("Qwen3-30B-A3B-Instruct-2507") == QWEN3["Qwen3-30B-A3B"]
    assert [find_shape(name) for name in ("6B", "30B", "235B", "80B", "", "gpt2")] == [None] * 6


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"model_type": "gpt2"},
            "model m is a gpt2: its memory is known for qwen3, qwen3_moe, qwen2, qwen and llama",
        ),
        ({"hidden_size": None}, "config.json of model m: hidden_size should be a positive number, not None"),
        ({"num_hidden_layers": "28"}, "num_hidden_layers should be a positive number, not '28'"),
        ({"vocab_size": True}, "vocab_size should be a positive number, not True"),
        ({"intermediate_size": 0}, "intermediate_size should be a positive number, not 0"),
        ({**EXPERTS, "mlp_only_layers": [0]}, "model m has experts in some layers only"),
    ],
)
def test_a_config_that_cannot_be_planned_with_is_refused(changes, sentence):
    """The sentence names the model and the field."""
    with pytest.raises(TrainError) as caught:
        read_shape({**DENSE, **changes}, name="m")
    assert sentence in str(caught.value)
