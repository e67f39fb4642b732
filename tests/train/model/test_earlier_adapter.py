"""A run goes on from an adapter: ours or one of peft, in its form, and never with another shape."""

import json
import shutil

import pytest

torch = pytest.importorskip("torch", reason="needs thinkmix[train]")
peft = pytest.importorskip("peft", reason="needs thinkmix[train]")
pytest.importorskip("bitsandbytes", reason="needs thinkmix[train]")

from tests.harness.listening import Heard  # noqa: E402 - needs torch
from tests.harness.train.learning import load_trained, measured  # noqa: E402
from thinkmix.schemas.errors import TrainError  # noqa: E402
from thinkmix.schemas.training import TrainPlan  # noqa: E402
from thinkmix.train.model.earlier_adapter import base_of, continued_plan, read_adapter  # noqa: E402
from thinkmix.train.model.loading import load_model  # noqa: E402
from thinkmix.train.model.model import prepare, quiet  # noqa: E402
from thinkmix.train.run.fit import fit  # noqa: E402
from thinkmix.train.run.job import TrainJob  # noqa: E402

torch.set_num_threads(1)  # the model is tiny, and threads that wait for busy cores cost more than they bring

SHORT = {"max_steps": 2, "batch": 256, "max_tokens": 64, "learning_rate": 1e-2, "rank": 4, "eval_rows": 4}
SECOND = {name: value for name, value in SHORT.items() if name != "rank"}


@pytest.fixture(scope="module")
def versions(publish_to, sums, tmp_path_factory):
    """Two mixtures: the sums, and the short replies."""
    folder = tmp_path_factory.mktemp("versions")
    first = publish_to(folder, sums[2:], held_out=sums[:2], name="first")
    return first, publish_to(folder, sums[20:], held_out=sums[:2], name="second")


@pytest.fixture(scope="module")
def stage(versions, digest_of, tmp_path_factory):
    """Train on one of the two mixtures, a fresh adapter or a given one; return manifest and folder."""
    folder = tmp_path_factory.mktemp("runs")

    def run(number, name, *, adapter=None, listener=None, **settings):
        plan, version = TrainPlan(**(SECOND if adapter else SHORT) | settings), versions[number]
        earlier = read_adapter(adapter) if adapter else None
        if earlier:
            plan = continued_plan(earlier, plan, base="tiny-random")
        job = TrainJob(version, digest_of(version), plan, "tiny-random", folder / name, adapter=earlier)
        return fit(job, listener=listener or Heard()), folder / name

    return run


@pytest.fixture(scope="module")
def plain(stage):
    """An adapter of ours, of some layers."""
    return stage(0, "plain", targets=["v_proj", "up_proj"])


@pytest.mark.parametrize(
    "settings",
    [{"dora": True}, {"init": "pissa", "rank": 20}, {"method": "qlora4", "init": "loftq", "rslora": True}],
    ids=["dora", "pissa", "loftq"],
)
def test_the_second_stage_begins_where_the_first_one_ended(stage, settings):
    """Same held-out loss on the first measurement, in the same form; what it writes loads in plain peft."""
    name = str(settings.get("init", "dora"))
    first, folder = stage(0, f"{name}-1", **settings)
    second, output = stage(1, f"{name}-2", adapter=folder)
    assert second.eval_before.total.loss == pytest.approx(first.eval_after.total.loss, abs=1e-6)
    assert second.eval_after.total.loss != second.eval_before.total.loss
    twice = 2 if settings.get("init") == "pissa" else 1
    assert (second.plan.rank, second.plan.method) == (first.plan.rank * twice, first.plan.method)
    config = json.loads((output / "adapter_config.json").read_bytes())
    scaling = first.plan.alpha / (first.plan.rank**0.5 if first.plan.rslora else first.plan.rank)
    assert config["lora_alpha"] / config["r"] == pytest.approx(scaling)  # as SGLang reads it
    shapes = [read_adapter(place).shapes for place in (folder, output)]
    assert shapes[0] == shapes[1]
    with quiet():
        told = measured(load_trained("tiny-random", output, second.plan))
        ours = measured(prepare("tiny-random", second.plan, adapter=output))
    assert told == pytest.approx(ours, abs=1e-6)


