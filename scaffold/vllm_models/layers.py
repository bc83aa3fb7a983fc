"""The layers of PyTorch and vLLM by name: which parameters they have, and in which parts they are filled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scaffold.vllm_models.values import Node, truth

MISSING = object()


@dataclass(frozen=True)
class Layer:
    """A layer with a weight, and a bias that depends on an argument.

    Attributes:
        bias: default of the argument ``bias``; None if there is never one.
        position: of ``bias`` among the positional arguments.
        argument: what the argument is called.
        weight: the argument that may take the weight away, if there is one.
        shards: the parts in which the weight is filled.
    """

    bias: bool | None = None
    position: int = 99
    argument: str = "bias"
    weight: str = ""
    shards: tuple[Any, ...] = ()

    def node(self, name: str, positional: Sequence[Any], named: Mapping[str, Any]) -> Node:
        """Return the module."""
        parameters = {"weight": True}
        has_weight = named.get(self.weight, True) if self.weight else True
        if truth(has_weight) is not True:
            parameters = {} if truth(has_weight) is False else {"weight": False}
        if self.bias is not None:
            given = positional[self.position] if len(positional) > self.position else MISSING
            given = named.get(self.argument, self.bias) if given is MISSING else given
            has_bias = truth(given)
            if has_bias is not False and parameters:
                parameters["bias"] = has_bias is True
        return Node(name, parameters=parameters, shards=self.shards)


QKV = ("q", "k", "v")
LINEAR = Layer(True, 2)
CONVOLUTION = Layer(True, 7)
LAYERS: dict[str, Layer] = {
    "Linear": LINEAR,
    "GateLinear": Layer(False, 2),
    "ReplicatedLinear": LINEAR,
    "ColumnParallelLinear": LINEAR,
    "RowParallelLinear": LINEAR,
    "MergedColumnParallelLinear": Layer(True, 2, shards=(0, 1)),
    "QKVParallelLinear": Layer(True, 4, shards=QKV),
    "VocabParallelEmbedding": Layer(),
    "ParallelLMHead": Layer(False, 2),
    "Embedding": Layer(),
    "LayerNorm": Layer(True, 3, weight="elementwise_affine"),
    "RMSNorm": Layer(weight="has_weight"),
    "GemmaRMSNorm": Layer(),
    "GroupNorm": Layer(True, 3, argument="affine", weight="affine"),
    "Conv1d": CONVOLUTION,
    "Conv2d": CONVOLUTION,
    "Conv3d": CONVOLUTION,
    "Conv2dLayer": CONVOLUTION,
    "Conv3dLayer": CONVOLUTION,
}
"""torch.nn; vLLM: model_executor/layers/linear.py, fused_moe/router/gate_linear.py,
vocab_parallel_embedding.py, layernorm.py, conv.py."""
BARE = frozenset({
    "Attention", "CrossAttention", "Dropout", "EncoderOnlyAttention", "GELU", "GeluAndMul", "Identity",
    "LogitsProcessor", "MMEncoderAttention", "MultiHeadAttention", "PPMissingLayer", "QuickGELU", "ReLU", "SiLU",
    "SiluAndMul", "StageMissingLayer", "Tanh", "get_act_and_mul_fn", "get_act_fn", "get_rope",
})  # fmt: skip
"""Modules, and functions that return one, without a parameter that a checkpoint has."""
