"""Heads of attention: their numbers and size in the config, and the rows of q, k, v and the columns of o."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scaffold.checkpoint.patterns import Pattern
from scaffold.disagreements.finding import Disagreement, Said
from scaffold.disagreements.subject import LAYER, WHOLE, Subject, number, shape, sizes
from scaffold.expressions.evaluate import PER_LAYER
from scaffold.mixers.grouped_query.spec import AttentionSpec
from scaffold.spec.decoder import DecoderSpec

KIND = "heads"
PROJECTIONS = {"q_proj": "q", "k_proj": "k", "v_proj": "v", "o_proj": "o", "out_proj": "o"}
PARENTS = ("self_attn", "attention", "attn", "self_attention")
OTHERWISE = ("kv_lora_rank", "block_configs", "layers_block_type", "linear_attn_config")
"""Keys of models whose attention has other sizes, or another one in each layer."""


@dataclass(frozen=True)
class Sizes:
    """What the config allows: one number of each, or more where layers differ."""

    heads: set[int]
    kv_heads: set[int]
    head_dims: set[int]

    def allowed(self, projection: str) -> set[int]:
        """Return the rows of q, k or v, the columns of o. A gate may lie beside q, in as many rows."""
        heads = self.heads if projection in "qo" else self.kv_heads
        once = {count * size for count in heads for size in self.head_dims}
        return once | {2 * size for size in once} if projection == "q" else once


def find(subject: Subject) -> Iterator[Disagreement]:
    """Yield where projections have other sizes than the config's heads: vLLM's loaders take no other."""
    config = subject.completed
    found = sizes_of(config)
    if found is None or any(config.get(key) is not None for key in OTHERWISE):
        return
    of_source = computed(subject.decoder)
    for parent, group in _groups(subject).items():
        width = {which: {_width(p, which) for p in patterns} for which, patterns in group.items()}
        wrong = [which for which in width if not width[which] <= found.allowed(which) | of_source[which]]
        if wrong:
            yield _disagreement(subject, parent, group, {w: s.pop() for w, s in width.items() if len(s) == 1}, wrong)
            return


def sizes_of(config: Mapping[str, Any]) -> Sizes | None:
    """Return the sizes of attention that a config allows, or None if it does not say how many heads there are."""
    heads = sizes(config, "num_heads", "swa_num_heads")
    kv_heads = sizes(config, "num_kv_heads") or set(heads)
    kv_heads |= sizes(config, "swa_num_kv_heads", "global_num_kv_heads")
    head_dims = sizes(config, "head_dim")
    hidden = sizes(config, "hidden_size")
    if not head_dims:
        head_dims = {size // count for size in hidden for count in sizes(config, "num_heads") if count}
    head_dims |= sizes(config, "swa_head_dim", "global_head_dim", "v_head_dim", "swa_v_head_dim", "qk_head_dim")
    for own in (config.get(PER_LAYER) or {}).values():  # a class may have taken other keys for what layers have
        heads |= sizes(own, "num_heads")
        kv_heads |= sizes(own, "num_kv_heads")
        head_dims |= sizes(own, "head_dim")
    return Sizes(heads, kv_heads, head_dims) if heads and head_dims else None


def computed(decoder: DecoderSpec | None) -> dict[str, set[int]]:
    """Return what the source makes of the config's sizes: rows of q, k and v, columns of o, of all layers that attend.

    Some layers may have a multiple of the config's number of heads, which no key of it states.
    """
    found: dict[str, set[int]] = {which: set() for which in "qkvo"}
    for mixer in [mixer for layer in decoder.layers for mixer in layer.mixers] if decoder is not None else ():
        if isinstance(mixer, AttentionSpec):
            heads, kv_heads, size, v_size = (
                int(number.value) for number in (mixer.num_heads, mixer.num_kv_heads, mixer.head_dim, mixer.v_head_dim)
            )
            widths = {"q": heads * size, "k": kv_heads * size, "v": kv_heads * v_size, "o": heads * v_size}
            for which, number in widths.items():
                found[which].add(number)
    return found


def _groups(subject: Subject) -> dict[str, dict[str, list[Pattern]]]:
    """Return the projections of each block with q and k."""
    found: dict[str, dict[str, list[Pattern]]] = {}
    for pattern in subject.own:
        parent, _, name = pattern.name.removesuffix(".weight").rpartition(".")
        known = name in PROJECTIONS and parent.rpartition(".")[2] in PARENTS and len(pattern.shape) == 2
        if known and pattern.name.endswith(".weight") and pattern.dtype in WHOLE and LAYER.match(pattern.name):
            found.setdefault(parent, {}).setdefault(PROJECTIONS[name], []).append(pattern)
    return {parent: group for parent, group in found.items() if {"q", "k"} <= group.keys()}


def _width(pattern: Pattern, which: str) -> int:
    return pattern.shape[1] if which == "o" else pattern.shape[0]


def _disagreement(
    subject: Subject, parent: str, group: Mapping[str, list[Pattern]], width: Mapping[str, int], wrong: list[str]
) -> Disagreement:
    role, value = _explained(subject, width)
    key = (subject.key(role) if role else None) or role
    stated = [subject.said(k) for k in (subject.key(r) or r for r in ("head_dim", "num_heads", "num_kv_heads"))]
    together = Said(", ".join(s.where for s in stated), "; ".join(s.says for s in stated))
    tensors = [shape(group[which][0]) for which in wrong]
    says = f"{' and '.join(tensors)} do not have such sizes"
    if key is not None and value is not None:
        says = f"{' and '.join(tensors)} ask for {key} {number(value)}"
    return Disagreement(
        KIND,
        subject.said(key) if key is not None else together,
        Said(f"{parent}.*", says),
        serves="vLLM makes q, k and v of the config's sizes, and its loaders take no tensor of another",
        remedy="check whether config.json and the weights are of the same model",
        decides=True,
        overrides={} if key is None else subject.override(key, value),
    )


def _explained(subject: Subject, width: Mapping[str, int]) -> tuple[str | None, int | None]:
    """Return the one role that, with another value, would make config and tensors agree; and that value."""
    heads, kv_heads = subject.whole_number("num_heads"), subject.whole_number("num_kv_heads")
    kv_heads = heads if kv_heads is None else kv_heads
    size, hidden = subject.whole_number("head_dim"), subject.whole_number("hidden_size")
    q, k = width.get("q"), width.get("k")
    if heads and size is None and hidden:
        size = hidden // heads
    if not (heads and kv_heads and size and q and k):
        return None, None
    if q == heads * size and k % size == 0 and heads % max(1, k // size) == 0:
        return "num_kv_heads", k // size
    if k == kv_heads * size and q % size == 0 and (q // size) % kv_heads == 0:
        return "num_heads", q // size
    if q % heads == 0 and k == kv_heads * (q // heads):
        return "head_dim", q // heads
    return None, None
