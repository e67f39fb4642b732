"""How much memory of a GPU a training run needs, worked out from the model's shape before a weight is loaded.

    total = weights + adapter + gradients + optimiser + context
            + the greatest of  activations + logits               when the loss is taken
                               activations + layer + dequantised  in the first layer on the way back
                               step                               when the optimiser moves the weights

docs/memory.md derives every term and says what it was checked against. No constant is fitted to measurements.
"""

from dataclasses import dataclass
from typing import Literal

from thinkmix.schemas.training import Method, TrainPlan
from thinkmix.train.estimate.activations import TILE, kept_bytes, layer_bytes, scratch_bytes
from thinkmix.train.estimate.shapes import Linear, ModelShape

CONTEXT = 750_000_000
"""Bytes of the CUDA context and of cuBLAS' workspaces: a round figure, neither measured nor fitted here."""


@dataclass(frozen=True)
class Load:
    """What of a training run decides its memory."""

    method: Method
    tokens: int
    """Tokens that the model reads at once, padding included."""
    longest: int
    """Tokens of the longest row among them, which eager attention pays for squared."""
    rank: int = 16
    targets: Literal["all-linear"] | tuple[str, ...] = "all-linear"
    dora: bool = False
    dropout: bool = False
    train_layers: int = 2
    double_quant: bool = True
    keep_16bit: tuple[str, ...] = ()
    element: Literal[2, 4] = 2
    """Bytes of a number in weights that are not quantised, and in activations."""
    optimiser: Literal["adamw", "adamw8bit", "sgd"] = "adamw"
    checkpointing: bool = False
    eager: bool = False
    """Whether attention scores are held, instead of being fused away."""
    logits: Literal["tiled", "full"] = "tiled"
    """Whether the loss holds a tile of logits, as ours does, or those of all tokens, like other trainers."""
    loss_bytes: Literal[2, 4] = 4
    """Bytes of a number in the softmax of full logits: 4, or 2 where a trainer computes it in float16."""

    @property
    def has_adapter(self) -> bool:
        """Whether an adapter learns beside weights that do not."""
        return self.method in ("lora", "qlora4", "qlora8")

    @property
    def learning_bytes(self) -> int:
        """Bytes of a number in the weights that learn: adapters are float32 whatever the model is."""
        return 4 if self.has_adapter else self.element


@dataclass(frozen=True)
class Memory:
    """The parts of a run's peak memory, in bytes."""

    weights: int
    """The model itself, quantised where the method says so."""
    adapter: int
    gradients: int
    optimiser: int
    """What the optimiser remembers of each weight that learns."""
    context: int
    activations: int
    """What the forward pass keeps for the way back."""
    logits: int
    """What the loss holds beside it."""
    layer: int
    """What one layer holds on the way back, worked out again first when checkpointing."""
    dequantised: int
    """One weight in 16 bit, while a quantised layer works."""
    step: int
    """What the optimiser needs for the moment of its step."""

    @property
    def held(self) -> int:
        """What is there all the time."""
        return self.weights + self.adapter + self.gradients + self.optimiser + self.context

    @property
    def moments(self) -> dict[str, int]:
        """What comes on top, at each moment that may be the peak."""
        return {
            "loss": self.activations + self.logits,
            "backward": self.activations + self.layer + self.dequantised,
            "step": self.step,
        }

    @property
    def peak(self) -> str:
        """The moment at which the most is needed: loss, backward or step."""
        return max(self.moments, key=lambda moment: self.moments[moment])

    @property
    def total(self) -> int:
        """The peak itself."""
        return self.held + self.moments[self.peak]


def load_of(plan: TrainPlan, *, tokens: int, longest: int) -> Load:
    """Return what of a plan decides its memory on a GPU, for batches of up to `tokens` tokens."""
    return Load(
        method=plan.method,
        tokens=tokens,
        longest=longest,
        rank=plan.rank,
        targets=plan.targets,
        dora=plan.dora,
        dropout=plan.dropout > 0,
        train_layers=plan.train_layers,
        double_quant=plan.double_quant,
        keep_16bit=plan.keep_16bit,
        element=4 if plan.dtype == "float32" else 2,
        optimiser=plan.optimiser,
        checkpointing=plan.checkpointing,
        eager=plan.attention == "eager",
    )


def estimate(shape: ModelShape, load: Load) -> Memory:
    """Return the memory that a run needs on one GPU."""
    learning, width = learning_weights(shape, load), load.learning_bytes
    quantised = list(_quantised(shape, load))
    return Memory(
        weights=_weight_bytes(shape, load, quantised),
        adapter=width * learning if load.has_adapter else 0,
        gradients=width * learning,
        optimiser=_optimiser_bytes(load, learning),
        context=CONTEXT,
        activations=_activation_bytes(shape, load),
        logits=_logit_bytes(shape, load) + _head_slope_bytes(shape, load),
        layer=_layer_peak(shape, load),
        dequantised=load.element * max((layer.weights for layer in quantised), default=0),
        step=width * learning if load.optimiser == "adamw" else 0,
    )