def test_a_third_stage_names_the_two_before_it(stage, plain):
    """The oldest first, each with the digest of its weights and of its mixture."""
    first, folder = plain
    second, output = stage(1, "second", adapter=folder)
    third, _ = stage(0, "third", adapter=output)
    weights = [told.files["adapter_model.safetensors"] for told in (first, second)]
    assert [one.adapter_sha256 for one in third.lineage] == weights
    assert [one.mixture_digest for one in third.lineage] == [first.mixture_digest, second.mixture_digest]
    assert third.plan.targets == ("up_proj", "v_proj")


def test_a_second_stage_that_was_stopped_goes_on_to_the_same_bytes(stage, plain):
    """And not with another adapter beneath it."""
    _, folder = plain
    whole, _ = stage(1, "whole", adapter=folder, save_every=1)
    other = stage(0, "other", targets=["v_proj", "up_proj"], seed=1)[1]

    def stop(at):
        if at.step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stage(1, "parts", adapter=folder, save_every=1, listener=Heard(step=stop))
    with pytest.raises(TrainError, match=r"it went on from the adapter \w{12}, now from the adapter \w{12}"):
        stage(1, "parts", adapter=other, save_every=1)
    with pytest.raises(TrainError, match=r"it went on from the adapter \w{12}, now from no adapter"):
        stage(1, "parts", targets=["up_proj", "v_proj"], save_every=1)
    parts, _ = stage(1, "parts", adapter=folder, save_every=1)
    assert (parts.losses, parts.files) == (whole.losses, whole.files)


def test_an_adapter_of_peft_is_trained_further(stage, tmp_path):
    """Its folder names the base; rank, alpha and layers are its own, in bfloat16 and on some layers only."""
    with quiet():
        base = load_model("tiny-random", dtype=torch.float32)
        base.name_or_path = "tiny-random"
        config = peft.LoraConfig(
            r=3,
            lora_alpha=5,
            target_modules=r".*\.1\..*(q|k)_proj",
            init_lora_weights=False,
            lora_dropout=0.1,
        )
        tuned = peft.get_peft_model(base, config).to(torch.bfloat16)
        tuned.save_pretrained(tmp_path / "theirs")
        theirs = measured(tuned.float())
    earlier = read_adapter(tmp_path / "theirs")
    assert base_of(earlier, None) == "tiny-random"
    result, output = stage(1, "peft", adapter=tmp_path / "theirs")
    assert (result.plan.rank, result.plan.alpha, result.plan.dropout) == (3, 5, 0.0)
    layers = ("model.layers.1.self_attn.k_proj", "model.layers.1.self_attn.q_proj")
    assert result.plan.targets == layers
    assert [one.model_dump() for one in result.lineage] == [
        {"adapter_sha256": earlier.sha256, "mixture": None, "mixture_digest": None, "steps": None}
    ]
    with quiet():
        began = prepare("tiny-random", result.plan, adapter=tmp_path / "theirs")
    assert measured(began) == pytest.approx(theirs, abs=2e-2)  # their base was rounded to bfloat16, too
    assert read_adapter(output).shapes == earlier.shapes


@pytest.mark.parametrize(
    ("stated", "sentence"),
    [
        ({"rank": 8}, r"rank is 8, and the adapter in .* has 4: leave --rank out"),
        ({"alpha": 8}, "alpha is 8, and the adapter in .* has 32: leave --alpha out"),
        ({"targets": ["v_proj"]}, "targets is v_proj, and the adapter in .* has up_proj, v_proj"),
        ({"targets": "all-linear"}, "targets is all-linear, and"),
        ({"rslora": True}, "rslora is True, and"),
        ({"dora": True}, "dora is True, and"),
        ({"init": "pissa"}, "init is pissa, and the adapter in .* has random: leave --init out"),
        ({"method": "full"}, "method full trains no adapter, and .* is one: use lora or qlora4"),
    ],
)
def test_options_that_the_adapter_settles_are_refused(plain, stated, sentence):
    """The sentence names both values; the same value, and other names of the same layers, are fine."""
    earlier = read_adapter(plain[1])
    with pytest.raises(TrainError, match=sentence):
        continued_plan(earlier, TrainPlan(**stated), base="tiny-random")
    same = TrainPlan(rank=4, targets=["mlp.up_proj", "self_attn.v_proj"], method="qlora8")
    assert continued_plan(earlier, same, base="tiny-random").method == "qlora8"


