"""Writing rules: one method per way in which models keep their weights, in vLLM's own terms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from scaffold.weights.rules import EXPERT, Part, Rule, ShardId
from scaffold.weights.splits import Even, KvHeads, Split, Vocabulary, Whole
from scaffold.weights.targets import EXPERT_NAMES, KEYS, VALUES
from scaffold.weights.transforms import Apart, Scale, Stack, Transform, Transpose, Twice, Ungroup, Zeros

QKV: tuple[ShardId, ...] = ("q", "k", "v")
GATE_UP: tuple[ShardId, ...] = (0, 1)


@dataclass(frozen=True)
class Heads:
    """Sizes of grouped-query attention: query heads, key/value heads, entries per head; of v if they differ.

    ``gated``: each head of q has a gate behind it, of as many entries.
    """

    heads: int
    kv_heads: int
    head_dim: int
    v_head_dim: int | None = None
    gated: bool = False

    def parts(self) -> tuple[Part, ...]:
        """Return q, k and v."""
        v_size = self.kv_heads * (self.v_head_dim or self.head_dim)
        k = Part("k", self.kv_heads * self.head_dim, KvHeads(self.kv_heads))
        q_head = self.head_dim * (2 if self.gated else 1)
        return Part("q", self.heads * q_head, Even(q_head)), k, Part("v", v_size, k.split)


@dataclass(frozen=True)
class Scope:
    """A place in the checkpoint, such as every layer; its methods return the rules of what lies there.

    Attributes:
        source: what all names there begin with, such as ``model.layers.{layer}.``.
        target: what the parameters begin with; the same if it is None.
        ranges: the values of the captures in ``source``.
        scale: quantised weights: what the name of a weight's scale ends with in place of ``weight``, and its block.
    """

    source: str = ""
    target: str | None = None
    ranges: Mapping[str, range] = field(default_factory=dict)
    scale: tuple[str, tuple[int, int] | None] | None = None

    def unscaled(self) -> Scope:
        """Return the scope of what is not quantised where the weights around it are: norms, routers."""
        return replace(self, scale=None)

    def whole(self, name: str, *shape: int, target: str | None = None, transforms: Sequence[Transform] = ()) -> Rule:
        """Return the rule of a tensor that every rank holds: norms, routers, biases of row-parallel layers."""
        size = _after(shape, transforms)[0] if shape else 0
        return self._rule(name, target, shape, (None,), [size], (Whole(),), 0, transforms)

    def vocabulary(
        self, name: str, size: int, *rest: int, target: str | None = None, transforms: Sequence[Transform] = ()
    ) -> Rule:
        """Return the rule of an embedding or a head, ``[vocabulary, hidden]``, padded and shared by rows."""
        return self._rule(name, target, (size, *rest), (None,), [size], (Vocabulary(),), 0, transforms)

    def column(
        self, name: str, *shape: int, unit: int = 1, target: str | None = None, transforms: Sequence[Transform] = ()
    ) -> Rule:
        """Return the rule of a column-parallel weight ``[out, in]`` or bias ``[out]``: ranks share the outputs."""
        size = _after(shape, transforms)[0]
        return self._rule(name, target, shape, (None,), [size], (Even(unit),), 0, transforms)

    def row(
        self, name: str, *shape: int, unit: int = 1, target: str | None = None, transforms: Sequence[Transform] = ()
    ) -> Rule:
        """Return the rule of a row-parallel weight ``[out, in]``: ranks share the inputs."""
        size = _after(shape, transforms)[-1]
        axis = len(shape) - 1
        return self._rule(name, target, shape, (None,), [size], (Even(unit),), axis, transforms)

    def shared(self, name: str, shape: Sequence[int], axis: int, split: Split, target: str | None = None) -> Rule:
        """Return the rule of a tensor of which ranks share one axis: numbers of heads, of an inner size."""
        return self._rule(name, target, tuple(shape), (None,), [shape[axis]], (split,), axis)

    def qkv(
        self,
        names: Sequence[str],
        target: str,
        heads: Heads,
        *inputs: int,
        transforms: Sequence[Transform] = (),
        pairs: int = 0,
        kv_order: Sequence[int] = (0, 1),
        zeros: Sequence[int] = (),
        of_q: Sequence[Transform] = (),
        of_kv: Sequence[Transform] = (),
    ) -> Iterator[Rule]:
        """Yield the rules of separate q, k and v projections, which become one; ``inputs`` is empty for biases.

        Where v is what the projection of k gives, that name stands twice, and one rule fills both. So it does where one
        projection holds both, in ``pairs`` groups of heads of k and of v, in the order ``kv_order``. ``zeros`` are
        those of q (0), k (1) and v (2) for which no tensor is there: zeros are loaded, of biases. ``of_q`` is done to q
        after ``transforms``, ``of_kv`` to k and v where each has a tensor of its own.
        """
        q, k, v = heads.parts()
        first, of_k, of_v = names
        found: list[tuple[str, tuple[Part, ...], tuple[Transform, ...]]] = [(first, (q,), (*transforms, *of_q))]
        if pairs:
            in_order = tuple((k, v)[i] for i in kv_order)
            count = heads.kv_heads // pairs
            apart = Apart(tuple((KEYS, VALUES)[i] for i in kv_order))  # type: ignore[arg-type]
            found.append((of_k, in_order, (*transforms, Ungroup(pairs, (count, count)), apart)))
        elif zeros:
            own, *others = [i for i in range(3) if i not in zeros]
            all_three = (q, k, v)
            made = Zeros(tuple(names[i].split(".")[-2] for i in zeros), tuple(all_three[i].size for i in zeros))
            found = [(names[own], (all_three[own], *(all_three[i] for i in zeros)), (*transforms, made))]
            found += [(names[i], (all_three[i],), tuple(transforms)) for i in others]
        elif of_k == of_v:
            found.append((of_k, (k, v), (*transforms, Twice(VALUES))))
        else:
            found += [(of_k, (k,), (*transforms, *of_kv)), (of_v, (v,), (*transforms, *of_kv))]
        for name, parts, steps in found:
            rows = sum(part.size for part in parts) if pairs else parts[0].size
            shape = _before((rows, *inputs), transforms)
            shards, splits = tuple(part.shard for part in parts), tuple(part.split for part in parts)
            yield self._rule(name, target, shape, shards, [part.size for part in parts], splits, 0, steps)

    def pieces(
        self,
        name: str,
        parts: Sequence[Part],
        *inputs: int,
        target: str | None = None,
        transforms: Sequence[Transform] = (),
    ) -> Rule:
        """Return the rule of one tensor that holds several shards one after the other, once it is transformed."""
        shape = _before((sum(part.size for part in parts), *inputs), transforms)
        shards, splits = tuple(part.shard for part in parts), tuple(part.split for part in parts)
        return self._rule(name, target, shape, shards, [part.size for part in parts], splits, 0, transforms)

    def key_heads(self, name: str, heads: Heads, target: str | None = None) -> Rule:
        """Return the rule of one number per entry of all key heads: a norm over k, replicated as k itself is."""
        part = heads.parts()[1]
        return self._rule(name, target, (part.size,), (None,), [part.size], (part.split,))

    def packed_qkv(
        self, name: str, heads: Heads, *inputs: int, target: str | None = None, transforms: Sequence[Transform] = ()
    ) -> Rule:
        """Return the rule of q, k and v in one tensor: contiguous, or sorted so by ``transforms``."""
        return self.pieces(name, heads.parts(), *inputs, target=target, transforms=transforms)

    def gate_up(self, names: Sequence[str], target: str, inner: int, *inputs: int) -> Iterator[Rule]:
        """Yield the rules of separate gate and up projections, which become one."""
        for name, shard in zip(names, GATE_UP, strict=True):
            yield self._rule(name, target, (inner, *inputs), (shard,), [inner], (Even(),))

    def packed_gate_up(self, name: str, inner: int, *inputs: int, target: str | None = None) -> Rule:
        """Return the rule of gate and up in one tensor, one after the other."""
        return self._rule(name, target, (2 * inner, *inputs), GATE_UP, [inner, inner], (Even(), Even()))

    def experts(
        self, names: Sequence[str], targets: Sequence[str], experts: int, inner: int, hidden: int
    ) -> Iterator[Rule]:
        """Yield the rules of gate, up and down where each expert has its own tensors.

        Args:
            names: of gate, up and down, with the capture ``{expert}``.
            targets: the fused parameters: gate and up, down.
            experts: their number.
            inner: the inner size of one expert.
            hidden: the model's hidden size.
        """
        scope = replace(self, ranges={**self.ranges, EXPERT: range(experts)})
        gate_up, down = targets
        for name, shard in zip(names, ("w1", "w3")):
            yield scope._rule(name, gate_up, (inner, hidden), (shard,), [inner], (Even(),))
        yield scope._rule(names[2], down, (hidden, inner), ("w2",), [inner], (Even(),), 1)

    def packed_experts(
        self, names: Sequence[str], targets: Sequence[str], experts: int, inner: int, hidden: int
    ) -> Iterator[Rule]:
        """Yield the rules of experts with tensors of their own, of which one holds gate and up, in that order.

        Args:
            names: of gate with up, and of down, with the capture ``{expert}``.
            targets: the fused parameters: gate and up, down.
            experts: their number.
            inner: the inner size of one expert.
            hidden: the model's hidden size.
        """
        scope = replace(self, ranges={**self.ranges, EXPERT: range(experts)})
        apart, shape = Apart(EXPERT_NAMES), (2 * inner, hidden)
        yield scope._rule(names[0], targets[0], shape, ("w1", "w3"), [inner, inner], (Even(), Even()), 0, (apart,))
        yield scope._rule(names[1], targets[1], (hidden, inner), ("w2",), [inner], (Even(),), 1)

    def expert_rows(
        self, names: Sequence[str], loaded: Sequence[str], targets: Sequence[str], experts: int, inner: int, hidden: int
    ) -> Iterator[Rule]:
        """Yield the rules of gate, up and down of all experts, each one matrix ``[experts * inner, hidden]``.

        Args:
            names: of gate, up and down.
            loaded: what single experts' weights are called while they are loaded, with the capture ``{expert}``.
            targets: the fused parameters: gate and up, down.
            experts: their number.
            inner: the inner size of one expert.
            hidden: the model's hidden size.
        """
        gate_up, down = targets
        shape, cuts = (experts * inner, hidden), [Stack(experts, old, new) for old, new in zip(names, loaded)]
        for name, shard, cut in zip(names, ("w1", "w3"), cuts):
            yield self._rule(name, gate_up, shape, (shard,), [inner], (Even(),), 1, (cut,))
        yield self._rule(names[2], down, shape, ("w2",), [inner], (Even(),), 2, (cuts[2], Transpose()))

    def stacked_gate_up(
        self,
        name: str,
        target: str,
        experts: int,
        inner: int,
        *inputs: int,
        transposed: bool = False,
        alternating: bool = False,
    ) -> Rule:
        """Return the rule of gate and up of all experts in one tensor ``[experts, 2 inner, hidden]``.

        Args:
            name: the tensor.
            target: the fused parameter.
            experts: their number.
            inner: the inner size of one expert.
            inputs: the hidden size; empty for biases ``[experts, 2 inner]``.
            transposed: the tensor is ``[experts, hidden, 2 inner]``.
            alternating: gate and up alternate, instead of one after the other.
        """
        transforms: list[Transform] = [Transpose()] if transposed else []
        if alternating:
            transforms.append(Ungroup(inner, (1, 1), axis=1))
        shape = (experts, *inputs, 2 * inner) if transposed else (experts, 2 * inner, *inputs)
        return self._rule(name, target, shape, ("w1", "w3"), [inner, inner], (Even(), Even()), 1, transforms)

    def alternating_gate_up(self, name: str, target: str, experts: int, inner: int, *inputs: int) -> Rule:
        """Return the rule of gate and up of all experts that alternate, and stay so in the parameter.

        Args:
            name: the tensor, ``[experts, hidden, 2 inner]``, or a bias ``[experts, 2 inner]``.
            target: the fused parameter; ranks share its pairs.
            experts: their number.
            inner: the inner size of one expert.
            inputs: the hidden size; empty for biases.
        """
        transforms = (Transpose(),) if inputs else ()
        shape = (experts, *inputs, 2 * inner)
        return self._rule(name, target, shape, ("w13",), [2 * inner], (Even(2),), 1, transforms)

    def down_bias(self, name: str, target: str, experts: int, hidden: int) -> Rule:
        """Return the rule of the biases of all experts' down projections, ``[experts, hidden]``: one rank adds them."""
        return self._rule(name, target, (experts, hidden), ("w2",), [hidden], (Whole(),), 1)

    def stacked_down(
        self, name: str, target: str, experts: int, inner: int, hidden: int, transposed: bool = False
    ) -> Rule:
        """Return the rule of down of all experts in one tensor ``[experts, hidden, inner]``, or transposed."""
        transforms: list[Transform] = [Transpose()] if transposed else []
        shape = (experts, inner, hidden) if transposed else (experts, hidden, inner)
        return self._rule(name, target, shape, ("w2",), [inner], (Even(),), 2, transforms)

    def tied(self, name: str, to: str, *shape: int) -> Rule:
        """Return the rule of a tensor that the checkpoint may repeat: the parameter is that of another one."""
        return self.ignored(name, f"tied to {to}", shape)

    def ignored(self, name: str, reason: str, shape: Sequence[int] | None = None, *, is_computed: bool = False) -> Rule:
        """Return the rule that leaves tensors out, for a reason; a checkpoint need not have them.

        ``{rest}`` in the name stands for any further dotted name. ``is_computed``: vLLM computes them itself.
        """
        ranges = {key: value for key, value in self.ranges.items() if f"{{{key}}}" in self.source + name}
        kept = None if shape is None else tuple(shape)
        return Rule(self.source + name, "", kept, ranges=ranges, reason=reason, required=False, is_computed=is_computed)

    def _rule(
        self,
        name: str,
        target: str | None,
        shape: tuple[int, ...],
        shards: tuple[ShardId, ...],
        sizes: Sequence[int],
        splits: tuple[Split, ...],
        axis: int = 0,
        transforms: Sequence[Transform] = (),
    ) -> Rule:
        begin = self.source if self.target is None else self.target
        source = self.source + name
        return Rule(
            source,
            begin + (name if target is None else target),
            shape,
            tuple(Part(*part) for part in zip(shards, sizes, splits, strict=True)) if shape else (),
            axis,
            {key: value for key, value in self.ranges.items() if f"{{{key}}}" in source},
            tuple(transforms),
            self._scale(source),
        )

    def _scale(self, source: str) -> Scale | None:
        if self.scale is None or not source.endswith("weight"):
            return None
        ending, block = self.scale
        return Scale(source.removesuffix("weight") + ending, block)


def _before(shape: tuple[int, ...], transforms: Sequence[Transform]) -> tuple[int, ...]:
    """Return the shape on disk of what has ``shape`` after the transforms."""
    return shape[::-1] if any(isinstance(step, Transpose) for step in transforms) else shape


def _after(shape: tuple[int, ...], transforms: Sequence[Transform]) -> tuple[int, ...]:
    for transform in transforms:
        shape = transform.shape(shape)
    return shape