def learning_weights(shape: ModelShape, load: Load) -> int:
    """Return how many weights learn: r (in + out) for each adapted layer, under DoRA also `out`."""
    if load.method == "full":
        return shape.parameters
    if load.method == "freeze":
        layers = range(max(0, shape.layers - load.train_layers), shape.layers)
        return sum(shape.layer_parameters(layer) for layer in layers) + shape.hidden
    return sum(
        load.rank * (layer.inputs + layer.outputs) + (layer.outputs if load.dora else 0)
        for number in range(shape.layers)
        for layer in adapted_linears(shape, load, number)
    )


def adapted_linears(shape: ModelShape, load: Load, number: int) -> list[Linear]:
    """Return the linear layers of decoder layer `number` that have an adapter."""
    every = shape.linears(number)
    return [layer for layer in every if load.targets == "all-linear" or _named(layer, load.targets)]


def _quantised(shape: ModelShape, load: Load) -> list[Linear]:
    """What bitsandbytes quantises: no fused experts, no router, embedding, head and norms."""
    if load.method not in ("qlora4", "qlora8"):
        return []
    every = (layer for number in range(shape.layers) for layer in shape.linears(number))
    return [layer for layer in every if not _named(layer, load.keep_16bit)]


def _named(layer: Linear, names: tuple[str, ...]) -> bool:
    return any(f".{layer.name}".endswith(f".{name}") for name in names)


def _weight_bytes(shape: ModelShape, load: Load, quantised: list[Linear]) -> int:
    """4 bit: half a byte, and for 64 weights a scale of 4 bytes, or of 1 + 4 / 256 when quantised twice.

    That is 4.5 or 4.127 bits a weight. 8 bit: a byte, and a scale of 4 bytes for each row.
    """
    small = sum(layer.weights for layer in quantised)
    whole = load.element * (shape.parameters - small)
    if load.method == "qlora8":
        return whole + small + sum(4 * layer.outputs for layer in quantised)
    scale = 1 + 4 / 256 if load.double_quant else 4
    return whole + round(small * (0.5 + scale / 64))


def _optimiser_bytes(load: Load, learning: int) -> int:
    """AdamW keeps two moments in the precision of what learns; in 8 bit a byte each and a scale for 256."""
    if load.optimiser == "sgd":
        return 0
    each = 1 + 4 / 256 if load.optimiser == "adamw8bit" else load.learning_bytes
    return round(2 * each * learning)


def _activation_bytes(shape: ModelShape, load: Load) -> int:
    """Layers below the first that learns keep nothing; checkpointed ones keep their input alone."""
    first = max(0, shape.layers - load.train_layers) if load.method == "freeze" else 0
    each = (
        load.element * shape.hidden if load.checkpointing else _of_layer(shape, load, number)
        for number in range(first, shape.layers)
    )
    return load.tokens * (sum(each) + kept_bytes(shape, load.element, learns=load.method == "full"))


def _layer_peak(shape: ModelShape, load: Load) -> int:
    last = shape.layers - 1
    again = _of_layer(shape, load, last) if load.checkpointing else 0
    return load.tokens * (again + scratch_bytes(shape, last, load.element))


def _of_layer(shape: ModelShape, load: Load, number: int) -> int:
    return layer_bytes(
        shape,
        number,
        element=load.element,
        adapted=adapted_linears(shape, load, number) if load.has_adapter else None,
        rank=load.rank,
        dropout=load.dropout,
        scores_over=load.longest if load.eager else 0,
    )


def _logit_bytes(shape: ModelShape, load: Load) -> int:
    """Full: log-probabilities, their gradient and that of the logits exist at once, 3 numbers for each logit.

    Tiled: one buffer of logits, in 16 bit beside their float32 softmax and its 16 bit copy, a sum of states
    in float32 and what is added to it; and the states that carry loss, each with its slope
    (train/model/loss.py).
    """
    if load.logits == "full":
        return 3 * load.loss_bytes * shape.vocabulary * load.tokens
    positions, columns = min(TILE[0], load.tokens), min(TILE[1], shape.vocabulary)
    each = columns * (2 + 4 + 2 if load.element == 2 else 4) + (4 + load.element) * shape.hidden
    return positions * each + 2 * load.element * shape.hidden * load.tokens


def _head_slope_bytes(shape: ModelShape, load: Load) -> int:
    """Where the head learns: its slope, a tile's width of that in float32, and the states' in float32."""
    if load.method != "full":
        return 0
    copies = 4 + load.element if load.element == 2 else 4
    states = 4 * shape.hidden * load.tokens if load.element == 2 else 0
    return load.element * shape.head + copies * shape.hidden * min(TILE[1], shape.vocabulary) + states
