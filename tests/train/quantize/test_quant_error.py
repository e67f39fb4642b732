"""What is measured is what bitsandbytes' own layers compute, and a layer that spoils the loss is found."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs thinkmix[train]")
pytest.importorskip("transformers", reason="needs thinkmix[train]")
bnb = pytest.importorskip("bitsandbytes", reason="needs thinkmix[train]")

from torch import nn  # noqa: E402 - needs torch

from thinkmix.schemas.errors import TrainError  # noqa: E402
from thinkmix.schemas.training import TrainPlan  # noqa: E402
from thinkmix.train.data.encode import Tokens  # noqa: E402
from thinkmix.train.data.rows import index_rows, read_manifest  # noqa: E402
from thinkmix.train.model.model import quiet  # noqa: E402
from thinkmix.train.quantize.quant_error import Bench, layer_errors, load_as_it_is, measure_quant_error  # noqa: E402
from thinkmix.train.quantize.quant_formats import OUTLIER, round_inputs, round_weight, store_as  # noqa: E402
from thinkmix.train.quantize.quant_plan import QUANT_FORMATS, Rule, bits_per_weight, decide  # noqa: E402

torch.set_num_threads(1)  # the model is tiny, and threads that wait for busy cores cost more than they bring

ROWS, PROMPT, LENGTH = 8, 4, 16


@pytest.fixture(scope="module")
def written():
    """Give rows of the tiny model's own writing, so that its loss on them is low and noise can only harm."""
    with quiet(), torch.no_grad():
        model = load_as_it_is("tiny-random", TrainPlan())
        ids = torch.randint(1000, 100_000, (ROWS, PROMPT), generator=torch.Generator().manual_seed(1))
        while ids.shape[1] < LENGTH:
            ids = torch.cat([ids, model(ids).logits[:, -1:].argmax(-1)], dim=1)
    starts = np.arange(0, (ROWS + 1) * LENGTH, LENGTH)
    return Tokens(ids.flatten().numpy().astype(np.int32), starts[:-1], np.diff(starts), np.full(ROWS, PROMPT))


@pytest.fixture
def bench(written):
    """Give a fresh tiny model on the bench, with its rows in two batches."""
    with quiet():
        model = load_as_it_is("tiny-random", TrainPlan())
    batches = [np.array([7, 0, 3]), np.array([1, 2, 4, 5, 6])]
    with torch.no_grad():
        yield Bench(model, written, batches, lambda what, done, total: None)


def stored_by_bitsandbytes(layer: nn.Linear, format: str) -> nn.Module:
    """Return the quantised layer as transformers makes it, its weight quantised on this CPU."""
    if format == "int8":
        quantised = bnb.nn.Linear8bitLt(
            layer.in_features, layer.out_features, bias=False, has_fp16_weights=False, threshold=OUTLIER
        )
        quantised.weight = bnb.nn.Int8Params(layer.weight.data, requires_grad=False)
    else:
        quantised = bnb.nn.Linear4bit(layer.in_features, layer.out_features, bias=False)
        quantised.weight = bnb.nn.Params4bit(
            layer.weight.data,
            requires_grad=False,
            quant_type=format.removesuffix("_double"),
            compress_statistics=format == "nf4_double",
        )
        quantised.support_avx512bf16_for_cpu = False  # would compute in bfloat16 whatever was asked for
    return quantised.to("cpu").eval()


def quantise(bench, format):
    for name, layer in bench.layers.items():
        bench.model.set_submodule(name, stored_by_bitsandbytes(layer, format))
    assert bench.layers == {}


@pytest.mark.parametrize("format", ["nf4_double", "nf4", "fp4"])
def test_losses_are_those_of_4_bit_layers(bench, format):
    """Rounded weights in the model as it is lose, row by row, what bitsandbytes' layers lose."""
    base, got = bench.losses(), bench.losses(format)
    quantise(bench, format)
    np.testing.assert_allclose(got.sums, bench.losses().sums, rtol=1e-6)
    assert np.abs(got.sums - base.sums).min() > 1e-2


