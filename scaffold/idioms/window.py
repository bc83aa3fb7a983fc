"""What keeps layers that see all tokens from the window that a config names.

Where vLLM's ``Attention`` is given no window of its own it takes ``cache_config.sliding_window``
(vllm/model_executor/layers/attention/attention.py). That is the config's ``sliding_window``, unless its ``layer_types``
say that layers differ (vllm/engine/arg_utils.py, ``create_engine_config``). vLLM's MiMo-V2 and Laguna do the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SEES_ALL = """\
if cache_config is not None and cache_config.sliding_window is not None:
    # Without a window of its own, Attention takes the one of the config.
    cache_config = copy.copy(cache_config)
    cache_config.sliding_window = None
"""
"""Statements of an ``__init__``, before ``Attention`` is made."""
SEES_ALL_IMPORT = "import copy"


def takes_the_configs(config: Mapping[str, Any]) -> bool:
    """Return whether vLLM would give a layer without a window the one that the config names."""
    kinds = config.get("layer_types")
    return bool(config.get("sliding_window")) and not (isinstance(kinds, (list, tuple)) and len(set(kinds)) > 1)
