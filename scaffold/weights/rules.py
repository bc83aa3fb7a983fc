"""A weight rule: one auditable line from a checkpoint's name pattern to a parameter of the adapter."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product

from scaffold.weights.splits import Split, Whole
from scaffold.weights.transforms import Scale, Shape, Transform

ShardId = str | int | None
"""``q``/``k``/``v``, 0/1 for gate/up, ``w1``/``w3``/``w2`` for experts' gate/up/down, ``w13`` for gate and up in turn.

None: the whole parameter.
"""
SHARD_SETS: tuple[tuple[ShardId, ...], ...] = ((None,), ("q", "k", "v"), (0, 1), ("w1", "w3"), ("w13",), ("w2",))
"""The shards that make up a parameter, in the order in which they lie in it."""
KV_SHARDS: tuple[ShardId, ...] = ("k", "v")
"""Those of a layer that gives keys and values, and no q."""
EXPERT = "expert"
"""The capture that counts experts: tensors of all experts fill one parameter."""
REST = "rest"
"""The capture of any further dotted name; only rules that leave tensors out may have it."""
WHOLE = Whole()
FEW = 8
_CAPTURE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Part:
    """A piece of a tensor, cut along the rule's axis: which shard it fills, and how the ranks share it."""

    shard: ShardId
    size: int
    split: Split = WHOLE


@dataclass(frozen=True)
class Rule:
    """``source`` → ``target``.

    Attributes:
        source: pattern of the checkpoint's names, with captures such as ``{layer}``, whole numbers.
        target: pattern of the parameters, with the same captures but ``{expert}``; empty if the tensor is left out.
        shape: the tensor's shape on disk; None where a tensor that is left out may have any.
        parts: the pieces along ``axis`` after the transforms; their sizes add up to the axis.
        axis: along which the tensor is cut into parts, and each part is shared by the ranks.
        ranges: the values of each capture.
        transforms: what happens to the tensor, in this order, after dequantisation.
        scale: for quantised weights, their scales.
        reason: why the tensor is left out.
        is_computed: it is left out since vLLM computes it itself; a loader has to drop it by its name.
        required: whether a checkpoint must have the tensors.
    """

    source: str
    target: str
    shape: Shape | None
    parts: tuple[Part, ...] = ()
    axis: int = 0
    ranges: Mapping[str, range] = field(default_factory=dict)
    transforms: tuple[Transform, ...] = ()
    scale: Scale | None = None
    reason: str = ""
    required: bool = True
    is_computed: bool = False

    def __post_init__(self) -> None:
        captures = set(self.captures)
        if unknown := captures - set(self.ranges) - {REST}:
            raise ValueError(f"{self.source}: no range for {sorted(unknown)}")
        if not self.target:
            if not self.reason:
                raise ValueError(f"{self.source}: a tensor is left out for a reason; give one")
            return
        if REST in captures or set(_CAPTURE.findall(self.target)) != captures - {EXPERT}:
            raise ValueError(f"{self.source}: the target {self.target} has other captures")
        if self.shape == ():
            return
        if self.shape is None or sum(part.size for part in self.parts) != self.target_shape[self.axis]:
            raise ValueError(f"{self.source}: the parts do not add up to axis {self.axis} of {self.shape}")

    @property
    def captures(self) -> tuple[str, ...]:
        """Return the names of the captures."""
        return tuple(_CAPTURE.findall(self.source))

    @property
    def is_ignored(self) -> bool:
        """Return whether the tensor is left out."""
        return not self.target

    @property
    def beginning(self) -> str:
        """Return how all names begin that the rule leaves out as a whole, empty for a rule of another form."""
        beginning = self.source.removesuffix(f"{{{REST}}}")
        return beginning if self.is_ignored and self.captures == (REST,) and beginning != self.source else ""

    @property
    def is_per_expert(self) -> bool:
        """Return whether each expert has a tensor of its own."""
        return EXPERT in self.captures

    @cached_property
    def target_shape(self) -> Shape:
        """Return the tensor's shape after the transforms."""
        shape = self.shape or ()
        for transform in self.transforms:
            shape = transform.shape(shape)
        return shape

    @property
    def count(self) -> int:
        """Return the number of tensors that it takes; 0 if it has no limit."""
        return 0 if REST in self.captures else math.prod(len(self.ranges[name]) for name in self.captures)

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """Return the source as a regular expression. Numbers have no leading zeros."""
        pieces = _CAPTURE.split(self.source)
        texts = [re.escape(piece) for piece in pieces[::2]]
        groups = [f"(?P<{name}>{self._values(name)})" for name in pieces[1::2]]
        return re.compile("".join(a + b for a, b in zip(texts, [*groups, ""])))

    def _values(self, capture: str) -> str:
        """Return what a capture stands for; a few numbers are named, so that other names are told apart at once."""
        if capture == REST:
            return ".+"
        numbers = self.ranges[capture]
        return "|".join(map(str, numbers)) if 0 < len(numbers) <= FEW else "0|[1-9][0-9]*"

    def match(self, name: str) -> dict[str, int] | None:
        """Return the captured numbers of a checkpoint's name, or None if the rule does not take it."""
        found = self.regex.fullmatch(name)
        if found is None:
            return None
        numbers = {key: int(value) for key, value in found.groupdict().items() if key != REST}
        return numbers if all(number in self.ranges[key] for key, number in numbers.items()) else None

    def instances(self) -> Iterator[dict[str, int]]:
        """Yield the values of the captures, one by one."""
        names = self.captures
        for values in product(*(self.ranges[name] for name in names)):
            yield dict(zip(names, values))

    def names(self) -> Iterator[str]:
        """Yield all names that the rule takes; nothing if it has no limit."""
        return self.expanded(self.source)

    def expanded(self, pattern: str) -> Iterator[str]:
        """Yield a pattern with the values of its captures, which are the rule's; nothing if it has no limit."""
        pieces = _CAPTURE.split(pattern)
        if REST in pieces[1::2]:
            return iter(())
        template = "%s".join(piece.replace("%", "%%") for piece in pieces[::2])
        return map(template.__mod__, product(*(self.ranges[name] for name in pieces[1::2])))

    def transform_text(self) -> str:
        """Return what happens to the tensor, in words."""
        return ", ".join(str(step) for step in (*((self.scale,) if self.scale else ()), *self.transforms))


