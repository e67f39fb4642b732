"""A plan that a model cannot follow is refused in one sentence, by its config, before any weight is read."""

import pytest

pytest.importorskip("torch", reason="needs thinkmix[train]")
transformers = pytest.importorskip("transformers", reason="needs thinkmix[train]")

from thinkmix.schemas.errors import TrainError  # noqa: E402
from thinkmix.schemas.training import TrainPlan  # noqa: E402
from thinkmix.train.model.compatible import check_model, check_plan, full_names, linear_shapes  # noqa: E402
from thinkmix.train.model.loading import load_config  # noqa: E402

TINY = load_config("tiny-random")


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        ({"rank": 33}, r"rank 33 is more than \S+k_proj has \(32 x 64\): lower it to 32"),
        ({"rank": 65, "targets": ("up_proj",)}, r"rank 65 is more than \S+up_proj has \(128 x 64\)"),
        ({"method": "freeze", "train_layers": 3}, "train_layers is 3, and it has 2 layers"),
        (
            {"targets": ("q_proj", "query")},
            r"targets names query, and it has no such linear layer \(down_proj, ",
        ),
        ({"targets": ("lm_head",)}, "targets names lm_head, and the loss reads the head without an adapter"),
        ({"targets": ("embed_tokens",)}, "targets names embed_tokens, and it has no such linear layer"),
        ({"targets": ("layers.2.mlp.up_proj",)}, "targets names layers.2.mlp.up_proj"),
        (
            {"method": "qlora4", "keep_16bit": ("gate",)},
            "keep_16bit names gate, and it has no such linear layer",
        ),
        (
            {
                "method": "qlora8",
                "keep_16bit": ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
            },
            "keep_16bit names every linear layer, so nothing would be quantised: use lora",
        ),
    ],
)
def test_what_does_not_fit_is_refused(plan, sentence):
    """The sentence says what was asked and what the model has."""
    with pytest.raises(TrainError, match=f"^model tiny: {sentence}"):
        check_plan(TrainPlan(**plan), TINY, name="tiny")


@pytest.mark.parametrize(
    "plan",
    [
        {"rank": 32},
        {"rank": 64, "targets": ("up_proj", "layers.1.mlp.down_proj")},
        {"method": "freeze", "train_layers": 2},
        {"method": "full", "rank": 1000},
        {"method": "qlora4", "keep_16bit": ("down_proj",)},
    ],
)
def test_what_fits_to_the_last_is_taken(plan):
    """The limits themselves are possible, and a setting that the method does not use hinders nothing."""
    check_plan(TrainPlan(**plan), TINY, name="tiny")


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (transformers.Qwen3MoeConfig(), "is a mixture of experts, whose experts neither adapters nor"),
        (transformers.LlamaConfig(), "is a llama: only dense Qwen3 models read"),
        (transformers.Qwen3Config(vocab_size=1000), "has 1000 token embeddings, fewer than Qwen3's 151669"),
        (
            transformers.Qwen3Config(quantization_config={"quant_method": "gptq", "bits": 4}),
            r"is stored quantised \(gptq\): name the 16 bit model that it was made from",
        ),
    ],
)
def test_models_that_cannot_be_trained_are_refused(config, sentence):
    """Whatever the plan."""
    with pytest.raises(TrainError, match=f"^model theirs {sentence}"):
        check_model(config, name="theirs")


def test_shapes_are_known_without_a_weight():
    """Every linear layer of Qwen3-32B but its head, in no memory to speak of."""
    config = transformers.Qwen3Config(
        hidden_size=5120,
        intermediate_size=25600,
        num_hidden_layers=64,
        num_attention_heads=64,
        num_key_value_heads=8,
        head_dim=128,
    )
    shapes = linear_shapes(config)
    assert len(shapes) == 64 * 7
    assert shapes["model.layers.63.mlp.gate_proj"] == (25600, 5120)
    assert shapes["model.layers.0.self_attn.o_proj"] == (5120, 8192)


def test_layers_are_named_whole_or_by_their_last_parts():
    """A part is a whole word: layer 1 is not layer 11."""
    shapes = dict.fromkeys(
        ["model.layers.1.mlp.up_proj", "model.layers.11.mlp.up_proj", "a.fast_up_proj"], (1, 1)
    )
    assert full_names(["up_proj"], shapes) == ["model.layers.1.mlp.up_proj", "model.layers.11.mlp.up_proj"]
    assert full_names(["1.mlp.up_proj"], shapes) == ["model.layers.1.mlp.up_proj"]
    assert full_names(["model.layers.11.mlp.up_proj"], shapes) == ["model.layers.11.mlp.up_proj"]
