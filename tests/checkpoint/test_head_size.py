"""Heads that are too wide for 310P."""

from __future__ import annotations

from typing import Any

from scaffold.checkpoint.head_size import facts
from tests.rows import each


@each(
    ("config", "shown"),
    [({"head_dim": 512}, "heads of 512"), ({"head_dim": 256}, None), ({"head_dim": 256, "global_head_dim": 512},
     "heads of 512"), ({"head_dim": 512, "kv_lora_rank": 512}, None), ({}, None)],
)  # fmt: skip
def test_the_widest_that_the_config_states(config: dict[str, Any], shown: str | None) -> None:
    found = list(facts(config))
    assert [fact.value.partition(":")[0] for fact in found] == ([shown] if shown else [])
    assert all(fact.evidence[1].where.startswith("vllm_ascend/_310p/") for fact in found)
