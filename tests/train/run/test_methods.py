"""Every method learns, lets exactly the right weights learn, and loads again as it was."""

import json

import pytest

torch = pytest.importorskip("torch", reason="needs thinkmix[train]")
pytest.importorskip("transformers", reason="needs thinkmix[train]")
peft = pytest.importorskip("peft", reason="needs thinkmix[train]")
pytest.importorskip("bitsandbytes", reason="needs thinkmix[train]")

from bitsandbytes.nn import Linear4bit, Linear8bitLt  # noqa: E402 - needs torch
from safetensors.torch import load_file  # noqa: E402

from tests.harness.train.learning import CALIBRATION, IDS, learn, load_trained, loss_of, measured  # noqa: E402
from thinkmix.schemas.training import TrainPlan  # noqa: E402
from thinkmix.train.model.loading import load_model  # noqa: E402
from thinkmix.train.model.model import base_model, prepare, quiet, save_weights  # noqa: E402

torch.set_num_threads(1)  # the model is tiny, and threads that wait for busy cores cost more than they bring

METHODS = {
    "lora": {},
    "rslora": {"rslora": True},
    "dora": {"dora": True},
    "neftune": {"neftune": 5.0},
    "pissa": {"init": "pissa"},
    "pissa with rslora": {"init": "pissa", "rslora": True},
    "eva": {"init": "eva"},
    "corda": {"init": "corda"},
    "nf4": {"method": "qlora4"},
    "nf4, scales in 32 bit": {"method": "qlora4", "double_quant": False},
    "nf4 with dora": {"method": "qlora4", "dora": True},
    "fp4": {"method": "qlora4", "quant": "fp4"},
    "loftq": {"method": "qlora4", "init": "loftq"},
    "int8": {"method": "qlora8"},
    "int8 with dora": {"method": "qlora8", "dora": True},
    "freeze": {"method": "freeze", "train_layers": 1, "learning_rate": 1e-3},
    "full": {"method": "full", "learning_rate": 1e-3},
    "full with neftune": {"method": "full", "neftune": 5.0, "learning_rate": 1e-3},
}


def plan_of(method, **settings):
    return TrainPlan(**{"rank": 8, "alpha": 16, "learning_rate": 1e-2} | METHODS[method] | settings)


def fresh(plan, **settings):
    with quiet():
        return prepare("tiny-random", plan, calibration=CALIBRATION, **settings)


def learning(learner):
    return {name for name, weight in learner.named_parameters() if weight.requires_grad}


@pytest.mark.parametrize(("dtype", "least"), [("float32", 1e-5), ("bfloat16", 1e-3)])
@pytest.mark.parametrize("method", METHODS)
def test_what_was_learnt_is_loaded_again(method, dtype, least, tmp_path):
    """After two steps the loss is lower; saved and loaded, it is the same to 1e-5, in bfloat16 to 1e-3."""
    plan = plan_of(method, dtype=dtype)
    learner = fresh(plan)
    before = measured(learner)
    learn(learner, plan, steps=2)
    after = measured(learner)
    assert after < before - 0.2
    save_weights(learner, tmp_path)
    assert not list(tmp_path.glob("*.bin"))
    with quiet():
        again = load_trained("tiny-random", tmp_path, plan)
    assert measured(again) == pytest.approx(after, abs=least)
    assert learning(again) == learning(learner)


@pytest.mark.parametrize("method", ["pissa", "pissa with rslora", "corda"])
def test_an_adapter_that_began_as_a_part_of_the_weights_is_saved_for_the_whole_of_them(method, tmp_path):
    """Other programs load it with peft alone, and need not know how it began; the weights never changed."""
    plan = plan_of(method)
    learner = fresh(plan)
    untouched = load_model("tiny-random", dtype=torch.float32)
    assert torch.equal(
        base_model(learner).model.layers[0].mlp.up_proj.get_base_layer().weight,
        untouched.model.layers[0].mlp.up_proj.weight,
    )
    assert not any(".first." in name for name in learning(learner))
    learn(learner, plan)
    save_weights(learner, tmp_path)
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert (config["r"], config["init_lora_weights"]) == (16, True)
    with quiet():
        plain = peft.PeftModel.from_pretrained(untouched, tmp_path)
    assert measured(plain) == pytest.approx(measured(learner), abs=1e-5)


@pytest.mark.parametrize("method", ["lora", "rslora", "pissa", "eva", "corda", "dora"])
def test_a_run_begins_with_the_model_as_it_is(method):
    """However an adapter begins, before the first step the model computes what it did without it."""
    want = measured(load_model("tiny-random", dtype=torch.float32))
    assert measured(fresh(plan_of(method))) == pytest.approx(want, abs=1e-4)


def test_an_adapter_is_float32_beside_a_model_in_any_form():
    """The frozen weights are in half precision or less; what learns is not."""
    for method in ("lora", "nf4", "int8"):
        learner = fresh(plan_of(method, dtype="bfloat16"))
        assert {weight.dtype for weight in learner.parameters() if weight.requires_grad} == {torch.float32}
        assert base_model(learner).lm_head.weight.dtype == torch.bfloat16
        assert all("lora_" in name for name in learning(learner))


