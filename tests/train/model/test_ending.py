"""A trained model stops where its rows end, whatever its base stops at; its files go anywhere."""

import json
import os
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs thinkmix[train]")
transformers = pytest.importorskip("transformers", reason="needs thinkmix[train]")
pytest.importorskip("peft", reason="needs thinkmix[train]")

from tests.harness.train.learning import load_trained  # noqa: E402
from thinkmix.flows.training.run import merge_adapter  # noqa: E402 - needs torch
from thinkmix.schemas.errors import TrainError  # noqa: E402
from thinkmix.schemas.training import TrainPlan  # noqa: E402
from thinkmix.templates.chat.tokenizer import tokenizer_path  # noqa: E402
from thinkmix.train.model.ending import name_end  # noqa: E402
from thinkmix.train.model.loading import load_model  # noqa: E402
from thinkmix.train.model.model import quiet  # noqa: E402
from thinkmix.train.run.fit import fit  # noqa: E402
from thinkmix.train.run.job import TrainJob  # noqa: E402

torch.set_num_threads(1)  # the model is tiny, and threads that wait for busy cores cost more than they bring

BASE = {"bos_token_id": 151643, "do_sample": False, "eos_token_id": 151643, "max_new_tokens": 64}
"""What a base model of Qwen3 ships as generation_config.json, with a shorter limit."""

BY_HEART = {"max_steps": 40, "schedule": "constant", "eval_rows": 0, "batch": 256, "max_tokens": 64}
ONCE = {**BY_HEART, "max_steps": 1, "rank": 2}


def change(path: Path, **settings: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """The tiny model as a base model of Qwen3 is shipped: everything ends with <|endoftext|>."""
    folder = tmp_path / "home" / "tiny-base"
    with quiet():
        load_model("tiny-random", dtype=torch.float32).save_pretrained(folder)
    change(folder / "config.json", eos_token_id=151643, bos_token_id=151643)
    (folder / "generation_config.json").write_text(json.dumps(BASE))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes(tokenizer_path().with_name(name).read_bytes())
    change(folder / "tokenizer_config.json", eos_token="<|endoftext|>")
    return folder


@pytest.fixture
def train(publish, chat, digest_of, tmp_path):
    """Train on one row by a plan; return the run's folder."""
    version = publish([chat("Name a lake in Austria.", "The Attersee.")])

    def run(model, name="run", **settings):
        output, digest = tmp_path / name, digest_of(version)
        fit(TrainJob(version, digest, TrainPlan(**settings), str(model), output))
        return output

    return run


def answer(folder: Path) -> str:
    """Ask a model what it was taught, with nothing but its folder."""
    with quiet():
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Name a lake in Austria."}],
        tokenize=False,
        add_generation_prompt=True,
        enable_thinking=False,
    )
    asked = tokenizer(text, return_tensors="pt")
    with quiet():
        said = model.generate(**asked)
    return tokenizer.decode(said[0][asked["input_ids"].shape[1] :])


def test_a_base_model_that_was_taught_a_row_ends_with_it(train, base):
    """All weights are trained; the folder alone is enough to generate, and nothing follows the row."""
    assert answer(train(base, method="full", learning_rate=5e-3, **BY_HEART)) == "The Attersee.<|im_end|>"


def test_an_adapter_merged_into_a_base_model_ends_with_its_row(train, base, tmp_path):
    """What merge writes stops there, too."""
    run = train(base, learning_rate=2e-2, rank=32, alpha=64, **BY_HEART)
    merge_adapter(run, model=str(base), output=tmp_path / "merged")
    assert answer(tmp_path / "merged") == "The Attersee.<|im_end|>"


def ends(folder: Path) -> tuple[object, object, object]:
    """Return the ends that generation_config.json, config.json and the tokenizer name."""
    names = ("generation_config.json", "config.json", "tokenizer_config.json")
    generation, config, tokenizer = (json.loads((folder / name).read_text()) for name in names)
    return generation["eos_token_id"], config["eos_token_id"], tokenizer["eos_token"]


@pytest.mark.parametrize("method", ["full", "freeze", "lora"])
def test_every_writer_of_a_model_names_the_end(train, base, tmp_path, method):
    """Full, freeze and merge; what else the base's generation_config.json says stays."""
    folder = train(base, method=method, **ONCE)
    if method == "lora":
        folder, adapter = tmp_path / "merged", folder
        merge_adapter(adapter, model=str(base), output=folder)
    assert ends(folder) == ([151645, 151643], 151645, "<|im_end|>")
    assert json.loads((folder / "generation_config.json").read_text()).items() >= {
        ("max_new_tokens", 64),
        ("bos_token_id", 151643),
    }


def test_the_end_is_named_where_the_base_has_neither_generation_config_nor_tokenizer_config(
    train, base, tmp_path
):
    """The tokenizer's settings are then the official ones."""
    (base / "generation_config.json").unlink()
    (base / "tokenizer_config.json").unlink()
    whole = train(base, "whole", method="full", **ONCE)
    merge_adapter(train(base, **ONCE), model=str(base), output=tmp_path / "merged")
    assert ends(whole) == ends(tmp_path / "merged") == ([151645, 151643], 151645, "<|im_end|>")


