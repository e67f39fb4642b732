"""Several processes make the steps that one makes, however they hold the weights."""

import importlib.util
import json
from hashlib import sha256

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs thinkmix[train]")
pytest.importorskip("peft", reason="needs thinkmix[train]")

from safetensors.torch import load_file  # noqa: E402 - needs torch
from torch.distributed.launcher.api import LaunchConfig, elastic_launch  # noqa: E402

from tests.harness.train import doomed  # noqa: E402
from thinkmix.schemas.errors import TrainError  # noqa: E402
from thinkmix.schemas.training import TrainPlan  # noqa: E402
from thinkmix.train.run.fit import fit  # noqa: E402
from thinkmix.train.run.job import TrainJob  # noqa: E402
from thinkmix.train.run.processes import Process, join_processes  # noqa: E402

torch.set_num_threads(1)

needs_deepspeed = pytest.mark.skipif(
    importlib.util.find_spec("deepspeed") is None, reason="DeepSpeed is not installed: make deepspeed"
)
SETTINGS = {
    "max_steps": 3,
    "batch": 64,
    "max_tokens": 64,
    "accumulate": 3,
    "learning_rate": 5e-3,
    "dropout": 0.1,
}


def digest_of(version):
    return sha256((version / "manifest.json").read_bytes()).hexdigest()


def plan_of(**settings):
    return TrainPlan(**{**SETTINGS, **settings})


def by_two(function, *given):
    """Call a function in two processes, as torchrun starts them; return what each returns, by rank."""
    doomed.processes()  # those that torchrun asks for are then made by the same server
    torchrun = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=2,
        rdzv_backend="c10d",
        rdzv_endpoint="127.0.0.1:0",
        local_addr="127.0.0.1",
        start_method="forkserver",
        monitor_interval=0.1,
        max_restarts=0,
        run_id="two",
    )
    return elastic_launch(torchrun, function)(*given)


def check_alike(version, folder, plan):
    """Two processes must report the losses of one, and write its weights but for the order of sums."""
    alone = plan.model_copy(update={"sharding": "none"})
    one = fit(TrainJob(version, digest_of(version), alone, "tiny-random", folder / "one"))
    by_two(doomed.train, version, folder / "two", plan, "never")
    two = json.loads((folder / "two" / "training.json").read_text())
    assert two["losses"][0] == pytest.approx(one.losses[0], rel=1e-6)
    assert two["losses"] == pytest.approx(one.losses, rel=1e-4)
    assert two["evals"][-1]["total"]["loss"] == pytest.approx(one.eval_after.total.loss, rel=1e-4)
    assert one.eval_after.total.loss < one.eval_before.total.loss
    name = next(name for name in one.files if name.endswith(".safetensors"))
    want, got = load_file(folder / "one" / name), load_file(folder / "two" / name)
    assert want.keys() == got.keys()
    for key, weight in want.items():
        torch.testing.assert_close(got[key], weight, rtol=1e-2, atol=2e-4)
    assert sorted(path.name for path in folder.iterdir()) == ["one", "two", "version"]


def test_each_batch_is_read_by_one_process_and_all_go_through_as_many():
    """Seven batches by three processes: every batch counts once, and the two that have fewer repeat one."""
    step = tuple(np.array([n]) for n in range(7))
    shares = [Process(rank, 3).share(step) for rank in range(3)]
    assert {len(share) for share in shares} == {3}
    assert sorted(place for share in shares for place, _, counts in share if counts) == list(range(7))
    assert all(int(batch[0]) == place for share in shares for place, batch, _ in share)


def test_a_plan_that_shares_weights_wants_several_processes():
    """Alone there is nobody to share with, and the sentence says how to start."""
    with pytest.raises(TrainError, match="there is one: torchrun"), join_processes(plan_of(sharding="fsdp2")):
        pass


@pytest.mark.parametrize(
    ("sharding", "method"),
    [
        pytest.param("none", "lora", marks=pytest.mark.deep),  # test_resume_several trains so, too
        ("fsdp2", "full"),
    ],
)
def test_two_processes_train_as_one_does(publish, sums, tmp_path, sharding, method):
    """Each with a copy of the weights, or with half of each layer: same losses, same weights, one output."""
    settings = {"dropout": 0.0, "learning_rate": 1e-3} if method == "full" else {}
    version = publish(sums[2:], held_out=sums[:2])
    check_alike(version, tmp_path, plan_of(sharding=sharding, method=method, **settings))


def test_fsdp2_shares_the_layers_out():
    """Each of two processes holds half of the weights of the layers, on a CPU too."""
    assert by_two(doomed.held_by_one, plan_of(sharding="fsdp2")) == {0: 0.5, 1: 0.5}


@needs_deepspeed
@pytest.mark.parametrize("sharding", ["zero2", "zero3"])
def test_deepspeed_trains_as_one_process_does(publish, sums, tmp_path, sharding):
    """ZeRO shares gradients, or the weights too: same losses, same adapter."""
    version = publish(sums[2:], held_out=sums[:2])
    check_alike(version, tmp_path, plan_of(sharding=sharding))
