"""The rules of quantised checkpoints: what is left out beside weights that are dequantised."""

from __future__ import annotations

from scaffold.mapping.of_checkpoint import _input_scales
from scaffold.weights import Scope


def test_fixed_scales_of_inputs_are_left_out_where_weights_are_dequantised() -> None:
    layer = Scope("layers.{layer}.", ranges={"layer": range(2)}, scale=("weight_scale_inv", None))
    rules = [layer.column("up_proj.weight", 8, 4), layer.unscaled().whole("norm.weight", 4)]
    (rule,) = _input_scales(rules, {"layers.1.up_proj.activation_scale", "layers.1.norm.input_scale"})
    assert (rule.source, rule.target) == ("layers.{layer}.up_proj.activation_scale", "")
    assert rule.is_computed
    assert list(_input_scales(rules, {"layers.1.up_proj.weight"})) == []
