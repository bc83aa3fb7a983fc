"""How an adapter makes the rotation of q and k."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scaffold.expressions.evaluate import evaluate
from scaffold.expressions.python import write
from scaffold.expressions.tree import Expression, Log, entry, updated
from scaffold.expressions.uses import needs_layer
from scaffold.idioms.frame import Frame
from scaffold.idioms.per_layer import PerLayer
from scaffold.probing.frequencies import USUAL_MAGNITUDE
from scaffold.source.python.errors import NotUnderstood
from scaffold.spec.rope import RopeSpec

IMPORT = "from vllm.model_executor.layers.rotary_embedding import get_rope"


@dataclass(frozen=True)
class Rope:
    """What ``get_rope`` is called with.

    Attributes:
        is_neox_style: halves of a head are rotated, not pairs.
        parameters: the mapping that holds theta and scaling.
        condition: which layers rotate.
    """

    is_neox_style: bool
    parameters: Expression
    condition: Expression


def rope_of(per_layer: PerLayer, ropes: Sequence[RopeSpec | None], frame: Frame) -> Rope | None:
    """Return the rotation of all layers, None if no layer has one.

    Raises:
        NotUnderstood: they differ in a way that there is no idiom for.
    """
    turned = [rope for rope in ropes if rope is not None]
    if not turned:
        return None
    if any(rope.style != turned[0].style for rope in turned):
        raise NotUnderstood("no idiom yet for layers that differ in the style of their rotation", turned[0].source)
    parameters = per_layer.value([_parameters(rope or turned[0], frame) for rope in ropes])
    return Rope(turned[0].style == "neox", parameters, per_layer.condition([rope is not None for rope in ropes]))


def get_rope(rope: Rope, size: str, names: Mapping[str, str], max_position: str) -> str:
    """Return the call that makes it.

    Args:
        rope: what it is called with.
        size: the expression of the entries of a head that are given to it.
        names: what the class calls its numbers.
        max_position: the expression of the longest sequence.
    """
    style = "" if rope.is_neox_style else "    is_neox_style=False,\n"
    return (
        f"self.rotary_emb = get_rope(\n    {size},\n    max_position={max_position},\n"
        f"    rope_parameters={write(rope.parameters, names=names)},\n{style})"
    )


def _parameters(rope: RopeSpec, frame: Frame) -> Expression:
    parameters = rope.parameters if frame.target.yarn_magnitude else _with_share(rope.parameters, frame)
    if rope.fraction is None:
        return parameters
    return updated(parameters, "partial_rotary_factor", rope.fraction)


def _with_share(parameters: Expression, frame: Frame) -> Expression:
    """Return parameters for a vLLM that takes a share of yarn's usual magnitude (``attn_factor``), and reads no other.

    Source: vllm/model_executor/layers/rotary_embedding/yarn_scaling_rope.py, until 0.28.
    """
    if needs_layer(parameters):
        return parameters
    stated = evaluate(parameters, frame.config)
    if not isinstance(stated, Mapping) or stated.get("rope_type") != "yarn":
        return parameters
    log = Log(entry(parameters, "factor"))
    if stated.get("attention_factor") is not None:
        magnitude = entry(parameters, "attention_factor")
    elif stated.get("mscale") and stated.get("mscale_all_dim"):
        both = (USUAL_MAGNITUDE * entry(parameters, name) * log + 1.0 for name in ("mscale", "mscale_all_dim"))
        magnitude = next(both) / next(both)
    else:
        return parameters
    return updated(parameters, "attn_factor", magnitude / (USUAL_MAGNITUDE * log + 1.0))
