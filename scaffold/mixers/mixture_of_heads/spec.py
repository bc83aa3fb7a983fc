"""Mixture of attention heads (MoA)."""

from __future__ import annotations

from dataclasses import dataclass, field

from scaffold.feed_forwards.experts.spec import RouterSpec
from scaffold.spec.rope import RopeSpec
from scaffold.spec.values import Value


@dataclass(frozen=True)
class MixtureOfHeadsSpec:
    """Attention whose projections of q and of the output are experts' (arXiv 2210.05144).

    Each token chooses experts. Each of these gives it one head of q for each head of k and v, which all experts share.
    The output is the sum over the chosen experts of what they project their heads to, times the router's weights.

    Attributes:
        name: the block's path in its layer.
        q_name: of the tensor ``[experts, kv_heads * head_dim, hidden]``.
        o_name: of the tensor ``[experts, hidden, kv_heads * head_dim]``.
        q_transposed: the former is ``[experts, in, out]``.
        o_transposed: the latter is.
        kv_names: of the layers of k and of v, or of the one that holds both, k first.
        kv_bias: whether these have a bias.
        o_bias: the name of a vector that is added to the output; empty if none is.
        router: how a token chooses.
    """

    name: str
    q_name: str
    o_name: str
    q_transposed: bool
    o_transposed: bool
    kv_names: tuple[str, ...]
    kv_bias: Value
    o_bias: str
    num_experts: Value
    num_kv_heads: Value
    head_dim: Value
    scale: Value
    rope: RopeSpec | None
    router: RouterSpec
    source: str = field(default="", compare=False)

    @property
    def top_k(self) -> Value:
        """Return how many experts a token chooses: so many heads of q share each head of k and v."""
        return self.router.top_k

    @property
    def num_heads(self) -> Value:
        """Return the heads of q."""
        tree = self.top_k.tree * self.num_kv_heads.tree
        return Value(int(self.top_k.value) * int(self.num_kv_heads.value), None, tree)
