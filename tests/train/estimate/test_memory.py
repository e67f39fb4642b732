"""The planned memory holds against what was measured elsewhere, and against what the libraries hold."""

from dataclasses import replace
from pathlib import Path

import pytest

from thinkmix.schemas.training import TrainPlan
from thinkmix.train.estimate.folklore import SHAPES, STATED, cells, ours
from thinkmix.train.estimate.memory import CONTEXT, Load, estimate, learning_weights, load_of
from thinkmix.train.estimate.shapes import QWEN3, read_shape

LENGTHS = (256, 512, 1024, 2048, 4096, 8192)

FIRST_QWEN = {  # hidden, layers, heads, intermediate (both halves), vocabulary
    "1.8B": (2048, 24, 16, 11_008, 151_936),
    "7B": (4096, 32, 32, 22_016, 151_936),
    "14B": (5120, 40, 40, 27_392, 152_064),
    "72B": (8192, 80, 64, 49_152, 152_064),
}

MEASURED = {  # GB on one A100 80GB: "Profiling of Memory and Speed" in the README of github.com/QwenLM/Qwen
    ("1.8B", "lora"): (6.7, 7.4, 8.4, 11.0, 16.2, 21.8),
    ("1.8B", "qlora4"): (5.8, 6.0, 6.6, 7.8, 10.2, 15.8),
    ("7B", "lora"): (20.1, 20.4, 21.5, 23.8, 29.7, 36.6),
    ("7B", "qlora4"): (11.5, 11.5, 12.3, 13.9, 16.9, 23.5),
    ("14B", "lora"): (34.6, 35.1, 35.3, 37.4, 42.5, 55.2),
    ("14B", "qlora4"): (18.7, 18.4, 18.9, 19.9, 23.0, 27.9),
    ("72B", "qlora4"): (61.4, 61.4, 62.9, 64.1, 68.0, 75.6),
}

DEEPSPEED_BUCKETS = 2 * 200_000_000 * 2
"""finetune/ds_config_zero2.json: `reduce_bucket_size` 2e8 numbers of 2 bytes, twice for `overlap_comm`."""


def first_qwen(size):
    hidden, layers, heads, intermediate, vocabulary = FIRST_QWEN[size]
    config = {
        "model_type": "qwen",
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "kv_channels": 128,
        "intermediate_size": intermediate,
        "vocab_size": vocabulary,
    }
    return read_shape(config, name=size)


def as_they_ran(size, method, tokens):
    """Return the bytes planned for the published scripts: rank 64, dropout, checkpointing, all logits.

    LoRA ran in bfloat16 with autocast, so its softmax was float32. Q-LoRA ran in float16 under DeepSpeed
    ZeRO-2: softmax in float16, adapters twice (float16 and a float32 master, whose gradient is held, too:
    4 bytes a weight more than ours), and two buckets.
    """
    quantised = method == "qlora4"
    load = Load(
        method,
        tokens=tokens,
        longest=tokens,
        rank=64,
        dropout=True,
        checkpointing=True,
        logits="full",
        loss_bytes=2 if quantised else 4,
    )
    shape = first_qwen(size)
    deepspeed = 4 * learning_weights(shape, load) + DEEPSPEED_BUCKETS
    return estimate(shape, load).total + (deepspeed if quantised else 0)


def test_qwens_measurements_are_met_without_a_fitted_constant():
    """42 points from 1.8B to 72B and from 256 to 8,192 tokens: 8.1 % mean absolute error, 18.6 % at worst."""
    errors = [
        as_they_ran(size, method, tokens) / (measured * 1e9) - 1
        for (size, method), row in MEASURED.items()
        for tokens, measured in zip(LENGTHS, row, strict=True)
    ]
    assert len(errors) == 42
    assert 100 * sum(map(abs, errors)) / len(errors) == pytest.approx(8.1, abs=0.1)
    assert 100 * min(errors) == pytest.approx(-18.5, abs=0.1)
    assert 100 * max(errors) == pytest.approx(0.9, abs=0.1)


def test_the_total_is_what_is_held_and_the_greatest_moment():
    """No part counts twice, and a moment that is not the peak does not count."""
    found = estimate(QWEN3["Qwen3-8B"], Load("qlora4", tokens=4096, longest=4096, checkpointing=True))
    held = found.weights + found.adapter + found.gradients + found.optimiser + CONTEXT
    assert found.peak == "backward"
    assert found.total == held + found.activations + found.layer + found.dequantised


