"""How a checkpoint keeps what the source has as parameters: other names, experts one by one or stacked.

transformers renames and rearranges some parameters when it saves a model. What its own table says
(`scaffold.source.transformers.conversions`) becomes the sources of weight rules here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from scaffold.source.locate import ModelingSource
from scaffold.source.transformers.conversions import Conversion, DiskTensor, conversions, on_disk
from scaffold.weights.rules import REST, Rule
from scaffold.weights.scope import Scope

LAYER = 987_654
"""A layer's number that no other number in a name equals."""
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Disk:
    """A checkpoint's way of keeping parameters.

    Attributes:
        table: what the source's library does when it saves.
        shapes: the tensors that are there, if they are known.
    """

    table: tuple[Conversion, ...] = ()
    shapes: Mapping[str, Shape] = field(default_factory=dict)

    def rewrite(self, rule: Rule) -> Rule:
        """Return a rule with its source as it lies on disk."""
        if rule.is_per_expert or REST in rule.captures or rule.shape is None:
            return rule
        written = self.written(rule.source, rule.shape)
        if len(written) != 1 or written[0].steps:
            return rule
        return replace(rule, source=pattern_of(written[0].name))

    def written(self, pattern: str, shape: Shape) -> tuple[DiskTensor, ...]:
        """Return what is written for a parameter; itself where the checkpoint has it under its own name."""
        name = pattern.format(layer=LAYER)
        if pattern.format(layer=0) in self.shapes:
            return (DiskTensor(name, shape),)
        return on_disk(name, shape, self.table)

    def vector(self, scope: Scope, source: str, count: int) -> Shape:
        """Return the shape on disk of a vector, which some models keep as a matrix of one row."""
        written = self.written(scope.source + source, (count,))[0].name
        pattern = re.compile(re.escape(written).replace(str(LAYER), "[0-9]+"))
        found = next((shape for name, shape in self.shapes.items() if pattern.fullmatch(name)), (count,))
        return found if found == (1, count) else (count,)


def disk_of(shapes: Mapping[str, Shape], model_type: str, source: ModelingSource | None) -> Disk:
    """Return how the checkpoints of a source are kept.

    Args:
        shapes: the checkpoint's tensors.
        model_type: the config's.
        source: the modeling source; only transformers' own files have a table.
    """
    if source is None or source.library is None:
        return Disk((), shapes)
    return Disk(conversions(model_type, (source.class_name,), source.library), shapes)


def of_names(names: Collection[str]) -> Disk:
    """Return the way in which parameters are kept under their own names."""
    return Disk((), dict.fromkeys(names, ()))


def pattern_of(name: str) -> str:
    """Return the name of a layer's tensor as a pattern of all layers'."""
    return name.replace(str(LAYER), "{layer}")
