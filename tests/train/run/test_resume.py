"""A run that is killed at any moment and begun again writes the bytes of one that was not."""

from hashlib import sha256

import pytest

torch = pytest.importorskip("torch", reason="needs thinkmix[train]")
pytest.importorskip("peft", reason="needs thinkmix[train]")

from tests.harness.listening import Heard  # noqa: E402
from tests.harness.train import doomed  # noqa: E402
from thinkmix.schemas.errors import TrainError  # noqa: E402
from thinkmix.schemas.training import TrainPlan  # noqa: E402
from thinkmix.train.output.result import TrainResult  # noqa: E402
from thinkmix.train.run.fit import fit  # noqa: E402
from thinkmix.train.run.job import TrainJob  # noqa: E402

torch.set_num_threads(1)  # the model is tiny, and threads that wait for busy cores cost more than they bring

PLAN = TrainPlan(
    max_steps=7,
    batch=96,
    max_tokens=64,
    learning_rate=5e-3,
    dropout=0.1,
    accumulate=2,
    eval_rows=1,
    eval_every=3,
    save_every=2,
    keep_checkpoints=1,
)


@pytest.fixture(scope="module")
def processes():
    return doomed.processes()


@pytest.fixture
def version(publish, sums):
    """Publish the sums, four of them held out, two of a kind."""
    return publish([*sums[2:16], *sums[18:]], held_out=[*sums[:2], *sums[16:18]])


def written(output):
    return {path.name: path.read_bytes() for path in output.iterdir()}


def test_a_run_that_is_killed_over_and_over_writes_the_same_bytes(version, tmp_path, processes):
    """Between steps, in the middle of a checkpoint, at each step of replacing one, and before publishing."""
    assert doomed.run(version, tmp_path / "whole", PLAN, "never", processes) == 0
    moments = [
        ("step 1", 0),  # nothing is saved yet
        ("step 3", 2),
        ("torn 1", 2),  # in the middle of writing step 4
        ("unnamed 1", 2),  # step 4 is written, but is not on the disk and has no name
        ("named 2", 4),  # it is there, and step 2 as well
        ("unpruned 1", 6),
        ("step 7", 6),
        ("unpublished 1", 7),  # all is done, and nothing is published
    ]
    folder = tmp_path / ".out.partial" / "checkpoints"
    for moment, latest in moments:
        assert doomed.run(version, tmp_path / "out", PLAN, moment, processes) == -9, moment
        assert not (tmp_path / "out").exists()
        found = sorted(folder.glob("*.safetensors"))
        assert (int(found[-1].stem[:10]) if found else 0) == latest, moment
    assert doomed.run(version, tmp_path / "out", PLAN, "never", processes) == 0
    assert written(tmp_path / "out") == written(tmp_path / "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "version", "whole"]


@pytest.mark.parametrize(
    "stated",
    [
        {"method": "lora", "optimiser": "adamw8bit", "neftune": 5.0},
        {"method": "lora", "optimiser": "sgd", "init": "pissa"},
        {"method": "qlora4", "dora": True, "optimiser": "adamw8bit"},
        {"method": "qlora8"},
        {"method": "freeze", "train_layers": 1, "optimiser": "adamw8bit"},
        {"method": "full"},
        {"method": "full", "dtype": "bfloat16"},
    ],
    ids=lambda stated: " ".join(map(str, stated.values())),
)
def test_every_method_and_optimiser_goes_on_where_it_was_killed(stated, version, tmp_path, processes):
    """Moments in 32 or 8 bit, or none; what rounding lost; weights of an adapter, a layer, or all of them."""
    plan = TrainPlan(max_steps=4, batch=64, max_tokens=64, eval_rows=0, save_every=2, **stated)
    train(version, tmp_path / "whole", plan)
    assert doomed.run(version, tmp_path / "out", plan, "step 3", processes) == -9
    told = []
    train(version, tmp_path / "out", plan, listener=Heard(step=told.append))
    assert [at.step for at in told] == [3, 4]
    assert written(tmp_path / "out") == written(tmp_path / "whole")


def test_an_output_that_was_published_just_before_the_kill_is_whole(version, tmp_path, processes):
    """What lies beside it is cleared away by the next run, which finds that all is done."""
    assert doomed.run(version, tmp_path / "out", PLAN, "unswept 1", processes) == -9
    assert (tmp_path / ".out.partial" / "checkpoints").is_dir()
    result = TrainResult.model_validate_json((tmp_path / "out" / "training.json").read_bytes())
    assert all(
        sha256(written(tmp_path / "out")[name]).hexdigest() == has for name, has in result.files.items()
    )
    with pytest.raises(TrainError, match="out exists already"):
        train(version, tmp_path / "out")
    assert not (tmp_path / ".out.partial").exists()


def test_a_damaged_checkpoint_costs_the_steps_since_the_one_before(version, tmp_path):
    """The damage is told, the run goes on from the checkpoint before, and the bytes are the same."""
    want = train(version, tmp_path / "whole")
    plan = PLAN.model_copy(update={"keep_checkpoints": 2})
    stop_after(version, tmp_path / "out", 5, plan)
    folder = tmp_path / ".out.partial" / "checkpoints"
    last = max(folder.iterdir())
    last.write_bytes(last.read_bytes()[:-100])
    told, said = [], []
    got = train(version, tmp_path / "out", listener=Heard(step=told.append, say=said.append))
    assert [at.step for at in told] == [3, 4, 5, 6, 7]
    assert (last.name in said[0], said[1].startswith("going on after step 2, from")) == (True, True)
    assert written(tmp_path / "out") == written(tmp_path / "whole")
    assert told[-1].tokens == told[-1].total_tokens == got.counts.tokens == want.counts.tokens


def test_a_run_with_another_plan_does_not_go_on(version, tmp_path):
    """One sentence says what differs and what to do; nothing is lost by it, and `restart` starts over."""
    stop_after(version, tmp_path / "out", 3)
    other = PLAN.model_copy(update={"rank": 4})
    with pytest.raises(TrainError, match=r"another run \(rank was 16, now 4\).*--restart"):
        train(version, tmp_path / "out", other)
    assert [*(tmp_path / ".out.partial").glob("checkpoints/*2-*")]
    told = []
    train(version, tmp_path / "out", other, restart=True, listener=Heard(step=told.append))
    assert told[0].step == 1
    assert not (tmp_path / ".out.partial").exists()


def test_two_runs_do_not_write_one_output(version, tmp_path):
    """The second is refused while the first one lives."""

    def second(at):
        with pytest.raises(TrainError, match="another run is writing"):
            train(version, tmp_path / "out")

    train(version, tmp_path / "out", listener=Heard(step=second))


def train(version, output, plan=PLAN, **settings):
    digest = sha256((version / "manifest.json").read_bytes()).hexdigest()
    return fit(TrainJob(version, digest, plan, "tiny-random", output), **settings)


def stop_after(version, output, step, plan=PLAN):
    """Interrupt a run as Ctrl-C does."""

    def interrupt(at):
        if at.step == step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(version, output, plan, listener=Heard(step=interrupt))
