"""What the forward pass through one layer keeps for the way back, byte for byte as transformers computes it.

All figures are bytes for each token of a batch. tests/train/estimate/test_activations.py compares them with
the tensors that autograd saves.
"""

from collections.abc import Sequence

from thinkmix.train.estimate.shapes import Linear, ModelShape

TILE = (1024, 16_384)
"""Positions and tokens whose logits exist at once on a GPU, as in train/model/loss.py, which needs torch."""


def layer_bytes(
    shape: ModelShape,
    number: int,
    *,
    element: int,
    adapted: Sequence[Linear] | None,
    rank: int = 0,
    dropout: bool = False,
    scores_over: int = 0,
) -> int:
    """Return what decoder layer `number` keeps: norms, attention, MLP, and the inputs of what learns.

    Args:
        shape: of the model.
        number: of the layer.
        element: bytes of a number, 2 or 4.
        adapted: its linear layers that have an adapter, or None when its own weights learn.
        rank: of the adapters.
        dropout: whether adapters drop some of their inputs.
        scores_over: length of the rows when attention scores are held, else 0.
    """
    if adapted is None:
        inputs = _own_inputs(shape, number, element)
    else:
        inputs = _adapter_inputs(adapted, element, rank, dropout=dropout)
    return (
        _norms(shape)
        + _attention(shape, element, scores_over)
        + (_experts(shape, element) if shape.is_sparse(number) else 3 * element * shape.intermediate)
        + inputs
    )


def kept_bytes(shape: ModelShape, element: int, *, learns: bool) -> int:
    """Return what is kept outside the layers: input of the last norm in float32, its output, and angles."""
    return (element + 4) * shape.hidden + 2 * element * shape.head_dim + (element * shape.hidden * learns)


def scratch_bytes(shape: ModelShape, number: int, element: int) -> int:
    """Return what comes and goes while a layer is passed: a float32 inner state of its MLP, and outer ones.

    In 16 bit these are an adapter's float32 result beside the layer's own, or two gradients on the way back.
    Counted from the tensors alive at the peak, not derived; test_activations.py holds it to them.
    """
    sparse = shape.is_sparse(number)
    inner = shape.experts_per_token * shape.expert_intermediate if sparse else shape.intermediate
    return 4 * inner + (6 if element == 2 else 4) * shape.hidden


def _norms(shape: ModelShape) -> int:
    """RMSNorm keeps its input in float32 and one factor for each vector."""
    widths = 2 * shape.hidden + (shape.queries + shape.keys if shape.head_norms else 0)
    vectors = 2 + (shape.heads + shape.kv_heads if shape.head_norms else 0)
    return 4 * (widths + vectors)


def _attention(shape: ModelShape, element: int, scores_over: int) -> int:
    """Queries, keys, values, their result and one logarithm for each head.

    Where scores are held: queries, keys and values repeated for every head, and a softmax in float32 with
    its 16 bit copy.
    """
    if not scores_over:
        return element * (2 * shape.queries + 2 * shape.keys) + 4 * shape.heads
    return 3 * element * shape.queries + shape.heads * scores_over * (6 if element == 2 else 4)


def _experts(shape: ModelShape, element: int) -> int:
    """For each expert of a token: gate, its activation, up and result; and the router's choice."""
    chosen = shape.experts_per_token
    inner = element * chosen * (3 * shape.expert_intermediate + shape.hidden)
    return inner + 4 * shape.experts + (32 + element) * chosen


def _adapter_inputs(adapted: Sequence[Linear], element: int, rank: int, *, dropout: bool) -> int:
    """Each adapter keeps its own float32 copy of its input, with dropout a mask, too, and its r numbers.

    In float32 there is nothing to copy: layers that read the same state keep it once, and what
    `o_proj` reads is kept by attention already.
    """
    inner = 4 * rank * len(adapted)
    if dropout:
        return inner + sum((4 + 1) * layer.inputs for layer in adapted)
    if element == 2:
        return inner + sum(4 * layer.inputs for layer in adapted)
    read = {_state(layer): layer.inputs for layer in adapted}
    return inner + 4 * sum(width for state, width in read.items() if state != "o_proj")


def _own_inputs(shape: ModelShape, number: int, element: int) -> int:
    """A weight that learns keeps its input, and a norm's weight the normalised state."""
    normalised = 2 * shape.hidden + (shape.queries + shape.keys if shape.head_norms else 0)
    chosen = shape.experts_per_token
    inner = (
        chosen * (shape.hidden + shape.expert_intermediate) if shape.is_sparse(number) else shape.intermediate
    )
    return element * (normalised + 2 * shape.hidden + inner)


def _state(layer: Linear) -> str:
    """Return a name for the state that a linear layer reads."""
    kind = layer.name.rsplit(".", 1)[-1]
    if kind in ("q_proj", "k_proj", "v_proj", "c_attn"):
        return "attention"
    return "mlp" if kind in ("gate_proj", "up_proj") else kind
