"""Sizes that a config has for single layers are sizes that the config has."""

from __future__ import annotations

from scaffold.disagreements.heads import Sizes, sizes_of


def test_layers_may_have_heads_of_their_own() -> None:
    own = {1: {"head_dim": 128, "num_key_value_heads": 1}}
    config = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 64, "per_layer_config": own}
    assert sizes_of(config) == Sizes({4}, {1, 2}, {64, 128})
