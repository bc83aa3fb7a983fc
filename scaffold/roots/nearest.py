"""Which registered architectures have the nearest tensor names, by transformers' modeling sources, read as text."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scaffold.checkpoint.patterns import NUMBER, Pattern
from scaffold.checkpoint.purpose import is_named_for_a_decoder
from scaffold.roots.modeling_sources import modeling_sources
from scaffold.roots.vllm_tree import Registered

_MODULE = re.compile(r"self\.(\w+)\s*(?::[^=\n]+)?=\s*\(?\s*(?:nn\.)?[A-Z]\w*\(")
_REGISTERED = re.compile(r"self\.register_\w+\(\s*[\"'](\w+)[\"']")
_OTHER_TASKS = re.compile(
    r"(SequenceClassification|TokenClassification|QuestionAnswering|MultipleChoice|PreTrainedModel)"
)
_SCALES = ("weight_scale_inv", "weight_scale", "scales", "qweight", "qzeros", "g_idx", "weight_packed", "weight_shape",
           "weight_offset", "input_scale", "deq_scale", "quant_bias")  # fmt: skip
LEAVES = frozenset({"weight", "bias", NUMBER, *_SCALES})
NOT_SAVED = re.compile(r"(rotary_embs?|act|act_fn|gelu_impl|loss_function|\w*dropout|\w*inv_freq|\w*config)")
"""Modules without weights, and tables that are made anew."""


@dataclass(frozen=True)
class Near:
    """A registered architecture, how similar its module names are (0 to 1), and in what they differ."""

    entry: Registered
    likeness: float
    only_here: tuple[str, ...]
    """Names that the checkpoint's tensors have, and the source does not have."""
    only_there: tuple[str, ...]


def nearest(
    patterns: Sequence[Pattern], registry: Mapping[str, Registered], transformers: Path, count: int = 3
) -> tuple[Near, ...]:
    """Return the registered architectures with the nearest names, nearest first.

    Args:
        patterns: the checkpoint's tensors.
        registry: a vLLM tree's.
        transformers: directory of the ``transformers`` package.
        count: how many.
    """
    here = words(patterns)
    found: list[Near] = []
    sources = modeling_sources(transformers)
    known = {folder: [name for name in names if name in registry and _generates(name)]
             for folder, names in sources.classes.items()}  # fmt: skip
    most = {folder: _most(here, sources.texts[folder]) for folder, names in known.items() if names}
    for folder in sorted(most, key=lambda folder: -most[folder]):
        if len(found) >= count and round(most[folder], 3) < found[count - 1].likeness:
            break
        there = _names(("\n" + sources.texts[folder].decode()).split("\nclass "))  # quicker than a pattern
        union = here | there
        likeness = len(here & there) / len(union) if union else 0.0
        # The checkpoint's own names weigh more than what the source has beside them (other heads, options)
        covered = len(here & there) / len(here) if here else 0.0
        differences = tuple(sorted(here - there)), tuple(sorted(there - here))
        score = round(0.7 * covered + 0.3 * likeness, 3)
        found += [Near(registry[name], score, *differences) for name in known[folder]]
        found.sort(key=lambda near: (-near.likeness, near.entry.architecture))
    return tuple(found[:count])


def _most(here: Collection[str], text: bytes) -> float:
    """Return a likeness that a source does not exceed: the share of the names that stand anywhere in its text."""
    return sum(name.encode() in text for name in here) / len(here) if here else 0.0


def words(patterns: Iterable[Pattern]) -> frozenset[str]:
    """Return the module names that tensors use, without numbers and without names of parameters."""
    names = {part for pattern in patterns for part in pattern.name.split(".")}
    return frozenset(name for name in names if not NOT_SAVED.fullmatch(name)) - LEAVES


def _generates(architecture: str) -> bool:
    return is_named_for_a_decoder(architecture) or architecture.endswith("ForConditionalGeneration")


def _names(parts: Sequence[str]) -> frozenset[str]:
    kept = [part for part in parts if not _OTHER_TASKS.search(part.partition("(")[0])]
    names = {name for part in kept for name in (*_MODULE.findall(part), *_REGISTERED.findall(part))}
    return frozenset(name for name in names if not NOT_SAVED.fullmatch(name)) - LEAVES
