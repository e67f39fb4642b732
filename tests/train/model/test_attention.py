"""Packed rows lose, learn and attend exactly as they do alone, whatever computes the attention."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs thinkmix[train]")
pytest.importorskip("transformers", reason="needs thinkmix[train]")
pytest.importorskip("peft", reason="needs thinkmix[train]")

from torch.nn.functional import scaled_dot_product_attention  # noqa: E402 - needs torch
from transformers import Qwen3Config, Qwen3ForCausalLM  # noqa: E402

from thinkmix.schemas.training import TrainPlan  # noqa: E402
from thinkmix.train.data.encode import Tokens  # noqa: E402
from thinkmix.train.model import attention  # noqa: E402
from thinkmix.train.model.attention import BY_ROW, attend_by_row, set_attention  # noqa: E402
from thinkmix.train.model.forward import hidden_states, row_losses  # noqa: E402
from thinkmix.train.model.model import base_model, prepare, quiet  # noqa: E402

torch.set_num_threads(1)

LENGTHS = np.array([5, 40, 9, 2, 77, 31])
ROWS = np.arange(len(LENGTHS))
IMPLEMENTATIONS = ("auto", "sdpa", "eager")


@pytest.fixture(scope="module")
def tokens():
    """Six rows of random ids, the shortest with one token of either kind."""
    ids = np.random.default_rng(0).integers(0, 150_000, LENGTHS.sum()).astype(np.int32)
    return Tokens(ids, np.cumsum(LENGTHS) - LENGTHS, LENGTHS, np.maximum(1, LENGTHS // 3))


def model_with(implementation, **settings):
    with quiet():
        return prepare("tiny-random", TrainPlan(attention=implementation, **settings))


def gradients(model, losses):
    model.zero_grad()
    losses.sum().backward()
    return [weight.grad for weight in model.parameters() if weight.requires_grad]


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_packed_losses_and_gradients_are_those_of_rows_alone(tokens, implementation):
    """Losses to 1e-5 relative, and the gradients that they give, packed, padded or one by one."""
    model = model_with(implementation)
    alone = torch.cat([row_losses(model, tokens, ROWS[[row]]) for row in ROWS])
    want = gradients(model, alone)
    for packing in (True, False):
        together = row_losses(model, tokens, ROWS, packing=packing)
        assert float(((together - alone).abs() / alone).detach().max()) <= 1e-5
        torch.testing.assert_close(gradients(model, together), want, rtol=1e-4, atol=1e-5)


def test_losses_are_in_the_order_of_the_batch(tokens):
    """Row after row as the batch names them, each row's trained tokens in order, packed or padded."""
    model = model_with("auto")
    batch = np.array([4, 0, 3])
    parts = [row_losses(model, tokens, np.array([row])) for row in batch]
    assert [len(part) for part in parts] == (LENGTHS - tokens.prompts)[batch].tolist()
    for packing in (True, False):
        got = row_losses(model, tokens, batch, packing=packing)
        torch.testing.assert_close(got, torch.cat(parts), rtol=1e-5, atol=1e-5)


def test_checkpointing_changes_no_gradient_of_packed_rows(tokens):
    """What is worked out again on the way back is worked out row by row, too."""
    model = model_with("auto").train()
    want = gradients(model, row_losses(model, tokens, ROWS, packing=True))
    base = base_model(model)
    base.enable_input_require_grads()
    base.activation_checkpointing_enable({"use_reentrant": False})
    got = gradients(model, row_losses(model, tokens, ROWS, packing=True))
    torch.testing.assert_close(got, want)


def test_heads_that_share_keys_are_those_of_repeated_keys():
    """Four heads on two keys give what four keys, each repeated, would give."""
    random = torch.Generator().manual_seed(1)
    query, key, value = (torch.randn(1, heads, 20, 8, generator=random) for heads in (4, 2, 2))
    got, _ = attend_by_row(torch.nn.Module(), query, key, value, None, row_lengths=(7, 13))
    first = slice(0, 7), slice(7, 20)
    for part in first:
        repeated = (states[:, :, part].repeat_interleave(2, dim=1) for states in (key, value))
        want = scaled_dot_product_attention(query[:, :, part], *repeated, is_causal=True)
        torch.testing.assert_close(got[:, part], want.transpose(1, 2))


def test_no_mask_is_made_and_no_score_of_two_rows(tokens, monkeypatch):
    """Attention is asked for one row at a time, causal and without a mask."""
    seen = []

    def watched(query, key, value, attn_mask=None, **settings):
        seen.append((query.shape[2], key.shape[2], key.shape[1], attn_mask, settings["is_causal"]))
        return scaled_dot_product_attention(query, key, value, attn_mask, **settings)

    monkeypatch.setattr(attention, "scaled_dot_product_attention", watched)
    model = model_with("auto")
    row_losses(model, tokens, ROWS, packing=True)
    layers, keys = 2, 2
    assert seen == [(length, length, keys, None, True) for length in LENGTHS] * layers


def test_an_answer_is_generated_as_with_transformers_own():
    """Padded prompts, a mask and a cache: what is not packed is left to transformers."""
    prompts = torch.tensor([[0, 0, 785, 6722], [9707, 11, 847, 829]])
    mask = torch.tensor([[0, 0, 1, 1], [1, 1, 1, 1]])
    answers = []
    for implementation in ("auto", "sdpa"):
        base = base_model(model_with(implementation)).eval()
        answers.append(
            base.generate(prompts, attention_mask=mask, max_new_tokens=6, do_sample=False, pad_token_id=0)
        )
    assert answers[0].tolist() == answers[1].tolist()


def test_layers_that_see_a_window_are_left_to_transformers():
    """Our own attention sees a whole row, so auto is sdpa where some layers must not."""
    config = Qwen3Config(
        vocab_size=16, hidden_size=8, intermediate_size=8, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, head_dim=4, use_sliding_window=True, sliding_window=4, max_window_layers=1,
    )  # fmt: skip
    model = Qwen3ForCausalLM(config)
    set_attention(model, "auto")
    assert model.config._attn_implementation == "sdpa"
    config.layer_types = ["full_attention"] * 2
    set_attention(model, "auto")
    assert model.config._attn_implementation == BY_ROW


def test_hidden_states_of_a_row_do_not_depend_on_the_others(tokens):
    """Change every token of the first row: not one number of the second changes."""
    model = model_with("auto").eval()
    ids = torch.from_numpy(tokens.ids[:45].astype(np.int64)).unsqueeze(0)
    other = ids.clone()
    other[:, :5] += 1
    with torch.no_grad():
        one, two = (hidden_states(model, each, rows=np.array([5, 40])) for each in (ids, other))
    assert torch.equal(one[:, 5:], two[:, 5:])
    assert not torch.equal(one[:, :5], two[:, :5])
