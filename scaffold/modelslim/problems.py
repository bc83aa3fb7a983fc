"""What is wrong with what layers are given: nothing, several things, or what there is no code for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from scaffold.checkpoint.headers import Form
from scaffold.checkpoint.patterns import pattern_of
from scaffold.checkpoint.quantization import UNQUANTISED
from scaffold.modelslim.asked import Asked, kind_of
from scaffold.modelslim.description import FLOAT, WEIGHT, Description
from scaffold.modelslim.fills import LEAVES, SHARDS, Fills
from scaffold.modelslim.layers import MOE
from scaffold.modelslim.rows import stems_of
from scaffold.modelslim.upstream import Upstream
from scaffold.weights.findings import Finding


def missing(answers: Iterable[Asked], filled: Fills, forms: Mapping[str, Form], said: Description) -> Iterator[Finding]:
    """Yield layers of which an entry is looked up that is not there; values that are no text are said elsewhere."""
    for one in answers:
        if set(one.missing) - {one.names(name) for name in said.no_words}:
            stems = stems_of(one, filled)
            dtypes = {forms[stem + leaf].dtype for stem in stems for leaf in LEAVES if stem + leaf in forms}
            is_plain = bool(dtypes) and dtypes <= set(UNQUANTISED)
            mends = "add the entry as FLOAT: the weights are plain" if is_plain else "describe the layer as what it is"
            others = [stem + WEIGHT for stem in stems if stem + WEIGHT in said.words]
            if others and len(others) == len(stems):
                mends = f"add the entries under these names, too: they are there as {', '.join(others)}"
            yield Finding("not described", f"{one.layer.layer} {one.prefix} ends in a KeyError, as there is no entry",
                          mends, one.missing, one.prefix)  # fmt: skip


def mixed(answers: Iterable[Asked]) -> Iterator[Finding]:
    """Yield layers whose parts are quantised differently."""
    for one in answers:
        if not one.missing and len(set(one.words)) > 1:
            said = ", ".join(f"{name} {word}" for name, word in zip(one.entries, one.words))
            yield Finding("mixed", f"the parts of one layer are quantised differently: {said}",
                          "quantise them alike: vLLM has them as one matrix", one.entries, one.prefix)  # fmt: skip


def unregistered(answers: Iterable[Asked], upstream: Upstream, filled: Fills) -> Iterator[Finding]:
    """Yield layers for whose word there is no code."""
    for one in answers:
        pair = (one.word, kind_of(one.layer))
        if one.word and one.word != FLOAT and upstream.schemes is not None and pair not in upstream.schemes:
            says = f"no scheme is registered for {one.word} of {pair[1]} layers"
            mends = "quantise these layers otherwise, or leave them plain"
            yield Finding("no scheme", says, mends, tuple(stems_of(one, filled)), one.prefix)


def odd_experts(answers: Iterable[Asked], said: Description, filled: Fills) -> Iterator[Finding]:
    """Yield experts that are described otherwise than the first, which alone is looked up."""
    for one in answers:
        if one.layer.kind != MOE or not one.word:
            continue
        by_shard = filled.experts.get(one.layer.node, {})
        names = [f"{stem}{WEIGHT}" for shard in SHARDS for stem in by_shard.get(shard, {}).values()]
        other = {name: said.words.get(name) or said.words.get(f"{name}_packed") for name in names}
        odd = [name for name, word in other.items() if word != one.word and name not in said.no_words]
        if odd:
            others = other[odd[0]] or "not described"
            says = f"the layer is served as {one.word} by its first expert, and others are {others}"
            yield Finding("mixed", says, "quantise all experts of a layer alike", tuple(odd), one.prefix)


def alike(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield findings that differ in numbers of layers alone as one, with all their tensors."""
    together: dict[tuple[Any, ...], list[Finding]] = {}
    for one in findings:
        key = (one.kind, pattern_of(one.rule), re.sub(r"(?<=\.)\d+(?=\.)", "*", one.says), one.mends, one.ranks)
        together.setdefault(key, []).append(one)
    for group in together.values():
        tensors = tuple(dict.fromkeys(name for one in group for name in one.tensors))
        first = group[0]
        yield Finding(first.kind, first.says, first.mends, tensors, pattern_of(first.rule), first.ranks)
