"""The probe lets sound attention pass, and catches every way in which packed rows are known to leak."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs thinkmix[train]")
pytest.importorskip("transformers", reason="needs thinkmix[train]")
pytest.importorskip("peft", reason="needs thinkmix[train]")

from transformers import AttentionInterface  # noqa: E402 - needs torch
from transformers.integrations.sdpa_attention import sdpa_attention_forward  # noqa: E402

from thinkmix.schemas.errors import TrainError  # noqa: E402
from thinkmix.schemas.training import TrainPlan  # noqa: E402
from thinkmix.train.checks.packing_check import EXACT, ROUNDED, check_isolation  # noqa: E402
from thinkmix.train.data.encode import Tokens  # noqa: E402
from thinkmix.train.model import forward  # noqa: E402
from thinkmix.train.model.model import base_model, prepare, quiet  # noqa: E402

torch.set_num_threads(1)

LENGTHS = np.array([300, 12, 9, 15, 200, 11])
ROWS = np.arange(len(LENGTHS))


@pytest.fixture(scope="module")
def tokens():
    """Give short and long rows of random ids."""
    ids = np.random.default_rng(0).integers(0, 150_000, LENGTHS.sum()).astype(np.int32)
    return Tokens(ids, np.cumsum(LENGTHS) - LENGTHS, LENGTHS, LENGTHS // 3)


def model_with(implementation="auto", **settings):
    with quiet():
        return prepare("tiny-random", TrainPlan(attention=implementation, **settings))


@pytest.mark.parametrize("implementation", ["auto", "sdpa", "eager"])
@pytest.mark.parametrize(("dtype", "limit"), [("float32", EXACT), ("bfloat16", ROUNDED)])
def test_sound_attention_passes(tokens, implementation, dtype, limit):
    """What transformers and we do today keeps rows apart, in either precision, and nothing is changed."""
    model = model_with(implementation, dtype=dtype).train()
    assert check_isolation(model, tokens, ROWS) <= limit
    assert model.training
    assert not any(weight.grad is not None for weight in model.parameters())


LEAKS = {
    "a cache": lambda ids, positions: {"position_ids": positions, "use_cache": True},
    "a mask of ones": lambda ids, positions: {
        "position_ids": positions,
        "attention_mask": torch.ones_like(ids),
    },
    "no positions": lambda ids, positions: {},
}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
@pytest.mark.parametrize("leak", LEAKS)
def test_a_call_that_lets_rows_see_each_other_is_refused(tokens, monkeypatch, leak, implementation, dtype):
    """With a cache, a mask of ones or no positions, transformers attends across packed rows, silently."""
    sound = forward.hidden_states

    def leaking(model, input_ids, *, rows=None):
        if rows is None:
            return sound(model, input_ids)
        positions = torch.cat([torch.arange(length) for length in rows.tolist()]).unsqueeze(0)
        settings = {"use_cache": False, **LEAKS[leak](input_ids, positions)}
        return base_model(model).model(input_ids=input_ids, **settings).last_hidden_state

    monkeypatch.setattr(forward, "hidden_states", leaking)
    with pytest.raises(TrainError, match=f"attention {implementation} lets packed rows see each other"):
        check_isolation(model_with(implementation, dtype=dtype), tokens, ROWS)


def test_an_attention_that_ignores_the_rows_bounds_is_named(tokens):
    """An implementation that takes the sequence for one row is refused, in a sentence that names it."""

    def careless(module, query, key, value, attention_mask, *, row_lengths=None, **settings):
        return sdpa_attention_forward(module, query, key, value, None, **settings)

    AttentionInterface.register("careless", careless)
    model = model_with()
    base_model(model).set_attn_implementation("careless")
    with pytest.raises(TrainError, match=r"attention careless lets packed .* set packing to false"):
        check_isolation(model, tokens, ROWS)


def test_losses_that_are_no_numbers_prove_nothing(tokens):
    """A model that is broken is not taken for a sound one."""
    model = model_with()
    base_model(model).model.norm.weight.data[:] = torch.nan
    with pytest.raises(TrainError, match="their losses change by nan"):
        check_isolation(model, tokens, ROWS)


def test_the_shortest_rows_are_tried(tokens, monkeypatch):
    """A probe must not cost a step: of all rows it takes the four shortest."""
    sound, asked = forward.row_losses, []

    def watched(model, tokens, rows, **settings):
        asked.append(sorted(tokens.lengths(rows).tolist()))
        return sound(model, tokens, rows, **settings)

    monkeypatch.setattr("thinkmix.train.checks.packing_check.row_losses", watched)
    check_isolation(model_with(), tokens, ROWS)
    assert asked == [[9], [11], [12], [15], [9, 11, 12, 15]]
