"""Differential attention: two attentions over the same q and k, written as one with twice the heads.

vLLM has one cache for each ``Attention``. Each half of the values is kept beside all keys, as two attentions would.
"""

from __future__ import annotations

from scaffold.expressions.tree import LayerIndex
from scaffold.idioms.norms import norm_call
from scaffold.idioms.written import Piece
from scaffold.mixers.grouped_query.pieces.layers import Layers
from scaffold.mixers.grouped_query.spec import INITIAL_LAMBDA, DifferentialSpec
from scaffold.weights.targets import attribute

TWICE = """\
# Of a pair of KV heads: both keys with the first's values, then the second's.
group = self.num_heads // self.num_kv_heads
q = q.unflatten(-1, (-1, group, 2, self.head_dim)).transpose(-3, -2)
q = torch.stack((q, q), dim=-3).flatten(1)
k = k.unflatten(-1, (-1, 2, self.head_dim))
k = torch.stack((k, k), dim=-2).flatten(1)
v = v.unflatten(-1, (-1, 2, self.head_dim))
v = torch.stack((v, v), dim=-3).flatten(1)
"""
SUBTRACTED = """\
# [tokens, pairs of KV heads, heads of a pair, values of a pair, group, head_dim]
attn_output = attn_output.unflatten(-1, (-1, 2, 2, group, self.head_dim))
first, second = attn_output.unbind(-4)
factor = (
    torch.exp(torch.sum(self.{0} * self.{1}, dim=-1, dtype=torch.float32))
    - torch.exp(torch.sum(self.{2} * self.{3}, dim=-1, dtype=torch.float32))
    + self.lambda_init
)
attn_output = first - factor.to(first.dtype) * second
attn_output = attn_output.transpose(-3, -2).flatten(-2).flatten(1, 2)
attn_output = (1 - self.lambda_init) * self.{norm}(attn_output)
attn_output = attn_output.flatten(1)
"""


def differential(layers: Layers) -> Piece | None:
    """Return the doubled heads, and what makes one output of both attentions."""
    spec: DifferentialSpec | None = layers.same("two attentions in one", lambda a: a.differential)
    if spec is None:
        return None
    names, norm = [attribute(name) for name in spec.vectors], attribute(spec.norm_name)
    made = [
        f"self.lambda_init = {INITIAL_LAMBDA.code}",
        *(f"self.{name} = nn.Parameter(torch.empty(self.head_dim), requires_grad=False)" for name in names),
        f"self.{norm} = {norm_call(spec.norm, '2 * self.head_dim', layers.frame.prefix)}",
    ]
    code = {"modules": "\n".join(made), "scaled": TWICE, "attended": SUBTRACTED.format(*names, norm=norm)}
    return Piece(code, ("import math",), uses=(LayerIndex(),))