def test_the_base_is_stated_or_named_and_is_that_of_the_adapter(plain, tmp_path):
    """A local folder leaves no name; another model is refused by its config, a foreign adapter by shapes."""
    with quiet():
        model = load_model("tiny-random", dtype=torch.float32)
        model.config.num_key_value_heads = 1
        type(model)(model.config).save_pretrained(tmp_path / "narrow")
    folder = shutil.copytree(plain[1], tmp_path / "copy")
    with pytest.raises(TrainError, match=r"was trained on tiny-random \(config \w{12}\), not on .*narrow"):
        continued_plan(read_adapter(folder), TrainPlan(), base=str(tmp_path / "narrow"))
    (folder / "training.json").unlink()
    earlier = read_adapter(folder)
    with pytest.raises(TrainError, match=r"does not say where its base lies: name it with --model"):
        base_of(earlier, None)
    assert base_of(earlier, "Qwen/Qwen3-8B") == "Qwen/Qwen3-8B"
    with pytest.raises(
        TrainError, match=r"changes model.layers.0.self_attn.v_proj \(32 x 64\), and .* has 16"
    ):
        continued_plan(earlier, TrainPlan(), base=str(tmp_path / "narrow"))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"peft_type": "IA3"}, "its peft_type is IA3"),
        ({"modules_to_save": ["lm_head"]}, "its modules_to_save is"),
        ({"rank_pattern": {"v_proj": 2}}, "its rank_pattern is"),
        ({"init_lora_weights": "pissa"}, "its init_lora_weights is pissa"),
        ({"r": 5}, "its r is 5, and .* has the shape 4 x 64"),
        ({"r": None}, "it states no r and lora_alpha"),
        ({"lora_alpha": 45.25}, "its lora_alpha is 45.25"),
    ],
)
def test_what_is_more_than_pairs_of_one_rank_is_refused(plain, tmp_path, settings, sentence):
    """Before a weight is loaded."""
    folder = shutil.copytree(plain[1], tmp_path / "copy")
    (folder / "training.json").unlink()
    config = json.loads((folder / "adapter_config.json").read_bytes())
    (folder / "adapter_config.json").write_text(json.dumps(config | settings))
    with pytest.raises(TrainError, match=f"cannot be trained further here: {sentence}"):
        continued_plan(read_adapter(folder), TrainPlan(), base="tiny-random")


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "adapter_config.json"])
def test_an_adapter_with_one_changed_bit_is_not_gone_on_from(plain, tmp_path, name):
    """The file is named."""
    folder = shutil.copytree(plain[1], tmp_path / "copy")
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(TrainError, match=rf"{name} is damaged: its sha256"):
        read_adapter(folder)


def test_folders_without_a_readable_adapter_are_named(plain, tmp_path):
    """No adapter, pickled weights, and a file that is cut short."""
    with pytest.raises(TrainError, match=r"holds no adapter: it has no adapter_config\.json"):
        read_adapter(tmp_path)
    with pytest.raises(TrainError, match="holds no adapter: there is no such folder"):
        read_adapter(tmp_path / "nowhere")
    (tmp_path / "adapter_config.json").write_text("{}")
    (tmp_path / "adapter_model.bin").touch()
    with pytest.raises(TrainError, match="pickled weights, which can run code"):
        read_adapter(tmp_path)
    (tmp_path / "adapter_model.safetensors").write_bytes(b"short")
    with pytest.raises(TrainError, match="cannot be read"):
        read_adapter(tmp_path)
