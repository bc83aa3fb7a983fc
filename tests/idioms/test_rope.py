"""What ``get_rope`` is called with, for releases that read different keys of yarn."""

from __future__ import annotations

from typing import Any

from scaffold.expressions.evaluate import evaluate
from scaffold.expressions.tree import key
from scaffold.idioms.frame import Frame, Target
from scaffold.idioms.per_layer import PerLayer
from scaffold.idioms.rope import rope_of
from scaffold.probing.frequencies import ROPE_TYPES
from scaffold.spec.rope import RopeSpec
from scaffold.weights.emit import loading
from scaffold.weights.rules import WeightMap
from tests.rows import each

YARN = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 1024}
OLDER, NEWER = Target(yarn_magnitude=False), Target()


def parameters(stated: dict[str, Any], target: Target) -> dict[str, Any]:
    """Return what a config's parameters come to in an adapter for a target."""
    config = {"rope_parameters": stated}
    frame = Frame("Vela", "VelaConfig", "hidden_size", config, target, WeightMap(()), loading((), (), ("", "")))
    rope = rope_of(PerLayer(config, ()), [RopeSpec("neox", 32, 32, key("rope_parameters"))], frame)
    assert rope is not None
    found: dict[str, Any] = evaluate(rope.parameters, config)
    return found


@each(
    "more",
    [{"attention_factor": 1.0}, {"attention_factor": 1.5}, {"mscale": 0.707, "mscale_all_dim": 0.5}],
)
def test_older_releases_are_told_a_share_of_yarns_usual_magnitude(more: dict[str, float]) -> None:
    stated = YARN | more
    assert parameters(stated, NEWER) == stated
    (_, wanted), (_, usual) = (ROPE_TYPES["yarn"](one, 32, 4096) or (None, 0.0) for one in (stated, YARN))
    share = parameters(stated, OLDER)["attn_factor"]
    assert abs(share * usual - wanted) < 1e-12


@each("stated", [YARN, {"rope_type": "default", "rope_theta": 1e4}, {"rope_type": "linear", "factor": 2.0}])
def test_all_others_are_told_what_the_config_states(stated: dict[str, Any]) -> None:
    assert parameters(stated, OLDER) == stated
