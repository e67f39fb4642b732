"""The tiny model, sampled once in a process: to sample ten million weights takes longer than to train them."""

from copy import deepcopy
from functools import cache, update_wrapper

import pytest

from thinkmix.train.model import loading


def sample_once(patch: pytest.MonkeyPatch) -> None:
    """Let every tiny model from now on be a copy of the first; `inspect.unwrap` gives what samples."""
    sampled = cache(loading._tiny_random)
    patch.setattr(loading, "_tiny_random", update_wrapper(lambda dtype: deepcopy(sampled(dtype)), sampled))
