"""The inner size of MLPs and experts, and the rows of gate and up, the columns of down."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

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
    hidden = sizes(config, "hidden_size")
    forms = {pattern.name: pattern.shape for pattern in subject.own}
    shown = [(pattern, _of_one(pattern, _inner(pattern, hidden), forms)) for pattern in subject.own]
    wrong = [(p, inner) for p, inner in shown if inner is not None and inner not in stated | shared | doubled]
    if not wrong:
        return
    first, size = wrong[0]
    kind, key, value = _explained(subject, first, size)
    explained = [_explained(subject, pattern, inner) for pattern, inner in shown if inner is not None]
    is_one = {asked for of, _, asked in explained if of == kind} == {value}
    yield Disagreement(
        KIND,
        subject.said(key),
        Said(first.name, f"{shape(first)} has an inner size of {number(size)}"),
        serves="vLLM makes parameters of the config's size, and its loaders take no tensor of another",
        remedy="check whether config.json and the weights are of the same model",
        decides=True,
        overrides=subject.override(key, value) if is_one and value is not None else {},
    )


def _explained(subject: Subject, pattern: Pattern, inner: int) -> tuple[str, str, int | None]:
    """Return the kind of block, the key that says how large it is, and the value with which it would be so large."""
    parts = pattern.name.split(".")
    dense, routed = subject.key("intermediate_size"), subject.key("moe_intermediate_size")
    if any(part.startswith(SHARED) for part in parts):
        own, count = subject.key("shared_expert_intermediate_size"), subject.key("num_shared_experts")
        size = subject.whole_number("moe_intermediate_size") or subject.whole_number("intermediate_size")
        if own is None and count is not None and size:
            return "shared", count, inner // size if inner % size == 0 else None
        return "shared", own or routed or dense or "", inner
    if "experts" in parts:
        return "experts", routed or dense or "", inner
    return "dense", dense or routed or "", inner


def _of_one(pattern: Pattern, inner: int | None, forms: Mapping[str, tuple[int, ...]]) -> int | None:
    """Return the inner size of a block whose ``up_proj`` holds the gate, too: half of what that shows."""
    block, _, name = pattern.name.removesuffix(".weight").rpartition(".")
    if inner is None or name != "up_proj" or f"{block}.gate_proj.weight" in forms:
        return inner
    down = forms.get(f"{block}.down_proj.weight", ())
    return inner // 2 if down[1:] == (inner // 2,) and inner % 2 == 0 else inner


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
