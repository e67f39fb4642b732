"""One training run in a process of its own, timed as TRL times its own: the steps, not what prepares them.

python -m benchmarks.training_run model OUT SHAPE.json-text     a Qwen3 of random weights in that shape
python -m benchmarks.training_run fit VERSION MODEL PLAN OUT CACHE
"""

import json
import sys
import time
from pathlib import Path
from typing import Any


def write_model(out: Path, shape: dict[str, int]) -> None:
    """Write a Qwen3 of random weights, the same each time."""
    import torch  # noqa: PLC0415
    from transformers import Qwen3Config, Qwen3ForCausalLM  # noqa: PLC0415

    torch.manual_seed(0)
    heads = max(1, shape["hidden_size"] // 64)
    config = Qwen3Config(
        **shape, vocab_size=151_936, num_attention_heads=heads, num_key_value_heads=max(1, heads // 2),
        head_dim=64, tie_word_embeddings=True, max_position_embeddings=40_960,
    )  # fmt: skip
    Qwen3ForCausalLM(config).save_pretrained(out)


def fit_timed(version: Path, model: Path, plan: Path, out: Path, cache: Path) -> dict[str, Any]:
    """Train, and return the seconds of all steps together, their losses and the mean of these."""
    from thinkmix.schemas.training import TrainPlan  # noqa: PLC0415
    from thinkmix.train.output.listener import Silent  # noqa: PLC0415
    from thinkmix.train.run.fit import fit  # noqa: PLC0415
    from thinkmix.train.run.job import TrainJob  # noqa: PLC0415

    times: list[float] = []

    class Clock(Silent):
        """Notes when the first step begins, and when each ends."""

        def begin(self, start: object) -> None:
            times.append(time.perf_counter())

        def step(self, told: object) -> None:
            times.append(time.perf_counter())

    stated = TrainPlan.model_validate_json(plan.read_text(encoding="utf-8"))
    result = fit(TrainJob(version, version.name, stated, str(model), out), cache=cache, listener=Clock())
    losses = list(result.losses)
    return {"seconds": times[-1] - times[0], "losses": losses, "loss": sum(losses) / len(losses)}


if __name__ == "__main__":
    if sys.argv[1] == "model":
        write_model(Path(sys.argv[2]), json.loads(sys.argv[3]))
    else:
        print(json.dumps(fit_timed(*map(Path, sys.argv[2:]))))
