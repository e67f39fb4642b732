"""Monitors are told of each step through their own libraries, and none of them ends a training."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from thinkmix.flows.training.monitors import contract
from thinkmix.flows.training.monitors.known import MONITORS
from thinkmix.flows.training.monitors.watching import monitors_named, watched
from thinkmix.schemas.errors import NotFound, TrainError
from thinkmix.schemas.training import TrainPlan
from thinkmix.train.output.result import Evaluation, Loss, Progress, Start

NAMES = [monitor.name for monitor in MONITORS]


class Calls(list[tuple[str, Any]]):
    """What a library was asked for."""

    def note(self, name: str) -> Any:
        """Return a function that notes its call."""
        return lambda *args, **named: self.append((name, (args, named)))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Put modules with the interfaces of the libraries in the places of the libraries."""
    calls = Calls()
    writer = SimpleNamespace(
        add_scalar=calls.note("log"),
        add_text=calls.note("config"),
        flush=lambda: None,
        close=calls.note("end"),
    )
    info = SimpleNamespace(info=SimpleNamespace(run_id="r"))
    client = SimpleNamespace(
        get_experiment_by_name=lambda name: None,
        create_experiment=lambda name: "1",
        search_runs=lambda *args, **named: [],
        create_run=lambda *args, **named: calls.append(("begin", (args, named))) or info,
        log_param=calls.note("config"),
        log_metric=calls.note("log"),
        set_terminated=calls.note("end"),
    )
    run = SimpleNamespace(log=calls.note("log"), finish=calls.note("end"))
    made = {
        "torch.utils.tensorboard": {
            "SummaryWriter": lambda *args: calls.append(("begin", (args, {}))) or writer
        },
        "mlflow": {},
        "mlflow.tracking": {"MlflowClient": lambda uri: calls.append(("uri", uri)) or client},
        "swanlab": {"init": calls.note("begin"), "log": calls.note("log"), "finish": calls.note("end")},
        "wandb": {"init": lambda **named: calls.append(("begin", ((), named))) or run},
    }
    for name, attributes in made.items():
        module = ModuleType(name)
        module.__dict__.update(attributes)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(contract, "find_spec", lambda name: object())
    return calls


class View:
    """A view that keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def begin(self, start: Start) -> None:
        """Take no note."""

    def step(self, told: Progress, pace: float) -> None:
        """Take no note."""

    def point(self, found: Evaluation) -> None:
        """Take no note."""

    def say(self, sentence: str) -> None:
        """Keep it."""
        self.said.append(sentence)


LOSS = Loss(loss=2.5, rows=4, trained_tokens=40)
POINT = Evaluation(total=LOSS, by_source={"math": LOSS}, by_mode={"thinking": LOSS}, step=0)


def train(folder: Path, names: list[str], view: View, *, fails: bool = False) -> None:
    """Go through a training of two steps."""
    version = folder / "store/small/versions/abc"
    run = {"version": version, "model": "tiny-random", "plan": TrainPlan(), "output": folder / "out"}
    with watched(view, monitors_named(names), **run) as seen:
        seen.point(POINT)
        seen.begin(Start(0, 2, 0, 0, 20))
        for step in (1, 2):
            seen.step(Progress(step, 2, 3.0 / step, 0.1, 10 * step, 5 * step, 20), 100.0)
        if fails:
            raise TrainError("no")


@pytest.mark.parametrize("name", NAMES)
def test_a_monitor_has_every_number_of_every_step(told: Calls, tmp_path: Path, name: str):
    """What was measured before the first step, too; the run is named by mixture and output, and closed."""
    train(tmp_path, [name], View())
    logged = str([call for call in told if call[0] == "log"])

    for number in (
        "3.0",
        "1.5",
        "2.5",
        "heldout/source/math",
        "heldout/mode/thinking",
        "train/learning_rate",
    ):
        assert number in logged
    assert "small" in str(told) or name in ("mlflow", "tensorboard")
    assert told[-1][0] == "end"
    assert "abc" in str(told)


@pytest.mark.parametrize("name", NAMES)
def test_a_failed_training_closes_its_monitor(told: Calls, tmp_path: Path, name: str):
    """And the error is the training's own."""
    with pytest.raises(TrainError):
        train(tmp_path, [name], View(), fails=True)
    assert told[-1][0] == "end"


@pytest.mark.parametrize("name", ["swanlab", "wandb"])
def test_nothing_goes_online_that_was_not_asked_for(told: Calls, tmp_path: Path, name: str, monkeypatch):
    """Offline is the mode unless the library's own variable says another."""
    train(tmp_path, [name], View())
    monkeypatch.setenv(f"{name.upper()}_MODE", "disabled")
    train(tmp_path, [name], View())

    assert [call[1][1]["mode"] for call in told if call[0] == "begin"] == ["offline", "disabled"]


def test_a_run_that_goes_on_has_the_key_of_the_first(told: Calls, tmp_path: Path):
    """The same output and plan are the same run."""
    train(tmp_path, ["wandb"], View())
    train(tmp_path, ["wandb"], View())

    first, second = (call[1][1]["id"] for call in told if call[0] == "begin")
    assert first == second


def test_a_monitor_that_fails_is_told_of_once_and_ends_nothing(told: Calls, tmp_path: Path, monkeypatch):
    """The other one goes on to the end."""

    def broken(*args: Any, **named: Any) -> None:
        msg = "the disk is full"
        raise OSError(msg)

    monkeypatch.setattr(sys.modules["swanlab"], "log", broken)
    view = View()
    train(tmp_path, ["swanlab", "wandb"], view)

    assert len(view.said) == 1
    assert "swanlab takes no more numbers of this run: OSError: the disk is full" in view.said[0]
    assert told[-1][0] == "end"


def test_what_cannot_be_told_is_refused_before_anything_is_loaded(monkeypatch: pytest.MonkeyPatch):
    """An unknown monitor, and one whose library is missing, each with the way out."""
    with pytest.raises(NotFound, match="tensorboard, mlflow, swanlab, wandb"):
        monitors_named(["tensorbord"])
    monkeypatch.setattr(contract, "find_spec", lambda name: None)
    with pytest.raises(TrainError, match="pip install mlflow"):
        monitors_named(["mlflow"])
