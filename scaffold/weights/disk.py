"""How a checkpoint keeps what the source has as parameters: other names, experts one by one or stacked.

transformers renames and rearranges some parameters when it saves a model. What its own table says
(`scaffold.source.transformers.conversions`) becomes the sources of weight rules here. Under which name a decoder lies
as a whole (``model.``, ``model.language_model.``, ``language_model.model.``, none) the files tell: one model is
published in several of these layouts.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from scaffold.source.locate import ModelingSource
from scaffold.source.transformers.conversions import Conversion, DiskTensor, conversions, on_disk
from scaffold.weights.rules import Rule
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
        base: how the names of the decoder's parameters begin in the source.
        saved: how they begin by the table.
        place: how they begin in the checkpoint.
    """

    table: tuple[Conversion, ...] = ()
    shapes: Mapping[str, Shape] = field(default_factory=dict)
    base: str = ""
    saved: str = ""
    place: str = ""

    def of_decoder(self, base: str, embedding: str, layers: str) -> Disk:
        """Return the same, where the checkpoint keeps a decoder.

        Args:
            base: how its parameters' names begin in the source, with the dot; empty where they have no beginning.
            embedding: the name of its embedding's weight behind that.
            layers: the name of its list of layers.
        """
        if not base:
            return self
        written = on_disk(base + embedding, (), self.table)[0].name
        saved = written.removesuffix(embedding) if written.endswith(embedding) else base
        tail = f".{embedding}"
        there = [name.removesuffix(embedding) for name in self.shapes if name.endswith(tail) or name == embedding]
        found = [one for one in there if any(name.startswith(f"{one}{layers}.0.") for name in self.shapes)]
        known = [one for one in (saved, base) if one in found]
        place = known[0] if known else found[0] if len(found) == 1 else saved
        return replace(self, base=base, saved=saved, place=place)

    def named(self, source: str) -> str:
        """Return the name of a tensor, or a pattern of names, as it begins in the checkpoint.

        What lies outside of the decoder, its head, is looked for under any beginning where it is not under its own.
        """
        if self.base and source.startswith(self.base):
            return self.place + source.removeprefix(self.base)
        if not self.shapes or source in self.shapes or "{" in source:
            return source
        found = [name for name in self.shapes if name.endswith(f".{source}")]
        return found[0] if len(found) == 1 else source

    def rewrite(self, rule: Rule) -> Rule:
        """Return a rule with its source as it lies on disk."""
        source = rule.source
        if set(rule.captures) <= {"layer"} and rule.shape is not None:
            written = self.written(source, rule.shape)
            if len(written) == 1 and not written[0].steps:
                source = pattern_of(written[0].name)
        scale = None if rule.scale is None else replace(rule.scale, name=self.named(rule.scale.name))
        return replace(rule, source=self.named(source), scale=scale)

    def written(self, pattern: str, shape: Shape) -> tuple[DiskTensor, ...]:
        """Return what is written for a parameter; itself where the checkpoint has it under its own name.

        Names begin as in the source.
        """
        name = pattern.format(layer=LAYER)
        if self.named(pattern.format(layer=0)) in self.shapes:
            return (DiskTensor(name, shape),)
        return tuple(replace(one, name=self._of_source(one.name)) for one in on_disk(name, shape, self.table))

    def _of_source(self, name: str) -> str:
        return self.base + name.removeprefix(self.saved) if self.base and name.startswith(self.saved) else name

    def vector(self, scope: Scope, source: str, count: int) -> Shape:
        """Return the shape on disk of a vector, which some models keep as a matrix of one row."""
        written = self.named(self.written(scope.source + source, (count,))[0].name)
        pattern = re.compile(re.escape(written).replace(str(LAYER), "[0-9]+"))
        found = next((shape for name, shape in self.shapes.items() if pattern.fullmatch(name)), (count,))
        return found if found == (1, count) else (count,)


def disk_of(shapes: Mapping[str, Shape], model_type: str, source: ModelingSource | None) -> Disk:
    """Return how the checkpoints of a source are kept.

    Args:
        shapes: the checkpoint's tensors.
        model_type: the config's; the source's own where it is known under another.
        source: the modeling source; only transformers' own files have a table.
    """
    if source is None or source.library is None:
        return Disk((), shapes)
    return Disk(conversions(source.model_type or model_type, (source.class_name,), source.library), shapes)


def of_names(names: Collection[str]) -> Disk:
    """Return the way in which parameters are kept under their own names."""
    return Disk((), dict.fromkeys(names, ()))


def pattern_of(name: str) -> str:
    """Return the name of a layer's tensor as a pattern of all layers'."""
    return name.replace(str(LAYER), "{layer}")
