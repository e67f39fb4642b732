"""Imported once by the server that forks training processes: what they would otherwise each do first.

No thread is started and polars is not touched, so that forking is safe.
"""

import pandas  # noqa: F401 - pyarrow looks for it
import pytest
import torch

from tests.harness.train.tiny import sample_once
from thinkmix.schemas.training import TrainPlan
from thinkmix.templates.chat.tokenizer import encode
from thinkmix.train.checks import thinking_mode  # noqa: F401
from thinkmix.train.model.model import prepare, quiet
from thinkmix.train.run import checkpoint, evaluate, finish, fit, loop  # noqa: F401

torch.set_num_threads(1)
sample_once(pytest.MonkeyPatch())  # for as long as the process lives
encode("warm")
with quiet():
    prepare("tiny-random", TrainPlan())
