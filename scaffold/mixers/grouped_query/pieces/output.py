"""What happens between the attention and its output projection, and values of another size than keys."""

from __future__ import annotations

from scaffold.expressions.python import write
from scaffold.idioms.norms import norm_call
from scaffold.idioms.written import NORM_OVER_RANKS, Piece
from scaffold.mixers.grouped_query.pieces.layers import Layers
from scaffold.mixers.grouped_query.spec import values_differ
from scaffold.source.python.errors import NotUnderstood
from scaffold.weights.targets import attribute


def value_size(layers: Layers) -> Piece | None:
    """Return what values of another size than keys need: vLLM's cache has one size for both."""
    if not values_differ(layers.used):
        return None
    size = layers.value(lambda a: a.v_head_dim)
    return Piece(
        {
            "sizes": f"self.v_head_dim = {write(size, names=layers.names)}",
            "qkv_arguments": "v_head_size=self.v_head_dim,",
            "split": "q, k, v = qkv.split(\n"
            "    [self.q_size, self.kv_size, self.num_kv_heads * self.v_head_dim], dim=-1\n)",
            "scaled": "v = v.unflatten(-1, (self.num_kv_heads, self.v_head_dim))\n"
            "v = F.pad(v, (0, self.head_dim - self.v_head_dim)).flatten(-2)",
            "attended": "attn_output = attn_output.unflatten(-1, (self.num_heads, self.head_dim))\n"
            "attn_output = attn_output[..., : self.v_head_dim].flatten(-2)",
        },
        uses=(size,),
    )


def gate(layers: Layers) -> Piece | None:
    """Return the gate on the output."""
    spec = layers.same("a gate", lambda a: a.gate)
    if spec is None:
        return None
    if spec.with_q:
        return _gate_with_q(layers)
    name = attribute(spec.name)
    made = f"""\
self.{name} = ColumnParallelLinear(
    config.{layers.frame.hidden_size},
    {"self.total_num_heads" if spec.per_head else layers.width},
    bias={write(spec.bias.tree, names=layers.names)},
    quant_config=quant_config,
    prefix=f"{{prefix}}.{name}",
)
"""
    over_heads = """\
attn_output = attn_output.unflatten(-1, (self.num_heads, -1))
attn_output = (attn_output * torch.sigmoid(gate).unsqueeze(-1)).flatten(-2)
"""
    over_entries = "attn_output = attn_output * torch.sigmoid(gate)"
    gated = f"gate, _ = self.{name}(hidden_states)\n{over_heads if spec.per_head else over_entries}"
    imports = ("from vllm.model_executor.layers.linear import (ColumnParallelLinear,)",)
    return Piece({"modules": made, "attended": gated}, imports)


def _gate_with_q(layers: Layers) -> Piece:
    """Return the gate that comes from the projection of q, as vLLM's Qwen3-Next has it."""
    if values_differ(layers.used):
        raise NotUnderstood(
            "no idiom yet for a gate beside q where heads of v have another size", layers.used[0].source
        )
    return Piece(
        {
            "q_heads": "2 * self.total_num_heads,  # each with its gate",
            "split": "q, k, v = qkv.split([2 * self.q_size, self.kv_size, self.kv_size], dim=-1)\n"
            "q, gate = q.unflatten(-1, (self.num_heads, 2 * self.head_dim)).chunk(2, dim=-1)\n"
            "q, gate = q.flatten(-2), gate.flatten(-2)",
            "attended": "attn_output = attn_output * torch.sigmoid(gate)",
        }
    )


def output_norm(layers: Layers) -> Piece | None:
    """Return the norm over all heads' outputs."""
    found = layers.same("a norm of the output", lambda a: a.output_norm)
    if found is None:
        return None
    name = attribute(found[0])
    normed = f"""\
attn_output = norm_over_ranks(
    self.{name}, attn_output, self.total_num_heads, self.head_dim
)
"""
    made = f"self.{name} = {norm_call(found[1], layers.width, layers.frame.prefix)}"
    return Piece({"modules": made, "attended": normed}, helpers=frozenset({NORM_OVER_RANKS}))
