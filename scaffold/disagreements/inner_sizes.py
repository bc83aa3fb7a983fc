"""The inner size of MLPs and experts, and the rows of gate and up, the columns of down."""

from __future__ import annotations

from collections.abc import Iterator

from scaffold.checkpoint.patterns import Pattern
from scaffold.disagreements.finding import Disagreement, Said
from scaffold.disagreements.heads import PARENTS
from scaffold.disagreements.subject import WHOLE, Subject, number, shape, sizes

KIND = "inner size"
UP = ("gate_proj", "up_proj")
DOWN = ("down_proj",)
ROLES = ("intermediate_size", "intermediate_size_mlp", "moe_intermediate_size", "shared_expert_intermediate_size")
ATTENTION = [[name] for name in PARENTS]
"""Blocks whose gates are of another kind."""
OTHERWISE = ("block_configs", "ffn_dim_divisor", "ffn_multipliers", "multiple_of", "hybrid_override_pattern")
"""Keys of models whose inner sizes are computed, or others in each layer."""


def find(subject: Subject) -> Iterator[Disagreement]:
    """Yield where the sizes are none that the config has: vLLM's loaders take no other."""
    config, key = subject.completed, subject.key("intermediate_size") or subject.key("moe_intermediate_size")
    stated = sizes(config, *ROLES)
    if key is None or not stated or any(config.get(name) is not None for name in OTHERWISE):
        return
    shared = {size * count for size in stated for count in sizes(config, "num_shared_experts")}
    doubled = {2 * size for size in stated} if config.get("use_double_wide_mlp") else set()
    wrong = [p for p in subject.own if _inner(p) is not None and _inner(p) not in stated | shared | doubled]
    if not wrong:
        return
    found = {_inner(p) for p in wrong}
    one_size = len(found) == 1 and len(stated) == 1
    yield Disagreement(
        KIND,
        subject.said(key),
        Said(wrong[0].name, f"{shape(wrong[0])} has an inner size of {number(_inner(wrong[0]))}"),
        serves="vLLM makes parameters of the config's size, and its loaders take no tensor of another",
        remedy="check whether config.json and the weights are of the same model",
        decides=True,
        overrides=subject.override(key, found.pop()) if one_size else {},
    )


def _inner(pattern: Pattern) -> int | None:
    """Return the inner size that a projection shows; None for another tensor."""
    parts = pattern.name.split(".")
    if parts[-1] != "weight" or len(pattern.shape) != 2 or pattern.dtype not in WHOLE or parts[-3:-2] in ATTENTION:
        return None
    if parts[-2:-1] and parts[-2] in UP:
        return pattern.shape[0]
    return pattern.shape[1] if parts[-2:-1] and parts[-2] in DOWN else None
