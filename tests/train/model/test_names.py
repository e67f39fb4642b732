"""Published files call a model by a name that says nothing of this machine."""

from pathlib import Path

import pytest

from thinkmix.train.model.names import hub_id, public_name


@pytest.fixture
def model(tmp_path: Path, monkeypatch) -> Path:
    """A folder in the home folder, in which the test runs."""
    folder = tmp_path / "models" / "my-qwen"
    folder.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize(
    "spelled", ["{}", "{}/", ".", "../my-qwen", "~/models/my-qwen", "../../models/my-qwen/"]
)
def test_a_folder_is_called_by_its_own_name_however_its_path_is_written(model: Path, spelled: str):
    """And it has no id."""
    path = spelled.format(model)
    assert (public_name(path), hub_id(path)) == ("my-qwen", None)


@pytest.mark.parametrize(("name", "wanted"), [("Qwen/Qwen3-4B", "Qwen/Qwen3-4B"), ("tiny-random", None)])
def test_a_hub_model_is_called_by_its_id_and_the_random_one_has_none(name: str, wanted: str | None):
    """tiny-random is made by this program alone."""
    assert (public_name(name), hub_id(name)) == (name, wanted)


def test_a_folder_goes_before_a_hub_model_of_the_same_name(model: Path, monkeypatch):
    """That is what is trained, too."""
    monkeypatch.chdir(model.parents[1])
    assert (public_name("models/my-qwen"), hub_id("models/my-qwen")) == ("my-qwen", None)
