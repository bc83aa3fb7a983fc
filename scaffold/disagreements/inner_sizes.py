"""The inner size of MLPs and experts, and the rows of gate and up, the columns of down."""

from __future__ import annotations

from collections.abc import Collection, Iterator

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
    hidden = sizes(config, "hidden_size")
    shown = [(pattern, _inner(pattern, hidden)) for pattern in subject.own]
    wrong = [(p, inner) for p, inner in shown if inner is not None and inner not in stated | shared | doubled]
    if not wrong:
        return
    first, size = wrong[0]
    found = {inner for _, inner in wrong}
    one_size = len(found) == 1 and len(stated) == 1
    yield Disagreement(
        KIND,
        subject.said(key),
        Said(first.name, f"{shape(first)} has an inner size of {number(size)}"),
        serves="vLLM makes parameters of the config's size, and its loaders take no tensor of another",
        remedy="check whether config.json and the weights are of the same model",
        decides=True,
        overrides=subject.override(key, found.pop()) if one_size else {},
    )


def _inner(pattern: Pattern, hidden: Collection[int]) -> int | None:
    """Return the inner size that a projection from or to the hidden size shows; None for another tensor."""
    parts = pattern.name.split(".")
    if parts[-1] != "weight" or len(pattern.shape) != 2 or pattern.dtype not in WHOLE or parts[-3:-2] in ATTENTION:
        return None
    rows, columns = pattern.shape
    if parts[-2:-1] and parts[-2] in UP:
        return rows if columns in hidden or not hidden else None
    if parts[-2:-1] and parts[-2] in DOWN:
        return columns if rows in hidden or not hidden else None
    return None
