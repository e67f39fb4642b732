"""Real runs of the tiny model: page and card tell what happened, and the card's own Python loads them."""

import json
import os
import shutil
import warnings
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs thinkmix[train]")
pytest.importorskip("peft", reason="needs thinkmix[train]")

from tests.flows.pages.test_report import check_harmless
from tests.flows.pages.training.test_card import shown
from tests.flows.pages.training.test_page import SECTIONS, words
from tests.harness.builders import flip_bit
from tests.harness.listening import Heard
from tests.harness.trained import clock
from thinkmix.flows.pages.training.page import CARD, PAGE, write_page
from thinkmix.flows.pages.training.timing import StepTime
from thinkmix.schemas.errors import TrainError
from thinkmix.schemas.training import TrainPlan
from thinkmix.schemas.version_name import seal
from thinkmix.train.model.loading import load_model
from thinkmix.train.output.trained_folder import read_trained
from thinkmix.train.run.fit import fit
from thinkmix.train.run.job import TrainJob

pytestmark = pytest.mark.usefixtures("tiny")

SHORT = {"max_steps": 3, "batch": 512, "max_tokens": 512, "eval_rows": 2, "learning_rate": 5e-3}
"""What every run here is told."""


def run(version: Path, output: Path, **settings: object) -> Path:
    """Train the tiny model on the small version, and write its page."""
    steps = []

    def told(progress) -> None:
        steps.append(
            StepTime(
                step=progress.step,
                seconds=0.5,
                tokens=progress.tokens - sum(one.tokens for one in steps),
                trained_tokens=progress.trained_tokens - sum(one.trained_tokens for one in steps),
            )
        )

    plan = TrainPlan.model_validate(SHORT | settings)
    job = TrainJob(version, version.name, plan, "tiny-random", output)
    fit(job, listener=Heard(step=told))
    write_page(output, timing=clock(steps=tuple(steps)), version=version)
    return output


@pytest.fixture(scope="module")
def adapter(version: Path, tmp_path_factory) -> Path:
    """An adapter of a run that was measured and asked at every step; read only."""
    asked = {"eval_every": 1, "mode_prompts": 2, "mode_least": 0, "mode_tokens": 4}
    return run(version, tmp_path_factory.mktemp("lora") / "out", protected={"chat": 5}, **asked)


@pytest.fixture(scope="module")
def whole(version: Path, tmp_path_factory) -> Path:
    """A whole model whose last layer was trained; read only."""
    return run(version, tmp_path_factory.mktemp("freeze") / "out", method="freeze", train_layers=1)


def blocks(folder: Path, **places: object) -> str:
    """Return the Python of a card, with real places for those that it leaves to the reader."""
    card = (folder / CARD).read_text(encoding="utf-8")
    code = "\n".join(part.partition("\n```")[0] for part in card.split("```python\n")[1:])
    for word, place in places.items():
        assert f"PATH/OF/{word}" in code
        code = code.replace(f"PATH/OF/{word}", str(place))
    return code


def loaded(code: str, monkeypatch) -> dict[str, object]:
    """Run the Python of a card offline; return its names."""
    monkeypatch.setitem(os.environ, "HF_HUB_OFFLINE", "1")
    names: dict[str, object] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(code, "card", "exec"), names)
    return names


def test_the_page_of_a_real_run_tells_its_losses(adapter: Path):
    """Loss before and after, steps, the verdict that tiny-random gets, and every file of the folder."""
    result = read_trained(adapter)
    html = (adapter / PAGE).read_text(encoding="utf-8")
    text = words(html)
    check_harmless(html, SECTIONS)
    assert f"{result.eval_before.total.loss:.3f}" in text
    assert f"{result.eval_after.total.loss:.3f}" in text
    assert "tiny-random began with random weights" in text
    assert [name for name, digest in result.files.items() if name not in text or digest not in text] == []
    assert [answer.id for answer in result.switch.samples if answer.id not in text] == []
    assert set(result.files) | {"training.json", PAGE, CARD} == {path.name for path in adapter.iterdir()}


def test_card_and_page_name_the_versions_sources(adapter: Path, built):
    """Each source of the version that was trained on is there with its commit, on both."""
    card = shown((adapter / CARD).read_text(encoding="utf-8"))
    page = words((adapter / PAGE).read_text(encoding="utf-8"))
    for source in built.manifest.sources:
        assert f"{source.name} {source.dataset} {source.commit}" in card
        assert source.commit[:12] in page


def test_nothing_is_told_of_weights_with_a_changed_bit(adapter: Path, tmp_path: Path):
    """Neither page nor card is written; the file is named."""
    folder = shutil.copytree(adapter, tmp_path / "copy")
    (folder / CARD).unlink()
    flip_bit(folder / "adapter_model.safetensors")
    with pytest.raises(TrainError, match=r"adapter_model\.safetensors is damaged: its sha256"):
        write_page(folder, timing=None)
    assert not (folder / CARD).exists()


def test_a_whole_model_with_a_changed_bit_is_not_loaded(whole: Path, tmp_path: Path):
    """Nor trained further, merged into or measured, since all load it by one function."""
    folder = shutil.copytree(whole, tmp_path / "copy")
    flip_bit(folder / "model.safetensors")
    import torch  # noqa: PLC0415 - an extra

    with pytest.raises(TrainError, match=r"model\.safetensors is damaged: its sha256"):
        load_model(str(folder), dtype=torch.float32)


def test_another_version_than_was_trained_on_is_refused(adapter: Path, version: Path, tmp_path: Path):
    """Its sources are not those of the run, so nothing is written over."""
    other = {**json.loads((version / "manifest.json").read_bytes())}
    other.pop("seal")
    other["recipe"] = {**other["recipe"], "title": "Another"}
    (tmp_path / "manifest.json").write_bytes(seal(other))
    before = (adapter / PAGE).read_bytes()
    with pytest.raises(TrainError, match="holds the mixture"):
        write_page(adapter, timing=None, version=tmp_path)
    assert (adapter / PAGE).read_bytes() == before


def test_the_cards_python_loads_a_whole_model(whole: Path, monkeypatch):
    """As it is printed, with the folder's path put in: a model, its tokenizer and a prompt that thinks."""
    names = loaded(blocks(whole, **{"THIS/FOLDER": whole}), monkeypatch)
    assert names["model"].config.model_type == "qwen3"
    assert names["prompt"].endswith("<|im_start|>assistant\n")


def test_the_cards_python_loads_an_adapter_on_its_base(adapter: Path, whole: Path, monkeypatch):
    """As it is printed, with the paths put in; any folder of the same architecture does as the base."""
    places = {"THIS/FOLDER": adapter, "THE/BASE/MODEL": whole}
    names = loaded(blocks(adapter, **places), monkeypatch)
    assert list(names["model"].peft_config) == ["default"]
    assert names["prompt"].endswith("<|im_start|>assistant\n")