def test_losses_are_those_of_8_bit_layers_in_training(bench, monkeypatch):
    """Without the rounding of inputs, which a CPU leaves out in training, they are the same row by row."""
    got = bench.losses("int8")
    monkeypatch.setattr("thinkmix.train.quantize.quant_formats.round_inputs", lambda inputs: inputs)
    weights_only = bench.losses("int8")
    quantise(bench, "int8")
    bench.model.train()
    np.testing.assert_allclose(weights_only.sums, bench.losses().sums, rtol=1e-6)
    assert np.abs(weights_only.sums - got.sums).max() > 1e-2


@pytest.mark.parametrize("outlier", [0.0, 50.0])
def test_each_8_bit_layer_is_that_of_bitsandbytes(bench, outlier):
    """Every layer of the model, with the inputs it really has: what bitsandbytes computes of them.

    They differ by 2e-5, since bitsandbytes 0.50 writes 1 / 127^2 as 6.200124e-05. Losses of whole models
    cannot be compared so closely: where sums round otherwise, rounded inputs jump.
    """
    read = {}
    for name, layer in bench.layers.items():
        layer.register_forward_pre_hook(
            lambda layer, inputs, name=name: read.update({name: inputs[0].clone()})
        )
    bench.losses()
    for name, layer in bench.layers.items():
        read[name][0, 1, 7] += outlier
        with store_as("int8", [layer]):
            got = layer(read[name])
        want = stored_by_bitsandbytes(layer, "int8")(read[name])
        assert (got - want).norm() < 3e-5 * want.norm()
        assert (got - layer(read[name])).norm() > 3e-3 * want.norm()


def test_a_channel_with_an_outlier_stays_as_it_is():
    """LLM.int8(): the huge input is not rounded, nor does it coarsen the others."""
    torch.manual_seed(0)
    inputs = torch.randn(2, 5, 64)
    inputs[1, 3, 7] = 50.0
    read = round_inputs(inputs)
    torch.testing.assert_close(read[..., 7], inputs[..., 7])
    assert 0 < (read - inputs).abs().max() < 0.05


def test_a_measured_model_is_as_it_was(bench):
    """After a measurement, and after one that failed, every weight and every layer is the one before."""
    before = {name: weight.clone() for name, weight in bench.model.state_dict().items()}
    bench.losses("int8")
    with pytest.raises(KeyError), store_as("nf4", list(bench.layers.values())):
        raise KeyError
    after = bench.model.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert all(type(layer) is nn.Linear and not layer._forward_pre_hooks for layer in bench.layers.values())


def test_the_layers_are_those_that_transformers_quantises(bench):
    """Seven in each of two layers, and neither the head nor the embedding."""
    assert len(bench.layers) == 14
    assert "model.layers.1.mlp.down_proj" in bench.layers
    assert not any("head" in name or "embed" in name for name in bench.layers)