def test_freeze_lets_the_last_layers_and_their_norm_learn():
    """And neither the embedding nor the head, which is the embedding."""
    names = learning(fresh(plan_of("freeze")))
    assert {name.split(".")[1] for name in names} == {"layers", "norm"}
    assert all(name.startswith(("model.layers.1.", "model.norm.")) for name in names)
    assert len(names) == 12


def test_full_moves_every_weight_and_keeps_head_and_embedding_one():
    """The head's gradient flows into the embedding that it is tied to."""
    plan = plan_of("full")
    learner = fresh(plan)
    before = {name: weight.clone() for name, weight in learner.state_dict().items()}
    learn(learner, plan)
    moved = {name for name, weight in learner.state_dict().items() if not torch.equal(weight, before[name])}
    assert moved == set(before)
    assert learner.lm_head.weight is learner.model.embed_tokens.weight


def test_the_gradient_of_full_is_that_of_the_models_own_loss():
    """Embedding and head together: what autograd works out over all logits, to float32's precision."""
    learner = fresh(plan_of("full"))
    loss_of(learner).backward()
    got = {name: weight.grad.clone() for name, weight in learner.named_parameters()}
    learner.zero_grad()
    learner(input_ids=IDS, labels=IDS).loss.backward()
    for name, weight in learner.named_parameters():
        torch.testing.assert_close(got[name], weight.grad, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("method", ["full", "nf4"])
def test_checkpointing_changes_no_loss(method):
    """Activations that are worked out again are the same ones."""
    plan = plan_of(method)
    with_it = plan_of(method, checkpointing=True)
    assert learn(fresh(with_it), with_it) == learn(fresh(plan), plan)


@pytest.mark.parametrize(
    ("method", "kind"), [("nf4", Linear4bit), ("fp4", Linear4bit), ("int8", Linear8bitLt)]
)
def test_layers_are_quantised_but_for_the_head_and_those_that_are_kept(method, kind):
    """A part of a name keeps every layer that ends so, a whole name that one."""
    learner = fresh(plan_of(method, keep_16bit=("down_proj", "layers.1.mlp.up_proj")))
    layers = {
        name.removesuffix(".base_layer"): isinstance(module, kind)
        for name, module in base_model(learner).named_modules()
        if isinstance(module, torch.nn.Linear) and "lora_" not in name
    }
    kept = {name for name, quantised in layers.items() if not quantised}
    down = {f"model.layers.{number}.mlp.down_proj" for number in (0, 1)}
    assert kept == {"lm_head", "model.layers.1.mlp.up_proj", *down}
    assert len(layers) == 15


@pytest.mark.parametrize(("method", "dtype"), [("nf4", "float32"), ("fp4", "bfloat16"), ("int8", "float32")])
def test_measuring_before_the_first_step_changes_no_gradient(method, dtype):
    """On a CPU with AVX512-BF16, 4 bit layers that ran once without gradients would pass none ever after."""
    plan = plan_of(method, dtype=dtype)
    gradients = []
    for measure in (False, True):
        learner = fresh(plan)
        if measure:
            measured(learner)
        learner.train()
        loss_of(learner).backward()
        gradients.append([weight.grad for weight in learner.parameters() if weight.requires_grad])
    torch.testing.assert_close(*gradients, rtol=0, atol=0)


def test_noise_falls_on_embeddings_in_training_alone():
    """It stays within alpha / sqrt(L H), is sampled again each time, by the seed; none is measured."""
    learner = fresh(plan_of("neftune"))
    embed = base_model(learner).model.embed_tokens
    plain = torch.nn.functional.embedding(IDS, embed.weight)
    learner.eval()
    assert torch.equal(embed(IDS), plain)
    learner.train()
    torch.manual_seed(3)
    first, second = embed(IDS) - plain, embed(IDS) - plain
    torch.manual_seed(3)
    assert torch.equal(embed(IDS) - plain, first)
    assert not torch.equal(first, second)
    bound = 5.0 / (IDS.shape[1] * 64) ** 0.5
    assert 0.9 * bound < float(first.abs().max()) <= bound * 1.0001


def test_noise_is_measured_by_a_rows_own_length_where_rows_are_packed():
    """A short row in a long sequence gets the noise that it would get alone."""
    learner = fresh(plan_of("neftune"))
    model = base_model(learner).model
    noise = {}
    hook = model.embed_tokens.register_forward_hook(lambda module, inputs, output: noise.update(seen=output))
    learner.train()
    ids = torch.full((1, 36), 5)
    positions = torch.tensor([[*range(4), *range(32)]])
    model(input_ids=ids, position_ids=positions, use_cache=False)
    hook.remove()
    spread = (noise["seen"] - torch.nn.functional.embedding(ids, model.embed_tokens.weight)).abs()
    assert float(spread[0, :4].max()) == pytest.approx(5.0 / (4 * 64) ** 0.5, rel=0.05)
    assert float(spread[0, 4:].max()) == pytest.approx(5.0 / (32 * 64) ** 0.5, rel=0.05)


def test_the_same_adapter_is_saved_as_the_same_bytes(tmp_path):
    """Twice prepared, twice saved: the files are equal, and hold the adapter's weights alone."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        save_weights(fresh(plan_of("corda")), tmp_path / name)
    files = ["adapter_config.json", "adapter_model.safetensors"]
    for folder in ("one", "two"):
        assert sorted(path.name for path in (tmp_path / folder).iterdir()) == files
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert all(".lora_" in name for name in load_file(tmp_path / "one" / files[1]))
