"""Several processes that are killed and begun again write the bytes of those that were not."""

import shutil

import pytest

torch = pytest.importorskip("torch", reason="needs thinkmix[train]")
pytest.importorskip("peft", reason="needs thinkmix[train]")

from tests.harness.train import doomed  # noqa: E402
from thinkmix.schemas.errors import TrainError  # noqa: E402
from thinkmix.schemas.training import TrainPlan  # noqa: E402
from thinkmix.train.output.result import TrainResult  # noqa: E402
from thinkmix.train.run.checkpoint import Checkpoints, origin_of  # noqa: E402
from thinkmix.train.run.fit import fit  # noqa: E402
from thinkmix.train.run.job import TrainJob  # noqa: E402
from thinkmix.train.run.processes import Process  # noqa: E402

torch.set_num_threads(1)  # the model is tiny, and threads that wait for busy cores cost more than they bring

PLAN = TrainPlan(
    max_steps=4,
    batch=64,
    max_tokens=64,
    learning_rate=5e-3,
    accumulate=3,
    eval_rows=1,
    eval_every=2,
    save_every=2,
    keep_checkpoints=1,
)
NEVER = ("never", "never")
FSDP2 = {"sharding": "fsdp2", "method": "full", "learning_rate": 1e-3}
PLANS = [
    pytest.param({"dropout": 0.1}, id="copies"),
    pytest.param(FSDP2, id="fsdp2"),
    pytest.param({**FSDP2, "dtype": "bfloat16"}, id="fsdp2 bfloat16", marks=pytest.mark.deep),
    pytest.param({"sharding": "fsdp2", "dropout": 0.1}, id="fsdp2 lora", marks=pytest.mark.deep),
]


@pytest.fixture(scope="module")
def processes():
    return doomed.processes()


@pytest.fixture
def version(publish, sums):
    return publish(sums[2:], held_out=sums[:2])


def latest(folder):
    return [int(path.stem[:10]) for path in sorted(folder.glob(".out.partial/checkpoints/*.safetensors"))]


@pytest.mark.parametrize("settings", PLANS)
def test_two_processes_go_on_where_either_was_killed(settings, version, tmp_path, processes):
    """The first dies while it writes a checkpoint, then the second between two: curve and weights stay."""
    plan = TrainPlan.model_validate({**PLAN.model_dump(), **settings})
    assert doomed.run_together(version, tmp_path / "whole", plan, NEVER, processes) == [0, 0]
    output = tmp_path / "out"
    killed = doomed.run_together(version, output, plan, ("unnamed 1", "never"), processes)
    assert killed == [-9, 1]
    assert latest(tmp_path) == []
    killed = doomed.run_together(version, output, plan, ("never", "step 3"), processes)
    assert killed == [1, -9]
    assert latest(tmp_path) == [2]
    assert doomed.run_together(version, output, plan, NEVER, processes) == [0, 0]
    written = {path.name: path.read_bytes() for path in output.iterdir()}
    assert written == {path.name: path.read_bytes() for path in (tmp_path / "whole").iterdir()}
    told = TrainResult.model_validate_json(written["training.json"])
    assert (len(told.losses), [point.step for point in told.evals]) == (4, [0, 2, 4])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "version", "whole"]


def test_a_disk_that_is_full_ends_all_processes_with_one_sentence(version, tmp_path, processes):
    """Only the first writes, and the others do not wait for it forever."""
    ended = doomed.run_together(version, tmp_path / "out", PLAN, ("full", "never"), processes)
    assert ended == [TrainError.exit_code] * 2
    said = [(tmp_path / f"said {rank}").read_text() for rank in range(2)]
    assert said[0] == said[1]
    assert "the checkpoint of step 2 cannot be written" in said[0]


def test_another_number_of_processes_does_not_go_on(version, tmp_path, processes, digest_of):
    """Sums would be made in another order, so that the run would not be the one that was begun."""
    doomed.run_together(version, tmp_path / "out", PLAN, ("never", "step 3"), processes)
    with pytest.raises(TrainError, match=r"number of processes was 2, now 1.* with --restart"):
        fit(TrainJob(version, digest_of(version), PLAN, "tiny-random", tmp_path / "out"))
    assert latest(tmp_path) == [2]


def test_all_must_see_the_checkpoint_that_the_first_goes_on_from(version, tmp_path, processes, monkeypatch):
    """On machines that share no folder the others would start over: that is said, and nobody trains."""
    doomed.run_together(version, tmp_path / "out", PLAN, ("never", "step 3"), processes)
    here = tmp_path / ".out.partial" / "checkpoints"
    origin = origin_of(PLAN, mixture="", versions={})
    found = Checkpoints(here, keep=1, origin=origin, notice=print)._open(next(here.iterdir()))
    said = []
    monkeypatch.setattr(Process, "by_first", lambda self, act: found)
    monkeypatch.setattr(Process, "all_well", lambda self, trouble: said.append(trouble))
    other = Checkpoints(here, keep=1, origin=origin, notice=print, process=Process(1, 2))
    assert other.newest() == found
    shutil.rmtree(here)
    other.newest()
    assert said[0] is None
    assert "is not what process 0 goes on from: all must see one folder" in said[1]
