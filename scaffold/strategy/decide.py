"""The smallest change that works: ``supported``, ``alias``, ``native``, ``transformers``, in this order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from scaffold.common.errors import CheckFailed
from scaffold.roots.vllm_tree import BACKEND_DICT, Registered
from scaffold.spec.facts import DecoderSpec, ModelSpec

NAMES = ("supported", "alias", "native", "transformers")
PARTS = "the decoder inside of {} was read, and an adapter of the parts around it is not generated yet"
HasSpec = Callable[[Registered, DecoderSpec], "bool | None"]
"""Whether a registered architecture's own modeling source has a spec at this checkpoint's config; None: unreadable."""
Comparable = Callable[[], tuple[Iterable[Registered], HasSpec]]


@dataclass(frozen=True)
class Strategy:
    """What is to be done, and why nothing smaller."""

    name: str
    why: tuple[str, ...]
    entry: Registered | None = None
    """The registered implementation that serves the model (``supported``, ``alias``)."""


def decide(
    spec: ModelSpec,
    registry: Mapping[str, Registered],
    comparable: Comparable,
    asked: str = "auto",
) -> Strategy:
    """Choose the first strategy that holds, or check the one asked for.

    Args:
        spec: the model.
        registry: the target's registered architectures by name.
        comparable: makes the list of entries to compare the spec with, and what tells whether one has it; called if
            needed.
        asked: ``auto`` or a strategy.

    Raises:
        CheckFailed: the strategy asked for does not hold.
    """
    why: list[str] = []
    for name in NAMES:
        entry, holds, reason = _holds(name, spec, registry, comparable)
        why.append(f"{name}: {reason}")
        if holds and asked in ("auto", name):
            return Strategy(name, tuple(why), entry)
        if asked == name:
            break
    raise CheckFailed(
        why[-1],
        where=f"--strategy {asked}",
        expected=f"a model that {asked} fits",
        remedy="leave the choice to --strategy auto",
    )


Answer = tuple["Registered | None", bool, str]


def _holds(
    name: str,
    spec: ModelSpec,
    registry: Mapping[str, Registered],
    comparable: Comparable,
) -> Answer:
    if name == "supported":
        return _supported(spec, registry)
    if name == "alias":
        return _alias(spec, comparable)
    if name == "native":
        if spec.decoder is None or spec.holes:
            return None, False, "; ".join(f"{h.what} ({h.evidence})" for h in spec.holes)
        if spec.decoder.text_key:
            return None, False, PARTS.format(spec.decoder.text_key)
        return None, True, "every block was recognised"
    return None, True, "vLLM's Transformers backend is what is left"


def _supported(spec: ModelSpec, registry: Mapping[str, Registered]) -> Answer:
    entry = registry.get(spec.architecture)
    if entry is None:
        return None, False, f"{spec.architecture} is not in the registry"
    if entry.table == BACKEND_DICT:
        return None, False, f"{spec.architecture} is registered for the Transformers backend only"
    return entry, True, f"{spec.architecture} is registered ({entry.module}.{entry.class_name})"


def _alias(spec: ModelSpec, comparable: Comparable) -> Answer:
    if spec.decoder is None:
        return None, False, "the spec has holes, so it cannot be compared"
    entries, has_spec = comparable()
    tried = 0
    for entry in entries:
        same = has_spec(entry, spec.decoder)
        if same:
            return entry, True, f"spec and tensor names are those of {entry.architecture}"
        tried += same is not None
    return (
        None,
        False,
        f"none of {tried} registered architectures with such tensor names has this spec",
    )
