"""A merged model computes what base and adapter do, and reads the same in every transformers."""

import json
import re
from hashlib import sha256

import pytest

torch = pytest.importorskip("torch", reason="needs thinkmix[train]")
transformers = pytest.importorskip("transformers", reason="needs thinkmix[train]")
pytest.importorskip("peft", reason="needs thinkmix[train]")
pytest.importorskip("bitsandbytes", reason="needs thinkmix[train]")

from safetensors.torch import load_file, save_file  # noqa: E402 - needs torch

from tests.harness.builders import flip_bit  # noqa: E402 - needs torch
from tests.harness.train.learning import IDS, load_trained, measured  # noqa: E402
from thinkmix.schemas.errors import TrainError  # noqa: E402
from thinkmix.schemas.training import TrainPlan  # noqa: E402
from thinkmix.templates.chat.tokenizer import tokenizer_digest  # noqa: E402
from thinkmix.train.model.artefact import spell_twice  # noqa: E402
from thinkmix.train.model.loading import load_model, read_weight, stored_files  # noqa: E402
from thinkmix.train.model.merge import merge  # noqa: E402
from thinkmix.train.model.model import quiet  # noqa: E402
from thinkmix.train.model.quantise import round_weight  # noqa: E402
from thinkmix.train.output.trained_folder import read_trained  # noqa: E402
from thinkmix.train.run.fit import fit  # noqa: E402
from thinkmix.train.run.job import TrainJob  # noqa: E402
from thinkmix.train.run.merge_loss import measure_merge  # noqa: E402

torch.set_num_threads(1)  # the model is tiny, and threads that wait for busy cores cost more than they bring

SHORT = {"max_steps": 2, "batch": 256, "max_tokens": 64, "learning_rate": 2e-2, "rank": 4, "eval_rows": 0}


@pytest.fixture
def train(publish, sums, digest_of, tmp_path):
    """Train on the sums by a plan; return the plan and the run's folder."""
    version = publish(sums)

    def run(model="tiny-random", **settings):
        plan = TrainPlan(**SHORT | settings)
        output = tmp_path / "run"
        fit(TrainJob(version, digest_of(version), plan, model, output))
        return plan, output

    return run


@pytest.fixture
def merged(tmp_path):
    """Merge a run into its base; return the folder of the model."""

    def make(adapter, base="tiny-random", name="merged"):
        output = tmp_path / name
        output.mkdir()
        with quiet():
            merge(adapter, base=base, output=output)
        return output

    return make


@pytest.mark.parametrize("settings", [{}, {"rslora": True}, {"dora": True}, {"init": "pissa"}], ids=str)
def test_the_merged_model_computes_what_the_adapter_does(train, merged, settings):
    """Logits and loss agree to float32's precision, and the loss is not that of the base."""
    plan, run = train(**settings)
    folder = merged(run)
    with quiet():
        whole = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        parts = load_trained("tiny-random", run, plan).eval()
    with torch.no_grad():
        torch.testing.assert_close(whole(IDS).logits, parts(IDS).logits, rtol=0, atol=1e-4)
    assert measured(whole) == pytest.approx(measured(parts), abs=1e-5)
    assert abs(measured(whole) - measured(load_model("tiny-random", dtype=torch.float32))) > 1e-3


def test_an_adapter_that_makes_up_for_four_bits_is_merged_into_what_four_bits_read(train, merged):
    """After loftq the model in 16 bit computes what was trained, not the base and the making up twice."""
    plan, run = train(method="qlora4", init="loftq")
    folder = merged(run)
    with quiet():
        parts = load_trained("tiny-random", run, plan)
    assert measured(load_model(str(folder), dtype=torch.float32)) == pytest.approx(measured(parts), abs=1e-4)
    with stored_files("tiny-random") as stored:
        name = "model.layers.0.mlp.up_proj.weight"
        weight = read_weight(stored, name)
    change = load_file(folder / "model.safetensors")[name] - round_weight(weight, plan)
    assert int(torch.linalg.matrix_rank(change, rtol=1e-4)) == 4


def test_nothing_but_the_adapted_weights_changes(train, merged):
    """Every other weight is the base's, bit for bit, in the base's precision."""
    _, run = train(targets=["v_proj"])
    got = load_file(merged(run) / "model.safetensors")
    with stored_files("tiny-random") as stored:
        for name in stored:
            assert torch.equal(got[name], read_weight(stored, name)) == ("v_proj" not in name), name
        assert set(got) == set(stored)


