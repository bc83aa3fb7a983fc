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
SHARED = ("shared_expert", "shared_mlp")
"""Beginnings of what blocks of shared experts are called."""
OTHERWISE = ("block_configs", "ffn_dim_divisor", "ffn_multipliers", "multiple_of", "hybrid_override_pattern")
"""Keys of models whose inner sizes are computed, or others in each layer."""


def find(subject: Subject) -> Iterator[Disagreement]:
    """Yield where the sizes are none that the config has: vLLM's loaders take no other."""
    config = subject.completed
    stated = sizes(config, *ROLES)
    is_stated = subject.key("intermediate_size") or subject.key("moe_intermediate_size")
    if not is_stated or not stated or any(config.get(name) is not None for name in OTHERWISE):
        return
    shared = {size * count for size in stated for count in sizes(config, "num_shared_experts")}
    doubled = {2 * size for size in stated} if config.get("use_double_wide_mlp") else set()
    wrong = [p for p in subject.own if _inner(p) is not None and _inner(p) not in stated | shared | doubled]
    if not wrong:
        return
    kind, key, value = _explained(subject, wrong[0])
    explained = [_explained(subject, pattern) for pattern in subject.own if _inner(pattern) is not None]
    is_one = {asked for of, _, asked in explained if of == kind} == {value}
    yield Disagreement(
        KIND,
        subject.said(key),
        Said(wrong[0].name, f"{shape(wrong[0])} has an inner size of {number(_inner(wrong[0]))}"),
        serves="vLLM makes parameters of the config's size, and its loaders take no tensor of another",
        remedy="check whether config.json and the weights are of the same model",
        decides=True,
        overrides=subject.override(key, value) if is_one and value is not None else {},
    )


def _explained(subject: Subject, pattern: Pattern) -> tuple[str, str, int | None]:
    """Return the kind of block, the key that says how large it is, and the value with which it would be so large."""
    parts, inner = pattern.name.split("."), _inner(pattern)
    dense, routed = subject.key("intermediate_size"), subject.key("moe_intermediate_size")
    if any(part.startswith(SHARED) for part in parts):
        own, count = subject.key("shared_expert_intermediate_size"), subject.key("num_shared_experts")
        size = subject.whole_number("moe_intermediate_size") or subject.whole_number("intermediate_size")
        if own is None and count is not None and size and inner:
            return "shared", count, inner // size if inner % size == 0 else None
        return "shared", own or routed or dense or "", inner
    if "experts" in parts:
        return "experts", routed or dense or "", inner
    return "dense", dense or routed or "", inner


def _inner(pattern: Pattern) -> int | None:
    """Return the inner size that a projection shows; None for another tensor."""
    parts = pattern.name.split(".")
    if parts[-1] != "weight" or len(pattern.shape) != 2 or pattern.dtype not in WHOLE or parts[-3:-2] in ATTENTION:
        return None
    if parts[-2:-1] and parts[-2] in UP:
        return pattern.shape[0]
    return pattern.shape[1] if parts[-2:-1] and parts[-2] in DOWN else None
