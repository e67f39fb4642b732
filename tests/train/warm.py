"""Imported once by the server that forks training processes: what they would otherwise each do first.

No thread is started and polars is not touched, so that forking is safe.
"""

import pandas  # noqa: F401 - pyarrow looks for it
import pytest
import torch

from schemas.training import TrainPlan
from templates.tokenizer import encode
from tests.train.tiny import draw_once
from train import checkpoint, evaluate, fit, loop, switch  # noqa: F401
from train.model import prepare, quiet

torch.set_num_threads(1)
draw_once(pytest.MonkeyPatch())  # for as long as the process lives
encode("warm")
with quiet():
    prepare("tiny-random", TrainPlan())
