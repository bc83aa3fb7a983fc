"""The layers of PyTorch and vLLM by name: which parameters they have, in which shapes, and in which parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scaffold.vllm_models.values import Node, Parameter, Shape, truth


@dataclass(frozen=True)
class Arguments:
    """What a layer is made with, by the names of its parameters."""

    values: Mapping[str, Any]

    def size(self, name: str) -> int | None:
        """Return a size; None if it is not known, or not given."""
        value = self.values.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def switch(self, name: str, default: bool) -> bool | None:
        """Return whether something is switched on; None if that is not known."""
        return truth(self.values.get(name, default))


Parameters = dict[str, Parameter]


@dataclass(frozen=True)
class Layer:
    """A layer.

    Attributes:
        signature: its first parameters, in their order.
        parameters: what it has when it is made with these arguments.
    """

    signature: str
    parameters: Callable[[Arguments], Parameters]

    def node(self, name: str, positional: Sequence[Any], named: Mapping[str, Any]) -> Node:
        """Return the module."""
        arguments = Arguments(dict(zip(self.signature.split(), positional)) | dict(named))
        return Node(name, parameters=self.parameters(arguments))


def with_bias(found: Parameters, has_bias: bool | None, shape: Shape | None, **more: Any) -> Parameters:
    """Add a bias, unless there is none."""
    if has_bias is not False:
        found["bias"] = Parameter(has_bias is True, shape, **more)
    return found


def _linear(into: str, out: str, bias: bool = True) -> Callable[[Arguments], Parameters]:
    def parameters(given: Arguments) -> Parameters:
        rows = given.size(out)
        found = {"weight": Parameter(shape=(rows, given.size(into)))}
        return with_bias(found, given.switch("bias", bias), (rows,))

    return parameters


def _merged(given: Arguments) -> Parameters:
    """``MergedColumnParallelLinear``: one shard for each output."""
    sizes, columns = given.values.get("output_sizes"), given.size("input_size")
    known = [size if isinstance(size, int) else None for size in sizes] if isinstance(sizes, list | tuple) else None
    return _parts(dict(enumerate(known)) if known else None, columns, given.switch("bias", True))


def _qkv(given: Arguments) -> Parameters:
    """``QKVParallelLinear``: as many key and value heads as query heads, unless they are counted."""
    head, heads, columns = given.size("head_size"), given.size("total_num_heads"), given.size("hidden_size")
    kv_heads = heads if given.values.get("total_num_kv_heads") is None else given.size("total_num_kv_heads")
    v_head = head if given.values.get("v_head_size") is None else given.size("v_head_size")
    rows = {"q": _times(heads, head), "k": _times(kv_heads, head), "v": _times(kv_heads, v_head)}
    rows = {shard: size for shard, size in rows.items() if size != 0}  # a layer of k and v alone has no heads of q
    return _parts(rows, columns, given.switch("bias", True))


def _parts(rows: Mapping[Any, int | None] | None, columns: int | None, bias: bool | None) -> Parameters:
    """Return weight and bias of a layer that is filled in parts; None: the parts are two, of unknown sizes."""
    rows = {0: None, 1: None} if rows is None else rows
    sizes = list(rows.values())
    whole = None if None in sizes else sum(size for size in sizes if size is not None)
    shards: dict[Any, Shape | None] = {shard: (size, columns) for shard, size in rows.items()}
    found = {"weight": Parameter(True, (whole, columns), shards)}
    return with_bias(found, bias, (whole,), shards={shard: (size,) for shard, size in rows.items()})


def _times(first: int | None, second: int | None) -> int | None:
    return None if first is None or second is None else first * second


def _embedding(given: Arguments) -> Parameters:
    rows = given.size("num_embeddings")
    known = given.values.get("org_num_embeddings")
    rows = rows if known is None else given.size("org_num_embeddings")
    return {"weight": Parameter(shape=(rows, given.size("embedding_dim")))}


def _head(given: Arguments) -> Parameters:
    return with_bias(_embedding(given), given.switch("bias", False), (given.size("num_embeddings"),))


def _norm(size: str, weight: str = "", bias: bool | None = None, bias_by: str = "bias") -> Callable[..., Parameters]:
    """Return the parameters of a norm.

    Args:
        size: what its size may be called.
        weight: the argument that may take its weight away.
        bias: whether it has one where nothing is said; None if it never has.
        bias_by: the argument that says so.
    """

    def parameters(given: Arguments) -> Parameters:
        name = next((name for name in size.split() if name in given.values), size)
        sizes = given.values.get(name)
        rows = given.size(name)
        if isinstance(sizes, list | tuple):
            rows = sizes[0] if len(sizes) == 1 and isinstance(sizes[0], int) else None
        has_weight = given.switch(weight, True) if weight else True
        if has_weight is False:
            return {}
        found = {"weight": Parameter(has_weight is True, (rows,))}
        return found if bias is None else with_bias(found, given.switch(bias_by, bias), (rows,))

    return parameters


def _convolution(given: Arguments) -> Parameters:
    return with_bias({"weight": Parameter()}, given.switch("bias", True), (given.size("out_channels"),))


PARALLEL = Layer("input_size output_size bias", _linear("input_size", "output_size"))
CONVOLUTION = Layer("in_channels out_channels kernel_size stride padding dilation groups bias", _convolution)
EMBEDDING = Layer("num_embeddings embedding_dim", _embedding)
LAYERS: dict[str, Layer] = {
    "Linear": Layer("in_features out_features bias", _linear("in_features", "out_features")),
    "GateLinear": Layer("input_size output_size bias", _linear("input_size", "output_size", bias=False)),
    "ReplicatedLinear": PARALLEL,
    "ColumnParallelLinear": PARALLEL,
    "RowParallelLinear": PARALLEL,
    "MergedColumnParallelLinear": Layer("input_size output_sizes bias", _merged),
    "QKVParallelLinear": Layer("hidden_size head_size total_num_heads total_num_kv_heads bias", _qkv),
    "VocabParallelEmbedding": EMBEDDING,
    "ParallelLMHead": Layer("num_embeddings embedding_dim bias", _head),
    "Embedding": EMBEDDING,
    "LayerNorm": Layer("normalized_shape eps elementwise_affine bias",
                       _norm("normalized_shape hidden_size", weight="elementwise_affine", bias=True)),
    "RMSNorm": Layer("hidden_size eps var_hidden_size has_weight", _norm("hidden_size", weight="has_weight")),
    "GemmaRMSNorm": Layer("hidden_size", _norm("hidden_size")),
    "GroupNorm": Layer("num_groups num_channels eps affine",
                       _norm("num_channels", weight="affine", bias=True, bias_by="affine")),
    "MiniMaxText01RMSNormTP": Layer("hidden_size", _norm("hidden_size")),
    "Conv1d": CONVOLUTION,
    "Conv2d": CONVOLUTION,
    "Conv3d": CONVOLUTION,
    "Conv2dLayer": CONVOLUTION,
    "Conv3dLayer": CONVOLUTION,
}  # fmt: skip
"""torch.nn; vLLM: model_executor/layers/linear.py, fused_moe/router/gate_linear.py,
vocab_parallel_embedding.py, layernorm.py, conv.py, mamba/linear_attn.py."""
BARE = frozenset({
    "Attention", "ChunkedLocalAttention", "CrossAttention", "Dropout", "EncoderOnlyAttention", "GELU", "GeluAndMul",
    "Identity", "LogitsProcessor", "MMEncoderAttention", "MultiHeadAttention", "PPMissingLayer", "QuickGELU", "ReLU",
    "SiLU", "SiluAndMul", "StageMissingLayer", "Tanh", "get_act_and_mul_fn", "get_act_fn", "get_rope",
})  # fmt: skip
"""Modules, and functions that return one, without a parameter that a checkpoint has."""
