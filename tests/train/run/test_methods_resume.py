"""A run that is stopped and begun again writes the same bytes, whatever learns and whatever it began from."""

import pytest

torch = pytest.importorskip("torch", reason="needs thinkmix[train]")
pytest.importorskip("transformers", reason="needs thinkmix[train]")
pytest.importorskip("peft", reason="needs thinkmix[train]")
pytest.importorskip("bitsandbytes", reason="needs thinkmix[train]")

from tests.harness.listening import Heard  # noqa: E402
from thinkmix.schemas.training import TrainPlan  # noqa: E402
from thinkmix.train.run.fit import fit  # noqa: E402
from thinkmix.train.run.job import TrainJob  # noqa: E402

torch.set_num_threads(1)  # the model is tiny, and threads that wait for busy cores cost more than they bring

SHORT = {"max_steps": 3, "batch": 256, "max_tokens": 64, "rank": 4, "save_every": 1, "eval_rows": 0}


@pytest.mark.parametrize(
    "settings",
    [
        {"init": "corda", "learning_rate": 1e-2},
        {"method": "qlora4", "init": "loftq", "neftune": 5.0, "learning_rate": 1e-2},
        {"method": "full", "dtype": "bfloat16", "learning_rate": 1e-4},
        {"method": "freeze", "optimiser": "adamw8bit", "checkpointing": True, "learning_rate": 1e-3},
    ],
    ids=["corda", "loftq with noise", "full in bfloat16", "moments in 8 bit"],
)
def test_stopped_and_begun_again(settings, publish, sums, digest_of, tmp_path):
    """First values, what rounding took and moments in 8 bit all come back as they were."""
    version, plan = publish(sums), TrainPlan(**SHORT | settings)

    def run(output, step=lambda at: None):
        digest, output = digest_of(version), tmp_path / output
        job = TrainJob(version, digest, plan, "tiny-random", output)
        return fit(job, listener=Heard(step=step))

    def stop(at):
        if at.step == 2:
            raise KeyboardInterrupt

    whole = run("whole")
    with pytest.raises(KeyboardInterrupt):
        run("parts", stop)
    steps = []
    parts = run("parts", lambda at: steps.append(at.step))
    assert steps == [2, 3]
    assert parts.losses == whole.losses
    assert parts.files == whole.files
