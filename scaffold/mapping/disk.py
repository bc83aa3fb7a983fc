"""How a checkpoint keeps what the source has as parameters: other names, experts one by one or stacked.

transformers renames and rearranges some parameters when it saves a model. What its own table says
(`scaffold.source.transformers.conversions`) becomes the sources of weight rules here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from scaffold.source.locate import ModelingSource
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.transformers.conversions import Conversion, DiskTensor, conversions, on_disk
from scaffold.spec.facts import ExpertsSpec
from scaffold.weights.rules import REST, Rule
from scaffold.weights.scope import Scope
from scaffold.weights.targets import join

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
        written = self._written(rule.source, rule.shape)
        if len(written) != 1 or written[0].steps:
            return rule
        return replace(rule, source=_unformat(written[0].name))

    def _written(self, pattern: str, shape: Shape) -> tuple[DiskTensor, ...]:
        """Return what is written for a parameter; itself where the checkpoint has it under its own name."""
        name = pattern.format(layer=LAYER)
        if pattern.format(layer=0) in self.shapes:
            return (DiskTensor(name, shape),)
        return on_disk(name, shape, self.table)

    def vector(self, scope: Scope, source: str, count: int) -> Shape:
        """Return the shape on disk of a vector, which some models keep as a matrix of one row."""
        written = self._written(scope.source + source, (count,))[0].name
        pattern = re.compile(re.escape(written).replace(str(LAYER), "[0-9]+"))
        found = next((shape for name, shape in self.shapes.items() if pattern.fullmatch(name)), (count,))
        return found if found == (1, count) else (count,)

    def experts(
        self, scope: Scope, spec: ExpertsSpec, targets: Sequence[str], count: int, size: int, hidden: int
    ) -> Iterator[Rule]:
        """Yield the rules of the experts' weights, stacked or one by one.

        Raises:
            NotUnderstood: they lie in a way that there is no rule for.
        """
        path = join(spec.name, spec.experts_name)
        up, down = (join(path, name) for name in (spec.up_name, spec.down_name))
        if spec.is_listed:
            yield from scope.experts((join(path, spec.gate_name), up, down), targets, count, size, hidden)
            return
        shapes = [(count, 2 * size, hidden), (count, hidden, size)]
        if spec.transposed:
            shapes = [(n, b, a) for n, a, b in shapes]
        ups, downs = (self._written(scope.source + name, shape) for name, shape in zip((up, down), shapes))
        if len(ups) == len(downs) == 1 and (spec.alternating or spec.bias):
            yield from self._alternating(scope, spec, (up, down), targets, count, size, hidden)
        elif len(ups) == len(downs) == 1:
            swapped = [self._swapped(found, spec.transposed) for found in (ups[0], downs[0])]
            names = [_unformat(found.name).removeprefix(scope.source) for found in (ups[0], downs[0])]
            yield scope.stacked_gate_up(names[0], targets[0], count, size, hidden, transposed=swapped[0])
            yield scope.stacked_down(names[1], targets[1], count, size, hidden, transposed=swapped[1])
        elif len(ups) == 2 * count and len(downs) == count:
            parts = [_of_first(found, scope) for found in (ups[0], ups[count], downs[0])]
            yield from scope.experts(parts, targets, count, size, hidden)
        else:
            raise NotUnderstood(f"experts that are saved as {len(ups)} and {len(downs)} tensors", ups[0].name)

    def _alternating(
        self,
        scope: Scope,
        spec: ExpertsSpec,
        names: tuple[str, str],
        targets: Sequence[str],
        count: int,
        size: int,
        hidden: int,
    ) -> Iterator[Rule]:
        """Yield the rules of experts whose gate and up alternate, in the one form that there is an idiom for."""
        if not (spec.alternating and spec.bias and spec.transposed):
            raise NotUnderstood("no rule yet for experts that alternate or have biases, but not both", names[0])
        up, down = names
        yield scope.alternating_gate_up(up, targets[0], count, size, hidden)
        yield scope.stacked_down(down, targets[1], count, size, hidden, transposed=True)
        plain = Scope(scope.source, scope.target, scope.ranges)
        biases = [target.replace("_weight", "_bias") for target in targets]
        yield plain.alternating_gate_up(f"{up}_bias", biases[0], count, size)
        yield plain.down_bias(f"{down}_bias", biases[1], count, hidden)

    def _swapped(self, found: DiskTensor, transposed: bool) -> bool:
        kinds = [step.kind for step in found.steps]
        if any(kind != "transpose" for kind in kinds):
            raise NotUnderstood(f"experts that are saved with {', '.join(kinds)}", found.name)
        return transposed ^ (len(kinds) % 2 == 1)


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


def _of_first(found: DiskTensor, scope: Scope) -> str:
    name = _unformat(found.name).removeprefix(scope.source)
    return re.sub(r"\.0\.", ".{expert}.", name, count=1)


def _unformat(name: str) -> str:
    return name.replace(str(LAYER), "{layer}")
