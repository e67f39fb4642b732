"""The first values of an adapter are those of the papers, and of peft where it can work them out."""

import pytest

torch = pytest.importorskip("torch", reason="needs thinkmix[train]")
pytest.importorskip("transformers", reason="needs thinkmix[train]")
peft = pytest.importorskip("peft", reason="needs thinkmix[train]")
pytest.importorskip("bitsandbytes", reason="needs thinkmix[train]")

from peft.tuners.lora.config import CordaConfig  # noqa: E402 - needs torch
from peft.tuners.lora.corda import preprocess_corda  # noqa: E402

from tests.harness.train.learning import CALIBRATION  # noqa: E402
from thinkmix.schemas.errors import TrainError  # noqa: E402
from thinkmix.schemas.training import TrainPlan  # noqa: E402
from thinkmix.train.model import inits  # noqa: E402
from thinkmix.train.model.adapters import adapted_layers  # noqa: E402
from thinkmix.train.model.loading import load_model  # noqa: E402
from thinkmix.train.model.model import prepare, quiet  # noqa: E402
from thinkmix.train.model.quantise import round_weight  # noqa: E402

torch.set_num_threads(1)  # the model is tiny, and threads that wait for busy cores cost more than they bring

PLAN = TrainPlan(rank=4, alpha=8, targets=("up_proj", "k_proj"))


def plan(**settings):
    return PLAN.model_copy(update=settings)


def begun(plan, **settings):
    with quiet():
        tuned = prepare("tiny-random", plan, **settings)
    return {layer.name: layer for layer in adapted_layers(tuned)}


def by_peft(init, prepare_model=None, **settings):
    """Return what peft's own way makes of the adapter, layer by layer: scaling B A."""
    model = load_model("tiny-random", dtype=torch.float32)
    config = peft.LoraConfig(
        r=4, lora_alpha=8, target_modules=["up_proj", "k_proj"], init_lora_weights=init, **settings
    )
    if prepare_model:
        prepare_model(model, config)
    tuned = peft.get_peft_model(model, config)
    return {layer.name: 2 * layer.up @ layer.down for layer in adapted_layers(tuned)}


def test_pissa_is_pefts():
    """The principal part of each weight, split evenly between A and B."""
    with quiet():
        want = by_peft("pissa")
    for name, layer in begun(plan(init="pissa")).items():
        torch.testing.assert_close(2 * layer.up @ layer.down, want[name], rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(layer.up.norm(dim=0), layer.down.norm(dim=1))


def test_corda_is_pefts():
    """The same part of the weights for the same rows, which peft is given one by one."""

    def show_rows(model, config):
        def run():
            for row in CALIBRATION:
                model.model(input_ids=torch.tensor([row]))

        preprocess_corda(model, config, run_model=run)

    with quiet():
        want = by_peft("corda", show_rows, corda_config=CordaConfig(corda_method="ipm"))
    for name, layer in begun(plan(init="corda"), calibration=CALIBRATION).items():
        torch.testing.assert_close(2 * layer.up @ layer.down, want[name], rtol=1e-3, atol=1e-3)


def test_eva_spans_the_directions_in_which_inputs_vary_most():
    """Orthonormal rows that hold more of the variance than any others, and B is zero."""
    generator = torch.Generator().manual_seed(2)
    strong = torch.randn(3, 20, generator=generator)
    inputs = (
        10 * torch.randn(200, 3, generator=generator) @ strong + torch.randn(200, 20, generator=generator) + 5
    )
    down = inits.eva(inputs, 3)
    torch.testing.assert_close(down @ down.T, torch.eye(3), rtol=0, atol=1e-5)
    centred = inputs - inputs.mean(0)
    variances = torch.linalg.eigvalsh(centred.T @ centred)
    assert float((centred @ down.T).square().sum()) == pytest.approx(float(variances[-3:].sum()), rel=1e-5)
    layer = next(iter(begun(plan(init="eva"), calibration=CALIBRATION).values()))
    torch.testing.assert_close(layer.down @ layer.down.T, torch.eye(4), rtol=0, atol=1e-4)
    assert not layer.up.any()


def test_rows_of_unlike_lengths_are_read_without_their_padding():
    """A short row beside a long one teaches what it teaches alone."""
    short, long = CALIBRATION[0][:9], CALIBRATION[1]
    together = begun(plan(init="eva"), calibration=[short, long])
    turned = begun(plan(init="eva"), calibration=[long, short])
    alone = begun(plan(init="eva", rank=1), calibration=[short, [*short]])
    single = begun(plan(init="eva", rank=1), calibration=[short])
    for name in together:
        torch.testing.assert_close(together[name].down.abs(), turned[name].down.abs(), rtol=1e-2, atol=1e-3)
        torch.testing.assert_close(alone[name].down.abs(), single[name].down.abs(), rtol=1e-2, atol=1e-3)


def test_loftq_makes_up_for_what_four_bits_lost():
    """The weights as they are used come nearer to those in 16 bit, as near as the rank allows."""
    stored = load_model("tiny-random", dtype=torch.float32).state_dict()
    settings = plan(init="loftq", method="qlora4")
    for name, layer in begun(settings).items():
        weight = stored[f"{name}.weight"]
        lost = weight - round_weight(weight, settings)
        left = torch.linalg.norm(lost - 2 * (layer.up @ layer.down).detach())
        assert float(left) < 0.95 * float(torch.linalg.norm(lost))
        assert float(left) == pytest.approx(
            float(torch.linalg.svdvals(lost)[4:].square().sum().sqrt()), rel=1e-3
        )


def test_large_weights_are_decomposed_by_projection_as_well_as_exactly():
    """What is left over is within a hundredth of the least that any matrix of that rank leaves."""
    generator = torch.Generator().manual_seed(3)
    weight = torch.randn(1100, 1056, generator=generator) @ torch.diag(0.99 ** torch.arange(1056))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        down, up = inits.pissa(weight, 8, 1.0)
    least = torch.linalg.svdvals(weight)[8:].square().sum().sqrt()
    assert float(torch.linalg.norm(weight - up @ down)) < 1.01 * float(least)


@pytest.mark.parametrize("init", ["eva", "corda"])
def test_rows_are_asked_for(init):
    """Without rows, or with fewer tokens than the rank, it cannot begin; the weights are not even read."""
    with quiet(), pytest.raises(TrainError, match=f"init {init} begins from rows of the mixture, and none"):
        prepare("tiny-random", plan(init=init))
    with quiet(), pytest.raises(TrainError, match="it was given 3 tokens, fewer than the rank of 4"):
        prepare("tiny-random", plan(init=init), calibration=[[1, 2], [3]])
