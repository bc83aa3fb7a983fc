"""Layers of vLLM by their arguments."""

from __future__ import annotations

from scaffold.vllm_models.layers import LAYERS


def test_a_layer_of_keys_and_values_alone_has_no_part_for_q() -> None:
    node = LAYERS["QKVParallelLinear"].node("kv_proj", (128, 32, 0, 2), {"bias": False})
    assert node.parameters["weight"].shape == (128, 128)
    assert node.parameters["weight"].shards == {"k": (64, 128), "v": (64, 128)}
