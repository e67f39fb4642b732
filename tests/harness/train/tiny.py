"""The tiny model, drawn once in a process: to draw ten million weights takes longer than to train them."""

from copy import deepcopy
from functools import cache, update_wrapper

import pytest

from thinkmix.train.model import loading


def draw_once(patch: pytest.MonkeyPatch) -> None:
    """Let every tiny model from now on be a copy of the first; `inspect.unwrap` gives what draws."""
    drawn = cache(loading._tiny_random)
    patch.setattr(loading, "_tiny_random", update_wrapper(lambda dtype: deepcopy(drawn(dtype)), drawn))
