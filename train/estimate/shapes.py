"""The shape of a model, read from its `config.json`: how many weights there are, and in which layers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from thinkmix.schemas.errors import TrainError


@dataclass(frozen=True)
class Linear:
    """One linear layer, without its bias."""

    name: str
    """Name in the model, such as `model.layers.0.self_attn.q_proj`."""
    inputs: int
    outputs: int

    @property
    def weights(self) -> int:
        """How many numbers its matrix holds."""
        return self.inputs * self.outputs


@dataclass(frozen=True)
class ModelShape:
    """A decoder of the LLaMA family: grouped-query attention, gated MLP or experts, RMSNorm."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    """Width of the MLP in layers without experts."""
    vocabulary: int
    tied: bool
    """Whether the head is the embedding again, and no weight of its own."""
    head_norms: bool = False
    """Whether queries and keys pass a norm per head, as in Qwen3."""
    attention_biases: bool = False
    """Whether queries, keys and values have a bias, as before Qwen3."""
    joined: bool = False
    """Whether queries, keys and values are one layer, as in the first Qwen."""
    experts: int = 0
    """Experts of a layer; 0 in a dense model."""
    experts_per_token: int = 0
    expert_intermediate: int = 0
    sparse_layers: int = 0
    """How many layers, counted from the last, have experts instead of an MLP."""

    @property
    def queries(self) -> int:
        """Width of the queries of a token."""
        return self.heads * self.head_dim

    @property
    def keys(self) -> int:
        """Width of the keys, and of the values, of a token."""
        return self.kv_heads * self.head_dim

    def is_sparse(self, layer: int) -> bool:
        """Return whether the layer of this number has experts."""
        return layer >= self.layers - self.sparse_layers

    def linears(self, layer: int) -> Iterator[Linear]:
        """Yield the linear layers of one decoder layer; fused experts and the router do not count."""
        attention, mlp = f"model.layers.{layer}.self_attn", f"model.layers.{layer}.mlp"
        if self.joined:
            yield Linear(f"{attention}.c_attn", self.hidden, self.queries + 2 * self.keys)
        else:
            yield Linear(f"{attention}.q_proj", self.hidden, self.queries)
            yield Linear(f"{attention}.k_proj", self.hidden, self.keys)
            yield Linear(f"{attention}.v_proj", self.hidden, self.keys)
        yield Linear(f"{attention}.o_proj", self.queries, self.hidden)
        if not self.is_sparse(layer):
            yield Linear(f"{mlp}.gate_proj", self.hidden, self.intermediate)
            yield Linear(f"{mlp}.up_proj", self.hidden, self.intermediate)
            yield Linear(f"{mlp}.down_proj", self.intermediate, self.hidden)

    def layer_parameters(self, layer: int) -> int:
        """Return all weights of one decoder layer."""
        linear = sum(module.weights for module in self.linears(layer))
        norms = 2 * self.hidden + (2 * self.head_dim if self.head_norms else 0)
        biases = self.queries + 2 * self.keys if self.attention_biases else 0
        return linear + norms + biases + (self._experts + self._router if self.is_sparse(layer) else 0)

    @property
    def parameters(self) -> int:
        """All weights; a tied head counts once."""
        inner = sum(self.layer_parameters(layer) for layer in range(self.layers))
        return inner + self.head * (1 if self.tied else 2) + self.hidden

    @property
    def active_parameters(self) -> int:
        """The weights that one token passes through, embedding and head included."""
        idle = (self.experts - self.experts_per_token) * 3 * self.hidden * self.expert_intermediate
        return self.parameters - self.sparse_layers * idle

    @property
    def head(self) -> int:
        """Weights of the head, or of the embedding."""
        return self.vocabulary * self.hidden

    @property
    def _experts(self) -> int:
        return self.experts * 3 * self.hidden * self.expert_intermediate

    @property
    def _router(self) -> int:
        return self.experts * self.hidden


def read_shape(config: Mapping[str, object], *, name: str) -> ModelShape:
    """Return the shape that a `config.json` states.

    Raises:
        TrainError: when it is a model of another kind, or a number is missing; names the field.
    """
    fields = _Fields(config, name)
    kind = config.get("model_type")
    if kind == "qwen":
        return _first_qwen(fields)
    if kind not in ("qwen3", "qwen3_moe", "qwen2", "llama"):
        msg = f"model {name} is a {kind}: its memory is known for qwen3, qwen3_moe, qwen2, qwen and llama"
        raise TrainError(msg)
    heads, hidden = fields.number("num_attention_heads"), fields.number("hidden_size")
    layers = fields.number("num_hidden_layers")
    moe = kind == "qwen3_moe"
    return ModelShape(
        hidden=hidden,
        layers=layers,
        heads=heads,
        kv_heads=fields.number("num_key_value_heads", default=heads),
        head_dim=fields.number("head_dim", default=hidden // heads),
        intermediate=fields.number("intermediate_size"),
        vocabulary=fields.number("vocab_size"),
        tied=config.get("tie_word_embeddings") is True,
        head_norms=kind in ("qwen3", "qwen3_moe"),
        attention_biases=kind == "qwen2" or config.get("attention_bias") is True,
        experts=fields.number("num_experts") if moe else 0,
        experts_per_token=fields.number("num_experts_per_tok") if moe else 0,
        expert_intermediate=fields.number("moe_intermediate_size") if moe else 0,
        sparse_layers=_sparse_layers(fields, layers) if moe else 0,
    )


def _first_qwen(fields: "_Fields") -> ModelShape:
    """Qwen-1.8B to Qwen-72B of 2023: `intermediate_size` is the sum of both halves of the gated MLP."""
    heads = fields.number("num_attention_heads")
    return ModelShape(
        hidden=fields.number("hidden_size"),
        layers=fields.number("num_hidden_layers"),
        heads=heads,
        kv_heads=heads,
        head_dim=fields.number("kv_channels"),
        intermediate=fields.number("intermediate_size") // 2,
        vocabulary=fields.number("vocab_size"),
        tied=False,
        attention_biases=True,
        joined=True,
    )


def _sparse_layers(fields: "_Fields", layers: int) -> int:
    if fields.config.get("mlp_only_layers") or fields.number("decoder_sparse_step", default=1) != 1:
        msg = f"model {fields.name} has experts in some layers only, whose memory is not known here"
        raise TrainError(msg)
    return layers


@dataclass(frozen=True)
class _Fields:
    config: Mapping[str, object]
    name: str

    def number(self, field: str, *, default: int | None = None) -> int:
        value = self.config.get(field)
        if value is None:
            value = default
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            msg = f"config.json of model {self.name}: {field} should be a positive number, not {value!r}"
            raise TrainError(msg)
        return value


def _qwen3(
    hidden: int, layers: int, heads: int, intermediate: int, *, tied: bool = False, kv_heads: int = 8
) -> ModelShape:
    return ModelShape(hidden, layers, heads, kv_heads, 128, intermediate, 151_936, tied, head_norms=True)


def _qwen3_moe(hidden: int, layers: int, heads: int, intermediate: int, expert: int) -> ModelShape:
    return ModelShape(
        hidden,
        layers,
        heads,
        kv_heads=4,
        head_dim=128,
        intermediate=intermediate,
        vocabulary=151_936,
        tied=False,
        head_norms=True,
        experts=128,
        experts_per_token=8,
        expert_intermediate=expert,
        sparse_layers=layers,
    )


QWEN3: Mapping[str, ModelShape] = {
    "Qwen3-0.6B": _qwen3(1024, 28, 16, 3072, tied=True),
    "Qwen3-1.7B": _qwen3(2048, 28, 16, 6144, tied=True),
    "Qwen3-4B": _qwen3(2560, 36, 32, 9728, tied=True),
    "Qwen3-8B": _qwen3(4096, 36, 32, 12_288),
    "Qwen3-14B": _qwen3(5120, 40, 40, 17_408),
    "Qwen3-32B": _qwen3(5120, 64, 64, 25_600),
    "Qwen3-30B-A3B": _qwen3_moe(2048, 48, 32, 6144, expert=768),
    "Qwen3-235B-A22B": _qwen3_moe(4096, 94, 64, 12_288, expert=1536),
}
"""Qwen3 as published, from the models' config.json; base, Instruct and Thinking releases are alike."""


def find_shape(name: str) -> ModelShape | None:
    """Return the shape of a published Qwen3: `8B`, `Qwen3-8B`, `Qwen/Qwen3-8B` or a later release of it."""
    words = name.rsplit("/", 1)[-1].lower().removeprefix("qwen3-")
    for known in sorted(QWEN3, key=len, reverse=True):
        size = known.removeprefix("Qwen3-").lower()
        if words == size or words.startswith(f"{size}-"):
            return QWEN3[known]
    return None
