"""Multi-head latent attention (MLA)."""

from __future__ import annotations

from dataclasses import dataclass, field

from scaffold.spec.norms import NormSpec
from scaffold.spec.rope import RopeSpec
from scaffold.spec.values import Value


@dataclass(frozen=True)
class LatentAttentionSpec:
    """Multi-head latent attention (DeepSeek): low-rank projections, a rotated part of k that all heads share.

    Attributes:
        q_names: of one layer, or of the two around a norm.
        rope: how the rotated part of q and k turns; its parameters.
    """

    name: str
    q_names: tuple[str, ...]
    q_norm: tuple[str, NormSpec] | None
    kv_a_name: str
    kv_norm: tuple[str, NormSpec]
    kv_b_name: str
    o_name: str
    num_heads: Value
    qk_nope_head_dim: Value
    qk_rope_head_dim: Value
    v_head_dim: Value
    q_lora_rank: Value | None
    kv_lora_rank: Value
    scale: Value
    q_scale: Value
    kv_scale: Value
    bias: Value
    o_bias: Value
    rope: RopeSpec
    num_kv_heads: Value
    source: str = field(default="", compare=False)