@pytest.mark.parametrize(
    ("settings", "bits"),
    [
        ({"method": "lora"}, 16),
        ({"method": "qlora8"}, 8.009),
        ({"method": "qlora4", "double_quant": False}, 4.5),
        ({"method": "qlora4"}, 4.125),
    ],
)
def test_quantising_shrinks_linear_layers_alone(settings, bits):
    """Embedding, head and norms of an 8B stay in 16 bit: 2.5 GB."""
    shape = QWEN3["Qwen3-8B"]
    linear = sum(layer.weights for number in range(shape.layers) for layer in shape.linears(number))
    rest = 2 * (shape.parameters - linear)
    weights = estimate(shape, Load(tokens=1, longest=1, **settings)).weights
    assert rest == pytest.approx(2.49e9, rel=0.001)
    assert 8 * (weights - rest) / linear == pytest.approx(bits, rel=0.001)


def test_experts_are_not_quantised():
    """Bitsandbytes leaves fused experts alone: 30B-A3B shrinks by what its attention weighs, a fiftieth."""
    shape = QWEN3["Qwen3-30B-A3B"]
    whole, small = (
        estimate(shape, Load(method, tokens=1, longest=1)).weights for method in ("lora", "qlora4")
    )
    attention = sum(layer.weights for number in range(shape.layers) for layer in shape.linears(number))
    assert whole - small == pytest.approx(attention * (16 - 4.125) / 8, rel=0.001)
    assert small / whole > 0.97


def test_layers_kept_in_16_bit_are_named_by_their_last_part():
    """As in the plan: one projection of every layer, or one layer's."""
    shape = QWEN3["Qwen3-8B"]
    load = Load("qlora8", tokens=1, longest=1)
    plain = estimate(shape, load).weights
    one = estimate(shape, replace(load, keep_16bit=("layers.3.mlp.down_proj",))).weights
    each = estimate(shape, replace(load, keep_16bit=("down_proj",))).weights
    weights = 4096 * 12_288
    assert one - plain == weights - 4 * 4096
    assert each - plain == 36 * (one - plain)


@pytest.mark.parametrize(
    ("settings", "learning", "gradients", "moments"),
    [
        ({"method": "lora"}, 43_646_976, 4, 8),
        ({"method": "lora", "rank": 32}, 87_293_952, 4, 8),
        ({"method": "qlora4", "optimiser": "adamw8bit"}, 43_646_976, 4, 2 + 8 / 256),
        ({"method": "freeze", "train_layers": 2}, 2 * 192_946_432 + 4096, 2, 4),
        ({"method": "full"}, 8_190_735_360, 2, 4),
        ({"method": "full", "element": 4}, 8_190_735_360, 4, 8),
        ({"method": "full", "optimiser": "adamw8bit"}, 8_190_735_360, 2, 2 + 8 / 256),
        ({"method": "full", "optimiser": "sgd"}, 8_190_735_360, 2, 0),
    ],
)
def test_what_learns_has_gradients_and_moments(settings, learning, gradients, moments):
    """Adapters in float32; whole layers in the model's precision; 8 bit moments with a scale for 256."""
    shape, load = QWEN3["Qwen3-8B"], Load(tokens=1, longest=1, **settings)
    found = estimate(shape, load)
    assert learning_weights(shape, load) == learning
    assert found.gradients == gradients * learning
    assert found.optimiser == round(moments * learning)
    assert found.adapter == (4 * learning if load.has_adapter else 0)


def test_checkpointing_keeps_one_state_a_layer():
    """16,384 tokens on an 8B without it keep 175 GB, with it 5 GB and one layer at a time."""
    load = Load("lora", tokens=16_384, longest=16_384)
    without = estimate(QWEN3["Qwen3-8B"], load)
    found = estimate(QWEN3["Qwen3-8B"], replace(load, checkpointing=True))
    assert found.activations == 16_384 * (36 * 2 * 4096 + 6 * 4096 + 4 * 128)
    assert without.activations > 30 * found.activations
    assert found.layer > without.layer


def test_logits_decide_long_rows_only_where_all_are_held():
    """A tile costs the same however long the row is; all of 16,384 tokens cost 12 bytes each, 30 GB."""
    shape = QWEN3["Qwen3-8B"]
    load = Load("lora", tokens=16_384, longest=16_384, checkpointing=True)
    tiled, full = estimate(shape, load), estimate(shape, replace(load, logits="full"))
    assert full.logits == 12 * 151_936 * 16_384
    assert tiled.logits < 0.5e9
    assert full.total - tiled.total > 20e9


