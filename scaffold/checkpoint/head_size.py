"""Heads that are too wide for paged attention on 310P.

Which are: ``_adjust_kernel_block_sizes`` in vllm_ascend/_310p/worker/v2/model_runner.py (0.28.0rc1, 0.30.0rc2), which
ends in a NotImplementedError. Of other NPUs no file of vllm-ascend that was read has such a limit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from scaffold.checkpoint.facts import Evidence, Fact
from scaffold.vocabulary.lookup import at, spellings

WIDEST = 256
SOURCE = "vllm_ascend/_310p/worker/v2/model_runner.py"
ROLES = ("head_dim", "swa_head_dim", "global_head_dim")


def facts(text: Mapping[str, Any]) -> Iterator[Fact]:
    """Yield a fact if the config states wider heads; those of latent attention are no heads of the cache."""
    if text.get("kv_lora_rank") is not None:
        return
    stated = [(at(text, key), key) for role in ROLES for key in spellings(role)]
    found = [(size, key) for size, key in stated if type(size) is int and size > WIDEST]
    if found:
        size, key = max(found)
        value = f"heads of {size}: version 2 of its model runner takes heads of up to {WIDEST}"
        yield Fact("attention on 310P", value, (Evidence("config", key, str(size)), Evidence("source", SOURCE)))
