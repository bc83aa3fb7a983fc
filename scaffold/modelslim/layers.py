"""The layers of a model that ask for their quantisation, in the order in which they ask, with what each is asked as.

vLLM hands a model's own mapping of names and of packed modules to the quantisation before it makes its layers: of a
class that is ``SupportsQuant`` when it is made, else of the outer one (``configure_quant_config`` in
model_loader/utils.py). So a list of layers has events between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from scaffold.vllm_models.experts import Experts
from scaffold.vllm_models.mappers import Mapper
from scaffold.vllm_models.reader import Reader
from scaffold.vllm_models.values import Choice, Node, Shape

LINEAR, MOE, EMBEDDING = "linear", "moe", "embedding"
EMBEDDINGS = frozenset({"VocabParallelEmbedding", "ParallelLMHead"})
ROW_PARALLEL = "RowParallelLinear"
REPLICATED = frozenset({"ReplicatedLinear", "GateLinear"})
QUANT = "SupportsQuant"
NAMES, PACKED = "hf_to_vllm_mapper", "packed_modules_mapping"


@dataclass(frozen=True)
class Layer:
    """A layer.

    Attributes:
        node: its module's identity, as tensors are followed to it.
        path: its name among the modules.
        prefix: the name under which it asks; None if it is not known.
        kind: ``linear``, ``moe`` or ``embedding``.
        layer: its class in vLLM, such as ``RowParallelLinear``.
        asked_as: the model type of the config with which it is made.
        shards: the parts in which it is filled, each with its shape; one None for a whole.
        experts: of a layer of experts.
        is_whole: whether each rank has all of it.
        may_be_absent: whether it depends on something that is not known.
    """

    node: int
    path: str
    prefix: str | None
    kind: str
    layer: str
    asked_as: str
    shards: Mapping[Any, Shape | None] = field(default_factory=dict)
    experts: Experts | None = None
    is_whole: bool = False
    may_be_absent: bool = False


@dataclass(frozen=True)
class Handed:
    """A class hands what it knows to the quantisation.

    Attributes:
        class_name: of the class.
        mapper: its mapping of names, None if it has none.
        owner: which class says that mapping: one that has it already does not apply it again.
        packed: its mapping of packed modules, None if it has none.
        replaces: whether that takes the place of what was known, rather than being added to it.
        unread: why one of them is not known; empty if both are.
    """

    class_name: str
    mapper: Mapper | None
    owner: str
    packed: Mapping[str, tuple[str, ...]] | None
    replaces: bool = False
    unread: str = ""


def layers(reader: Reader, root: Node) -> Iterator[Layer | Handed]:
    """Yield layers and events, in the order in which the modules are made."""
    if not _is(reader, root, QUANT):
        yield _handed(reader, root, replaces=True)
    yield from _below(reader, root, "", False, set())


def _below(reader: Reader, node: Node, path: str, in_doubt: bool, seen: set[int]) -> Iterator[Layer | Handed]:
    if id(node) in seen:
        return
    seen.add(id(node))
    if _is(reader, node, QUANT):
        yield _handed(reader, node)
    if node.quantised or (node.experts is not None and node.experts.quantised):
        yield _layer(node, path, in_doubt)
    for name, child in node.children().items():
        where = f"{path}.{name}" if path else name
        for one in child.nodes if isinstance(child, Choice) else (child,):
            yield from _below(reader, one, where, in_doubt or isinstance(child, Choice), seen)


def _layer(node: Node, path: str, in_doubt: bool) -> Layer:
    kind = MOE if node.experts is not None else EMBEDDING if node.layer in EMBEDDINGS else LINEAR
    weight = node.parameters.get("weight")
    whole: dict[Any, Shape | None] = {None: weight.shape if weight is not None else None}
    shards = dict(weight.shards) if weight is not None and weight.shards else whole
    is_whole = node.is_whole or node.layer in REPLICATED
    asked_as, experts = node.asked_as, node.experts
    return Layer(id(node), path, node.prefix, kind, node.layer, asked_as, shards, experts, is_whole, in_doubt)


def _is(reader: Reader, node: Node, name: str) -> bool:
    return node.definition is not None and any(base.node.name == name for base in reader.mro(node.definition))


def _handed(reader: Reader, node: Node, replaces: bool = False) -> Handed:
    assert node.definition is not None
    mapper = reader.class_attribute(node.definition, NAMES)
    # what __init__ adds is seen where the mapping itself is handed over, and not where it is copied before
    packed = node.grown.get(PACKED) if replaces else None
    packed = reader.class_attribute(node.definition, PACKED) if packed is None else packed
    owner = next((item.node.name for item in reader.mro(node.definition) if _assigns(item.node, NAMES)), "")
    unread = mapper.unread if isinstance(mapper, Mapper) else f"{NAMES} of {owner}" if owner and mapper else ""
    if not unread and _says(reader, node, PACKED) and not isinstance(packed, dict):
        unread = f"{PACKED} of {node.class_name}"
    return Handed(
        node.class_name,
        mapper if isinstance(mapper, Mapper) else None,
        owner,
        _packed(packed) if isinstance(packed, dict) else None,
        replaces,
        unread,
    )


def _says(reader: Reader, node: Node, name: str) -> bool:
    assert node.definition is not None
    return any(_assigns(item.node, name) for item in reader.mro(node.definition))


def _assigns(node: Any, name: str) -> bool:
    return any(name in {getattr(t, "id", "") for t in getattr(one, "targets", [getattr(one, "target", None)])}
               for one in node.body if getattr(one, "value", None) is not None)  # fmt: skip


def _packed(found: Mapping[Any, Any]) -> dict[str, tuple[str, ...]]:
    lists = {name: parts for name, parts in found.items() if isinstance(parts, list | tuple)}
    return {str(name): tuple(map(str, parts)) for name, parts in lists.items()}