def test_a_base_in_half_precision_and_shards_stays_so(train, merged, tmp_path):
    """The shards keep their names and their index, the weights their precision; each is rounded once."""
    base = tmp_path / "base"
    with quiet():
        load_model("tiny-random", dtype=torch.bfloat16).save_pretrained(base, max_shard_size="15MB")
    plan, run = train(model=str(base), dtype="bfloat16")
    folder = merged(run, base=str(base))
    files = sorted(path.name for path in base.glob("model*"))
    assert len(files) > 2
    assert sorted(path.name for path in folder.glob("model*")) == files
    assert {weight.dtype for path in folder.glob("*.safetensors") for weight in load_file(path).values()} == {
        torch.bfloat16
    }
    with quiet():
        parts = load_trained(str(base), run, plan)
        whole = load_model(str(folder), dtype=torch.bfloat16)
    assert measured(whole) == pytest.approx(measured(parts), abs=5e-2)


def test_the_models_folder_reads_the_same_in_old_and_new_transformers(train, merged):
    """Both spellings of what was renamed, the official tokenizer, and where it came from."""
    _, run = train()
    folder = merged(run)
    config = json.loads((folder / "config.json").read_text())
    assert config["rope_theta"] == config["rope_parameters"]["rope_theta"] == 1_000_000
    assert config["rope_scaling"] is None
    assert config["torch_dtype"] == config["dtype"] == "float32"
    assert config["architectures"] == ["Qwen3ForCausalLM"]
    assert sha256((folder / "tokenizer.json").read_bytes()).hexdigest() == tokenizer_digest()
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    assert not isinstance(settings.get("extra_special_tokens", {}), list)
    assert settings["tokenizer_class"] == "Qwen2Tokenizer"
    told, of_run = (json.loads((place / "training.json").read_bytes()) for place in (folder, run))
    assert told | {"files": {}} == of_run | {"files": {}}
    with quiet():
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        again = transformers.AutoConfig.from_pretrained(folder)
    assert tokenizer("<|im_start|>user").input_ids == [151644, 872]
    assert again.rope_parameters["rope_theta"] == 1_000_000


@pytest.mark.parametrize("method", ["full", "freeze"])
def test_a_whole_model_is_saved_with_the_same_care(train, method):
    """Full and freeze write what merge writes, and there is nothing to merge."""
    _, run = train(method=method, learning_rate=1e-3)
    config = json.loads((run / "config.json").read_text())
    assert config["rope_theta"] == config["rope_parameters"]["rope_theta"] == 1_000_000
    assert config["torch_dtype"] == config["dtype"] == "float32"
    assert (run / "tokenizer.json").is_file()
    with pytest.raises(
        TrainError, match=rf"holds a whole model \(method {method}\): there is nothing to merge"
    ):
        merge(run, base="tiny-random", output=run)


@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        (
            {"rope_parameters": {"rope_type": "default", "rope_theta": 5.0}, "dtype": "bfloat16"},
            {"rope_theta": 5.0, "rope_scaling": None, "torch_dtype": "bfloat16"},
        ),
        (
            {"rope_parameters": {"rope_type": "yarn", "factor": 4.0, "rope_theta": 5.0}},
            {"rope_theta": 5.0, "rope_scaling": {"rope_type": "yarn", "factor": 4.0}},
        ),
        (
            {"rope_theta": 5.0, "rope_scaling": None, "torch_dtype": "float16"},
            {"rope_parameters": {"rope_type": "default", "rope_theta": 5.0}, "dtype": "float16"},
        ),
        (
            {"rope_theta": 5.0, "rope_scaling": {"rope_type": "yarn", "factor": 4.0}},
            {"rope_parameters": {"rope_type": "yarn", "factor": 4.0, "rope_theta": 5.0}},
        ),
    ],
)
def test_what_one_version_wrote_is_spelled_for_the_other(config, wanted):
    """Nothing that was there is changed."""
    assert spell_twice(config) == config | wanted


def test_a_stretched_model_stays_stretched(tmp_path):
    """Written in both spellings, YaRN is read back as it was."""
    rope = {"rope_type": "yarn", "rope_theta": 1e6, "factor": 4.0, "original_max_position_embeddings": 32768}
    config = transformers.Qwen3Config(rope_parameters=rope)
    (tmp_path / "config.json").write_text(json.dumps(spell_twice(config.to_dict())))
    assert transformers.AutoConfig.from_pretrained(tmp_path).rope_parameters == config.rope_parameters


