"""What people read of latent attention."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from scaffold.checkpoint.facts import Fact
from scaffold.mixers.latent.spec import LatentAttentionSpec
from scaffold.spec.facts import keys_of, rope_fact, source


def facts(spec: LatentAttentionSpec, which: str, config: Mapping[str, Any]) -> Iterator[Fact]:
    """Yield ranks, sizes and rotation."""
    origin = source(spec.source)
    sizes = f"{spec.num_heads.value} heads, ranks {spec.q_lora_rank.value if spec.q_lora_rank else 'none'} and "
    sizes += f"{spec.kv_lora_rank.value}, heads of {spec.qk_nope_head_dim.value} + {spec.qk_rope_head_dim.value}"
    yield Fact(f"attention{which}", f"latent (MLA): {sizes}", (origin, *keys_of(spec.kv_lora_rank)))
    yield from rope_fact(config, spec.rope, which, origin)