def test_second_moments_are_those_of_real_tokens(bench, written):
    """What the first layer reads is the normed embedding: its mean square over all tokens, no padding."""
    got = bench.second_moments()["model.layers.0.self_attn.q_proj"]
    inner = bench.model.model
    read = inner.layers[0].input_layernorm(inner.embed_tokens(torch.from_numpy(written.ids.astype(np.int64))))
    torch.testing.assert_close(got, read.square().mean(0).double(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("format", ["nf4_double", "fp4", "int8"])
def test_the_error_of_a_layer_is_that_of_its_output(format):
    """For inputs whose channels do not correlate, the lost share of the output, worked out at length."""
    torch.manual_seed(0)
    layer = nn.Linear(64, 128, bias=False)
    inputs = torch.diag(torch.rand(64) * 10)  # one channel a token, of any size
    moments = inputs.square().mean(0)
    (told,) = layer_errors({"one": layer}, {"one": moments})
    with torch.no_grad():
        output = inputs @ layer.weight.T
        want = (output - inputs @ round_weight(layer.weight, format).T).norm() / output.norm()
    assert told.errors[format] == pytest.approx(float(want), rel=1e-4)
    assert told.shape == (128, 64)


@pytest.mark.parametrize("format", ["nf4_double", "nf4", "fp4", "int8"])
def test_bits_are_those_of_what_is_stored(format):
    """Codes, scales and scales of scales, counted in what bitsandbytes stores of a weight."""
    weight = torch.randn(512, 1024)
    if format == "int8":
        codes, scales, _ = bnb.functional.int8_vectorwise_quant(weight.half())
        stored = codes.nbytes + scales.nbytes
    else:
        codes, state = bnb.functional.quantize_4bit(
            weight, quant_type=format.removesuffix("_double"), compress_statistics=format == "nf4_double"
        )
        stored = codes.nbytes + state.absmax.nbytes + (state.state2.absmax.nbytes if state.nested else 0)
    (module,) = layer_errors({"one": nn.Linear(1024, 512, bias=False)}, {"one": torch.ones(1024)})
    assert bits_per_weight([module], format) == pytest.approx(stored * 8 / weight.numel(), rel=1e-6)
    assert bits_per_weight([module], format, ["one"]) == 16


def test_a_layer_that_spoils_the_loss_is_found_and_kept(bench):
    """One channel of huge weights, on which next to nothing is read, ruins the scales of one layer.

    That layer stands out only because errors are weighted by what is read. Keeping it is proposed, since
    the loss was measured to be lower with it, and the loss reported for the plan is that measurement.
    """
    spoilt = "model.layers.0.mlp.up_proj"
    layer = bench.model.model.layers[0]
    layer.post_attention_layernorm.weight[0] = 1e-3
    layer.mlp.up_proj.weight[:, 0] = 20.0
    base, by_format = bench.losses(), {format: bench.losses(format) for format in QUANT_FORMATS}
    modules = layer_errors(bench.layers, bench.second_moments())
    unread = layer_errors(
        bench.layers, {name: torch.ones(one.in_features) for name, one in bench.layers.items()}
    )
    assert max(modules, key=lambda module: module.errors["nf4"]).module == spoilt
    assert max(unread, key=lambda module: module.errors["nf4"]).module != spoilt
    rule = Rule(extra_bits=2, tolerance=10)
    got = decide(base, by_format, modules, rule=rule, measure=bench.losses)
    assert got.quant_plan.plan["keep_16bit"] == (spoilt,)
    plan = TrainPlan.model_validate(got.quant_plan.plan)
    assert (plan.method, plan.keep_16bit) == ("qlora4", (spoilt,))
    measured = bench.losses(got.format, (spoilt,))
    np.testing.assert_array_equal(got.tried[spoilt,].sums, measured.sums)
    assert by_format[got.format].against(measured).delta > 0.1


@pytest.fixture
def rows(publish, sums, digest_of):
    """Open eight training rows, four of a kind."""
    version = publish([*sums[:4], *sums[16:20]])
    manifest = read_manifest(version, digest=digest_of(version))
    return index_rows(version, manifest, split="train", max_tokens=64)


def test_a_measurement_is_repeated_bit_for_bit(rows, tmp_path: Path):
    """Twice the same numbers; modes are told apart and their tokens add up."""
    one, two = (
        measure_quant_error("tiny-random", TrainPlan(), rows, rule=Rule(), scratch=tmp_path / name)
        for name in ("one", "two")
    )
    assert one == two
    assert list(tmp_path.glob("one")) == []
    assert [format.format for format in one.formats] == list(QUANT_FORMATS)
    assert {name: loss.rows for name, loss in one.loss_by_mode.items()} == {"thinking": 4, "non_thinking": 4}
    assert sum(loss.trained_tokens for loss in one.loss_by_mode.values()) == one.loss.trained_tokens
    for format in one.formats:
        assert format.total.loss == pytest.approx(one.loss.loss + format.total.delta)
        assert format.total.delta != 0
    assert len(one.modules) == 14


def test_a_loss_that_is_no_number_ends_the_measurement(bench):
    """Weights that are not numbers are refused in a sentence that says what was measured."""
    bench.model.model.layers[1].mlp.down_proj.weight[0, 0] = float("nan")
    with pytest.raises(TrainError, match=r"loss of 8 calibration rows is not a number \(as it is\)"):
        bench.losses()