def test_another_base_is_refused(train, merged, tmp_path):
    """Its config has another digest, whatever it is called; nothing is written."""
    _, run = train()
    base = tmp_path / "other"
    with quiet():
        load_model("tiny-random", dtype=torch.float32).save_pretrained(base)
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps(config | {"rms_norm_eps": 1e-5}))
    with pytest.raises(
        TrainError, match=r"was trained on tiny-random \(config \w{12}\), not on \S+other \(config"
    ):
        merged(run, base=str(base))
    assert not any((tmp_path / "merged").iterdir())


def test_a_base_that_lacks_a_weight_is_refused(train, merged, tmp_path):
    """The weight is named."""
    _, run = train()
    base = tmp_path / "less"
    with quiet():
        load_model("tiny-random", dtype=torch.float32).save_pretrained(base)
    weights = load_file(base / "model.safetensors")
    del weights["model.layers.0.mlp.up_proj.weight"]
    save_file(weights, base / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(TrainError, match=r"stores no model.layers.0.mlp.up_proj.weight, which the adapter"):
        merged(run, base=str(base))


def test_an_adapter_with_one_changed_bit_is_refused(train, merged):
    """A flipped bit in the adapter's weights is named as damage, and nothing is merged."""
    _, adapter = train()
    weights = adapter / "adapter_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(TrainError, match=r"adapter_model\.safetensors is damaged: its sha256"):
        merged(adapter)


@pytest.mark.parametrize("name", ["../weights.bin", "/etc/hostname"])
def test_a_manifest_that_names_files_outside_its_folder_is_refused(train, merged, name):
    """They are not read."""
    _, adapter = train()
    told = json.loads((adapter / "training.json").read_bytes())
    told["files"][name] = "0" * 64
    (adapter / "training.json").write_text(json.dumps(told))
    with pytest.raises(TrainError, match="names a file outside its folder"):
        merged(adapter)


def test_a_folder_without_a_run_is_refused(tmp_path):
    """Neither a missing manifest nor a broken one is guessed at."""
    with pytest.raises(TrainError, match=r"is not a training run: training.json cannot be read"):
        merge(tmp_path, base="tiny-random", output=tmp_path)
    (tmp_path / "training.json").write_text("{}")
    with pytest.raises(TrainError, match=r"training.json is not the manifest of a training run"):
        merge(tmp_path, base="tiny-random", output=tmp_path)


def test_merging_beside_four_bits_moves_the_loss_and_says_so(publish, sums, digest_of, merged, tmp_path):
    """Before: what the run measured at its end; after: what a run on the merged model begins with."""
    version = publish(sums[3:], held_out=sums[:3])
    version = version.rename(tmp_path / digest_of(version))

    def run(name, model, **settings):
        job = TrainJob(version, version.name, TrainPlan(**SHORT | settings), model, tmp_path / name)
        return fit(job)

    first = run("run", "tiny-random", method="qlora4", eval_rows=3)
    folder = merged(tmp_path / "run")
    found = measure_merge(tmp_path / "run", folder, base="tiny-random", version=version)
    assert (found.split, found.rows) == ("eval", 3)
    assert found.adapter == pytest.approx(first.eval_after.total.loss, abs=1e-6)
    again = run("again", str(folder), eval_rows=3, max_steps=1)
    assert found.merged == pytest.approx(again.eval_before.total.loss, abs=1e-6)
    assert found.merged != pytest.approx(found.adapter, abs=1e-3)
    kind = r"held-out loss [\d.]+ → [\d.]+ \([+-][\d.]+\), quantised with the adapter → merged, over 3 rows"
    assert re.fullmatch(kind, found.sentence())


def test_a_merged_model_has_a_manifest_of_its_own_files(train, merged):
    """So a changed bit is seen when it is loaded, and it is not merged again."""
    _, run = train()
    folder = merged(run)
    assert read_trained(folder).files.keys() == {path.name for path in folder.iterdir()} - {"training.json"}
    with pytest.raises(TrainError, match="holds a whole model"):
        merged(folder, name="again")
    flip_bit(folder / "config.json", bit=0)
    with pytest.raises(TrainError, match=r"cannot be loaded|is damaged"):
        load_model(str(folder), dtype=torch.float32)