def test_held_attention_scores_grow_with_the_square_of_a_row():
    """Eager attention on 16,384 tokens keeps 32 heads x 16,384 scores of 6 bytes for each token."""
    shape = QWEN3["Qwen3-8B"]
    plan = TrainPlan(attention="eager")
    eager = estimate(shape, load_of(plan, tokens=16_384, longest=16_384)).activations
    fused = estimate(shape, load_of(TrainPlan(), tokens=16_384, longest=16_384)).activations
    assert eager - fused == pytest.approx(36 * 16_384 * 32 * 16_384 * 6, rel=0.01)


def test_a_plan_says_all_that_its_memory_depends_on():
    """Each setting reaches the estimate, and `auto` is bfloat16, as on a GPU."""
    plan = TrainPlan(
        method="qlora4",
        rank=8,
        targets=("q_proj",),
        dora=True,
        dropout=0.1,
        double_quant=False,
        keep_16bit=("o_proj",),
        optimiser="adamw8bit",
        checkpointing=True,
    )
    assert load_of(plan, tokens=2048, longest=1024) == Load(
        "qlora4",
        tokens=2048,
        longest=1024,
        rank=8,
        targets=("q_proj",),
        dora=True,
        dropout=True,
        double_quant=False,
        keep_16bit=("o_proj",),
        optimiser="adamw8bit",
        checkpointing=True,
    )
    assert load_of(TrainPlan(method="freeze", train_layers=3), tokens=1, longest=1).train_layers == 3
    assert load_of(TrainPlan(dtype="float32"), tokens=1, longest=1).element == 4


def test_the_circulating_table_is_marked_where_it_is_impossible():
    """A cell that is below its weights alone has a note, and so have those that the text contradicts."""
    found = {(cell.size, cell.method): cell for cell in cells()}
    assert len(found) == 4 * len(STATED)
    below = [key for key, cell in found.items() if float(cell.stated.split("-")[0]) * 1e9 < cell.ours.weights]
    assert below == [("30B", "lora"), ("70B", "lora")]
    assert all(found[key].note for key in below)
    assert {key for key, cell in found.items() if cell.note == "a"} == {("70B", "lora"), ("70B", "qlora8")}
    lora, int8 = found["70B", "lora"].ours, found["70B", "qlora8"].ours
    assert (lora.weights / 1e9, int8.weights / 1e9) == (
        pytest.approx(138, abs=0.5),
        pytest.approx(69.5, abs=0.5),
    )
    assert found["70B", "qlora4"].ours.weights > 36e9
    assert found["30B", "qlora4"].ours.total > 0.9 * 24e9


def test_the_documented_tables_are_those_that_are_computed():
    """Each row of docs/memory.md: the circulating figures beside ours, and Qwen3 at both lengths."""
    text = (Path(__file__).parents[3] / "docs/memory.md").read_text(encoding="utf-8")
    for size in STATED:
        row = [cell for cell in cells() if cell.size == size]
        figures = (f"{_stated(cell)} | {cell.ours.total / 1e9:.1f}" for cell in row)
        assert f"| {size} | {' | '.join(figures)} |\n" in text
    for name, shape in QWEN3.items():
        pairs = (
            " / ".join(f"{ours(shape, method, tokens=tokens).total / 1e9:.1f}" for tokens in (1024, 16_384))
            for method in ("lora", "qlora8", "qlora4", "freeze", "full")
        )
        assert f"| {name} | {' | '.join(pairs)} |\n" in text


def _stated(cell):
    return f"**{cell.stated}** ({cell.note})" if cell.note else cell.stated


def test_notes_on_the_table_hold():
    """(f): what length and logits do to Qwen3-8B. (g): its INT4 is above the 6 GB of the 7B row."""
    shape = QWEN3["Qwen3-8B"]
    short, long = (ours(shape, "lora", tokens=tokens).total for tokens in (1024, 16_384))
    load = Load("lora", tokens=16_384, longest=16_384, checkpointing=True, logits="full")
    assert (long - short) / 1e9 == pytest.approx(10.5, abs=0.5)
    held = replace(load, tokens=1024, longest=1024)
    assert (estimate(shape, load).total - estimate(shape, held).total) / 1e9 == pytest.approx(33, abs=0.5)
    assert ours(shape, "qlora4").total > 8e9
    assert SHAPES["110B"].parameters == pytest.approx(111.2e9, rel=0.001)
