"""The targets of compressed-tensors' groups, and what the tensors of these layers are.

A layer belongs to the first target that is its name or matches it, else to the one that its class is called by
(vllm/model_executor/layers/quantization/compressed_tensors/utils.py, ``find_matched_target``). One that belongs to none
is a KeyError in vllm-ascend (vllm_ascend/quantization/compressed_tensors_config.py, ``get_scheme_dict``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scaffold.checkpoint.quantization import FP8, UNQUANTISED
from scaffold.checkpoint.text import printable
from scaffold.disagreements.entries import REGEX, names
from scaffold.disagreements.finding import Disagreement, Said
from scaffold.disagreements.ignored import ENDINGS, SECTIONS, TOGETHER, kind_of
from scaffold.disagreements.subject import Subject

KIND = "targets of quantisation"
GROUPS = "config_groups"
ANY_LINEAR = "Linear"
"""Contained in the name of every linear layer's class."""
CLASSES = frozenset({ANY_LINEAR, "LinearBase", "FusedMoE", "RoutedExperts", "Attention", "VocabParallelEmbedding"})
DTYPES = {
    ("float", 8): FP8, ("int", 8): ("I8", "I32"), ("int", 4): ("I32", "U8", "I8"), ("float", 4): ("U8",),
}  # fmt: skip
"""Type and bits of a group's weights → the data types of tensors that hold them, packed or not."""
MAX_MODULES = 200_000


@dataclass(frozen=True)
class Group:
    """A group of layers: what it is called, its targets, and how its weights are quantised."""

    name: str
    targets: tuple[str, ...]
    type: Any
    bits: Any


def find(subject: Subject) -> Iterator[Disagreement]:
    """Yield quantised layers that no target names, and those that are of another type than their group's."""
    section, groups = _groups(subject.config)
    if not groups or subject.quantization is None or subject.quantization.kind != "compressed-tensors":
        return
    numbered = any(c.isdigit() for group in groups for target in group.targets for c in target)
    seen: dict[str, tuple[str, str]] = {}
    for module, dtype in _quantised(subject):
        seen.setdefault(module if numbered else kind_of(module), (module, dtype))
    unnamed: list[tuple[str, str]] = []
    other: dict[str, list[tuple[str, str]]] = {}
    for module, dtype in seen.values():
        group = _group(module, groups)
        if group is None:
            unnamed.append((module, dtype))
        elif dtype not in DTYPES.get((group.type, group.bits), (dtype,)):
            other.setdefault(group.name, []).append((module, dtype))
    if unnamed:
        yield _disagreement(section, "no target names it", "a target that names the layer", unnamed)
    for name, found in other.items():
        group = next(one for one in groups if one.name == name)
        says = f"{printable(name)[:40]} has weights of {group.type}{group.bits}"
        yield _disagreement(section, says, "the group that the layer belongs to", found)


def _groups(config: Mapping[str, Any]) -> tuple[str, tuple[Group, ...]]:
    for section in SECTIONS:
        described = config.get(section)
        listed = described.get(GROUPS) if isinstance(described, Mapping) else None
        if isinstance(listed, Mapping):
            return section, tuple(_read(str(name), group) for name, group in listed.items() if _is_group(group))
    return "", ()


def _is_group(group: Any) -> bool:
    targets = group.get("targets") if isinstance(group, Mapping) else None
    return isinstance(targets, list) and all(isinstance(target, str) for target in targets)


def _read(name: str, group: Mapping[str, Any]) -> Group:
    weights = group.get("weights")
    weights = weights if isinstance(weights, Mapping) else {}
    bits = weights.get("num_bits")
    return Group(name, tuple(group["targets"]), str(weights.get("type")), bits if type(bits) is int else None)


def _quantised(subject: Subject) -> Iterator[tuple[str, str]]:
    """Yield each quantised layer of the language model with the data type of its weight."""
    endings = tuple(f".{ending}" for ending in ENDINGS)
    own = {pattern.name for pattern in subject.own if pattern.dtype not in UNQUANTISED and len(pattern.shape) == 2}
    for number, (name, form) in enumerate(subject.forms.items()):
        if number < MAX_MODULES and name.endswith(endings) and form.dtype not in UNQUANTISED and kind_of(name) in own:
            yield name.rpartition(".")[0], form.dtype


def _group(module: str, groups: tuple[Group, ...]) -> Group | None:
    parent, _, name = module.rpartition(".")
    together = f"{parent}.{TOGETHER[name]}" if name in TOGETHER else module
    for one in (together, module):  # what vLLM has as one layer is looked up by that layer's name first
        for group in groups:
            if any(names(target, one) for target in group.targets):
                return group
    return next((group for group in groups if any(_is_class(target) for target in group.targets)), None)


def _is_class(target: str) -> bool:
    """Return whether a target is the name of a class; of one that is not known it is believed to be this layer's."""
    return target in CLASSES or (not target.startswith(REGEX) and "." not in target and target[:1].isupper())


def _disagreement(section: str, says: str, asks: str, found: list[tuple[str, str]]) -> Disagreement:
    module, dtype = found[0]
    more = f" and {len(found) - 1} more kinds" if len(found) > 1 else ""
    return Disagreement(
        KIND,
        Said(f"config.json, {section}.{GROUPS}", f"{says}, of {module}{more}"),
        Said(", ".join(name for name, _ in found[:2]), f"{module} is {dtype} with a scale"),
        serves="the layer gets another weight than this, or none: vllm-ascend ends in a KeyError where no target fits",
        remedy=f"correct {asks}, or take the config that the weights were written with",
        decides=True,
    )
