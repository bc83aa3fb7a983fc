"""What surrounds the classes of an adapter, and what the target's vLLM offers them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scaffold.vocabulary.lookup import key_of
from scaffold.weights.emit import Loading
from scaffold.weights.rules import WeightMap


@dataclass(frozen=True)
class Target:
    """What of vLLM differs between releases, or from model type to model type (scaffold/roots/vllm_api.py).

    Attributes:
        cached_latents: it keeps the latents of this model type in the cache (MLA).
        moe_factory: the experts' layer is made by ``FusedMoEFactory``.
        stacked_mapper: ``WeightsMapper`` leads names to shards of stacked parameters.
        expert_names: the experts' layer finds the names of experts in the checkpoint itself.
        tied_skipped: ``AutoWeightsLoader`` passes over the second name of a tied parameter itself.
        yarn_magnitude: ``get_rope`` takes yarn's ``attention_factor``.
    """

    cached_latents: bool = False
    moe_factory: bool = True
    stacked_mapper: bool = True
    expert_names: bool = True
    tied_skipped: bool = True
    yarn_magnitude: bool = True


LENGTH = "max_position_embeddings"
SERVED_LENGTH = "get_current_vllm_config().model_config.max_model_len"
SERVED_IMPORT = "from vllm.config import get_current_vllm_config"
NEWEST = Target()
"""All that the newest release offers, and no latents in the cache."""


@dataclass(frozen=True)
class Frame:
    """What a kind of block is written into.

    Attributes:
        prefix: what the adapter's classes begin with.
        config_class: the class of the model's config.
        hidden_size: the config key of the hidden size.
        config: the checkpoint's text config, in which conditions over layers are looked for.
        target: the vLLM that the adapter is for.
        rules: the weight rules.
        loading: the loading tables that they give.
        runs: the expression of how often the layers run; empty if they run once.
        num_layers: the config key of their number.
        mixers: how many of them a layer has.
    """

    prefix: str
    config_class: str
    hidden_size: str
    config: Mapping[str, Any]
    target: Target
    rules: WeightMap
    loading: Loading
    runs: str = ""
    num_layers: str = ""
    mixers: int = 1

    @property
    def max_position(self) -> str:
        """Return the expression of the longest sequence, by the key that the config has; else that which is served."""
        key = key_of(LENGTH, self.config)
        if key is None:
            return SERVED_LENGTH
        return f"config.{key if '.' not in key else LENGTH}"

    @property
    def length_imports(self) -> tuple[str, ...]:
        """Return what ``max_position`` needs."""
        return (SERVED_IMPORT,) if self.max_position == SERVED_LENGTH else ()