@pytest.mark.parametrize(
    ("generation", "config", "wanted"),
    [
        (None, None, [151645]),
        (151645, 151645, [151645]),
        (151643, 151643, [151645, 151643]),
        ([151643], 151643, [151645, 151643]),
        ([151643, 151645], 151643, [151645, 151643]),
        ([151643, 7], [8], [151645, 151643, 7, 8]),
    ],
)
def test_what_else_a_base_stops_at_stays_behind_our_end(tmp_path, generation, config, wanted):
    """Whatever form the ids have; config.json names one, as Qwen's own does."""
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": generation, "top_k": 20}))
    (tmp_path / "config.json").write_text(json.dumps({"eos_token_id": config, "vocab_size": 5}))
    name_end(tmp_path)
    assert json.loads((tmp_path / "generation_config.json").read_text()) == {
        "eos_token_id": wanted,
        "top_k": 20,
    }
    assert json.loads((tmp_path / "config.json").read_text()) == {"eos_token_id": 151645, "vocab_size": 5}


@pytest.mark.parametrize("name", ["tokenizer_config.json", "special_tokens_map.json"])
@pytest.mark.parametrize("token", ["<|endoftext|>", {"content": "<|endoftext|>", "special": True}, None])
def test_each_file_of_a_tokenizer_agrees(tmp_path, name, token):
    """A token may be written bare or with its settings; the others stay."""
    (tmp_path / name).write_text(json.dumps({"eos_token": token, "pad_token": "<|endoftext|>"}))
    name_end(tmp_path)
    found = json.loads((tmp_path / name).read_text())
    assert found == {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}


def test_files_that_agree_keep_their_bytes(tmp_path):
    """Nothing is written for the sake of its form."""
    texts = {
        "config.json": '{"eos_token_id":151645}',
        "generation_config.json": '{"eos_token_id":[151645,151643]}',
        "tokenizer_config.json": '{"eos_token":{"content":"<|im_end|>","lstrip":false}}',
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    name_end(tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == texts


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_a_file_that_cannot_be_read_is_named(tmp_path, text):
    """It is the base's, and a person has to look at it."""
    (tmp_path / "generation_config.json").write_text(text)
    with pytest.raises(TrainError, match=r"generation_config.json, as the base model has it, is not"):
        name_end(tmp_path)


@pytest.fixture
def under(monkeypatch):
    """Set the umask of this process until the test ends."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_weights_are_as_readable_as_the_files_beside_them(train, base, tmp_path, under, umask, mode):
    """An adapter, whole models, and what merge writes: safetensors alone would hide them from a server."""
    under(umask)
    adapter, merged = train(base, **ONCE), tmp_path / "merged"
    merge_adapter(adapter, model=str(base), output=merged)
    folders = [adapter, merged, train(base, "whole", method="freeze", **ONCE)]
    modes = {path.name: path.stat().st_mode & 0o777 for folder in folders for path in folder.iterdir()}
    assert {"adapter_model.safetensors", "model.safetensors"} < set(modes)
    assert set(modes.values()) == {mode}


def test_checkpoints_are_as_readable_as_other_files(train, base, tmp_path, under, monkeypatch):
    """They lie beside the output until it is whole."""

    def refuse(*_: object) -> None:
        raise TrainError("the disk is full")

    monkeypatch.setattr("thinkmix.train.run.finish._publish", refuse)
    with pytest.raises(TrainError, match="the disk is full"):
        train(base, **ONCE, save_every=1)
    (checkpoint,) = tmp_path.glob(".run.partial/checkpoints/*.safetensors")
    assert checkpoint.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("spelled", ["relative", "absolute", "here"])
def test_no_published_file_names_the_place_of_a_local_base(train, base, tmp_path, monkeypatch, spelled):
    """The adapter names no base, the manifest the folder's own name; merge finds the base by --model."""
    monkeypatch.chdir(base if spelled == "here" else base.parent)
    model = {"relative": "../home/tiny-base", "absolute": str(base), "here": "."}[spelled]
    change(base / "config.json", _name_or_path=str(base))
    change(base / "tokenizer_config.json", name_or_path=str(base))
    adapter, merged = train(model, **ONCE), tmp_path / "merged"
    merge_adapter(adapter, model=model, output=merged)
    for folder in (adapter, merged, train(model, "whole", method="full", **ONCE)):
        for path in folder.glob("*.json"):
            if path.name not in ("tokenizer.json", "vocab.json"):
                assert [word for word in (str(tmp_path), "home/", "../") if word in path.read_text()] == []
    settings = json.loads((adapter / "adapter_config.json").read_text())
    assert (settings["base_model_name_or_path"], settings["revision"]) == (None, None)
    assert json.loads((adapter / "training.json").read_text())["model"]["name"] == "tiny-base"
    with quiet():
        load_trained(model, adapter, TrainPlan(**ONCE))
