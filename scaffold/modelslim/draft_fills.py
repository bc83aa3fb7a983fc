"""Which modules of a checkpoint are the layers of a draft, by their names.

The loaders of drafts rename tensors in code of their own, which is not followed: most put a name such as ``mtp_block``
behind the layer's number. So a module is a layer's if the name under which the layer asks, or its path, is that of the
module, one of them with one part more at most. What fits several layers, or is fitted by several modules, is left open.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from scaffold.modelslim.asked import Asked
from scaffold.modelslim.description import WEIGHT
from scaffold.modelslim.fills import Fills
from scaffold.modelslim.layers import MOE
from scaffold.vllm_models.loaders import Loader

EXPERTS = ".experts."
_SHARDS = ("w1", "w2", "w3")
"""Of experts, as their layers name gate, down and up."""


def filled_by_names(answers: Sequence[Asked], stems: Iterable[str], loader: Loader) -> Fills:
    """Return the modules that are layers of a draft.

    Args:
        answers: its layers; which entries they look up does not count.
        stems: modules of the checkpoint with layers for multi-token prediction.
        loader: the draft's: its mapper and the rows of its ``stacked_params_mapping`` count.
    """
    experts: dict[int, dict[str, dict[int, str]]] = defaultdict(lambda: defaultdict(dict))
    found: dict[tuple[int, Any], list[str]] = defaultdict(list)
    for stem in stems:
        before, mark, after = stem.rpartition(EXPERTS)
        number, _, name = after.partition(".")
        if mark and number.isdecimal():
            for node, shard in _expert(answers, f"{before}{mark.rstrip('.')}", name):
                experts[node][shard][int(number)] = stem
        else:
            for place in _place(answers, stem, loader):
                found[place].append(stem)
    parts: dict[int, dict[Any, str]] = defaultdict(dict)
    for (node, shard), modules in found.items():
        if len(modules) == 1:
            parts[node][shard] = modules[0]
    whole = {one.layer.node for one in answers if parts.get(one.layer.node, {}).keys() == one.layer.shards.keys()}
    return Fills({node: of for node, of in parts.items() if node in whole}, {**experts})


def _expert(answers: Iterable[Asked], module: str, name: str) -> Iterator[tuple[int, str]]:
    """Yield the layer of experts and the shard that an expert's projection is, if there is one."""
    layers = [one for one in answers if one.layer.kind == MOE and one.layer.experts is not None]
    nodes = _nearest(layers, module)
    for one in layers if len(nodes) == 1 else ():
        shards = dict(zip(one.layer.experts.names, _SHARDS)) if one.layer.experts is not None else {}
        if one.layer.node in nodes and name in shards:
            yield one.layer.node, shards[name]


def _place(answers: Sequence[Asked], stem: str, loader: Loader) -> Iterator[tuple[int, Any]]:
    """Yield the layer and the shard that a module is, if there is one; packed ones first, as loaders try them."""
    for module, shard in _modules(stem, loader):
        nodes = _nearest((one for one in answers if one.layer.kind != MOE and shard in one.layer.shards), module)
        if nodes:
            if len(nodes) == 1:
                yield nodes.pop(), shard
            return


def _modules(stem: str, loader: Loader) -> Iterator[tuple[str, Any]]:
    """Yield the modules that a tensor may be loaded into, each with the shard."""
    mapped = loader.mapper.map(stem + WEIGHT)
    if mapped is not None:
        yield mapped[0].removesuffix(WEIGHT), mapped[1]
    parent, dot, last = stem.rpartition(".")
    for part, new, shard in loader.rows:
        if part.strip(".") == last:
            yield f"{parent}{dot}{new.strip('.')}", shard
    yield stem, None


def _nearest(answers: Iterable[Asked], module: str) -> set[int]:
    """Return the layers of a name, as the files or the entries have it; without one, those one part away from it."""
    exact: set[int] = set()
    near: set[int] = set()
    for one in answers:
        own = {name for name in (one.layer.path, one.layer.prefix, one.prefix) if name is not None}
        names = {module, one.names(module + WEIGHT).removesuffix(WEIGHT)}
        if own & names:
            exact.add(one.layer.node)
        elif any(_has_one_more(a, b) or _has_one_more(b, a) for a in own for b in names):
            near.add(one.layer.node)
    return exact or near


def _has_one_more(longer: str, name: str) -> bool:
    """Return whether a name is another with one part more, which is neither a number nor its last."""
    parts, own = longer.split("."), name.split(".")
    if len(parts) != len(own) + 1 or parts[-1] != own[-1]:
        return False
    return any(parts[:at] + parts[at + 1 :] == own and not parts[at].isdecimal() for at in range(len(own)))
