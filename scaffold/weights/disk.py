"""How a checkpoint keeps what the source has as parameters: other names, experts one by one or stacked.

transformers renames and rearranges some parameters when it saves a model. What its own table says
(`scaffold.source.conversions`) is turned around here into the sources of weight rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from scaffold.spec.facts import ExpertsSpec
from scaffold.weights.rules import Rule
from scaffold.weights.scope import Scope
from scaffold.weights.targets import join

LAYER, SECOND = 987_654, 1
"""A layer's number that no other number in a name equals, and an expert's number beside 0."""
ToDisk = Callable[[str, tuple[int, ...]], Sequence[tuple[str, tuple[int, ...]]]]
"""From a parameter's name and shape to the tensors that a checkpoint keeps it in."""


def _same(name: str, shape: tuple[int, ...]) -> Sequence[tuple[str, tuple[int, ...]]]:
    return ((name, shape),)


@dataclass(frozen=True)
class Disk:
    """A checkpoint's way of keeping parameters.

    Attributes:
        to_disk: what the source's library writes.
        names: the tensors that are there; a checkpoint may keep experts one by one where the library stacks them.
    """

    to_disk: ToDisk = _same
    names: Collection[str] = ()

    @classmethod
    def of_names(cls, names: Collection[str]) -> Disk:
        """Return the way in which parameters are kept under their own names."""
        return cls(names=names)

    def rewrite(self, rule: Rule) -> Rule:
        """Return a rule with its source as it lies on disk."""
        if "{expert}" in rule.source or "{rest}" in rule.source:
            return rule
        return replace(rule, source=self.pattern(rule.source, rule.shape or ()))

    def pattern(self, source: str, shape: tuple[int, ...]) -> str:
        """Return the pattern on disk of a pattern of one parameter per layer."""
        if source.format(layer=0) in self.names:
            return source
        found = self.to_disk(source.format(layer=LAYER), shape)
        return _unformat(found[0][0]) if len(found) == 1 else source

    def vector(self, scope: Scope, source: str, count: int) -> tuple[int, ...]:
        """Return the shape on disk of a vector, which some models keep as a matrix of one row."""
        return (count,)

    def experts(
        self, scope: Scope, spec: ExpertsSpec, targets: Sequence[str], count: int, size: int, hidden: int
    ) -> Iterator[Rule]:
        """Yield the rules of the experts' weights, stacked or one by one."""
        path = join(spec.name, spec.experts_name)
        up, down = (join(path, name) for name in (spec.up_name, spec.down_name))
        if "{expert}" in up:
            gate, upper = (join(path, name) for name in spec.up_name.split(","))
            yield from scope.experts((gate, upper, down), targets, count, size, hidden)
            return
        shapes = {False: ((count, 2 * size, hidden), (count, hidden, size))}
        shapes[True] = tuple((n, b, a) for n, a, b in shapes[False])  # type: ignore[assignment]
        parts = self._one_by_one(scope, up, down, shapes[spec.transposed])
        if parts is not None:
            yield from scope.experts(parts, targets, count, size, hidden)
        else:
            yield scope.stacked_gate_up(up, targets[0], count, size, hidden, transposed=spec.transposed)
            yield scope.stacked_down(down, targets[1], count, size, hidden, transposed=spec.transposed)

    def _one_by_one(
        self, scope: Scope, up: str, down: str, shapes: Sequence[tuple[int, ...]]
    ) -> tuple[str, str, str] | None:
        """Return the patterns of gate, up and down of each expert below the layer, or None if they are stacked."""
        whole = [(scope.source + name).format(layer=LAYER) for name in (up, down)]
        written = [self.to_disk(name, shape) for name, shape in zip(whole, shapes)]
        if len(written[0]) == 1:
            return None
        ups, (down_name,) = _numbered([n for n, _ in written[0]]), _numbered([n for n, _ in written[1]])
        if len(ups) != 2:
            return None
        prefix = scope.source
        return tuple(_unformat(name).removeprefix(prefix) for name in (*ups, down_name))  # type: ignore[return-value]


def _numbered(names: Sequence[str]) -> list[str]:
    """Return the patterns of names that differ by an expert's number, in the order of the first expert's."""
    found = [re.sub(r"\.0\.", ".{expert}.", name, count=1) for name in names if re.search(r"\.0\.", name)]
    return list(dict.fromkeys(found))


def _unformat(name: str) -> str:
    return name.replace(str(LAYER), "{layer}")