@dataclass(frozen=True)
class Route:
    """Where one tensor goes."""

    rule: Rule
    values: Mapping[str, int]

    @property
    def target(self) -> str:
        """Return the parameter's name; empty if the tensor is left out."""
        return self.rule.target.format_map(self.values)

    @property
    def shards(self) -> tuple[ShardId, ...]:
        """Return the shards that it fills."""
        return tuple(part.shard for part in self.rule.parts)

    @property
    def expert(self) -> int | None:
        """Return the expert that it belongs to, if each has a tensor of its own."""
        return self.values.get(EXPERT)


@dataclass(frozen=True)
class WeightMap:
    """All rules of a model: a list that a reviewer can read, with lookup in both directions."""

    rules: tuple[Rule, ...]

    def routes(self, name: str) -> tuple[Route, ...]:
        """Return where a tensor goes: one route, none if no rule takes it, several if rules are ambiguous."""
        found = ((rule, rule.match(name)) for rule in self.rules)
        return tuple(Route(rule, values) for rule, values in found if values is not None)

    def sources(self, target: str, shard: ShardId = None, expert: int | None = None) -> tuple[str, ...]:
        """Return the names of the tensors that fill a shard of a parameter.

        Args:
            target: the parameter's name.
            shard: one of its shards.
            expert: one of its experts, where each has a tensor of its own.
        """
        found = []
        for rule in self.rules:
            if rule.is_ignored or shard not in (part.shard for part in rule.parts):
                continue
            values = _reverse(rule).fullmatch(target)
            if values is None:
                continue
            numbers = {key: int(value) for key, value in values.groupdict().items()}
            if rule.is_per_expert:
                numbers[EXPERT] = -1 if expert is None else expert
            if all(number in rule.ranges[key] for key, number in numbers.items()):
                found.append(rule.source.format_map(numbers))
        return tuple(found)


def _reverse(rule: Rule) -> re.Pattern[str]:
    pieces = _CAPTURE.split(rule.target)
    groups = [f"(?P<{name}>0|[1-9][0-9]*)" for name in pieces[1::2]]
    return re.compile("".join(a + b for a, b in zip(map(re.escape, pieces[::2]), [*groups, ""])))
