"""One stretch between two boundaries: its statements, the saved tensors they use, and the proof of both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from scaffold.carried import proof
from scaffold.carried.again import FEWER, Again
from scaffold.carried.axes import Axes, Axis, shared, size_of
from scaffold.carried.operations import CALL
from scaffold.carried.positions import Positions
from scaffold.carried.program import Program, Surroundings
from scaffold.carried.sizes import Size, Sizes
from scaffold.carried.sources import Statements, files_of
from scaffold.carried.spec import HEADS, WHOLE, CarriedLinear, CarriedNorm, Stretch, attribute_of
from scaffold.carried.tensors import TOKENS, by_tokens
from scaffold.carried.values import ATOM, Val, normal
from scaffold.probing import norms
from scaffold.probing.blocks import name_in
from scaffold.probing.numbers import explain
from scaffold.probing.numeric import same
from scaffold.probing.probe import NUM_TOKENS, Probe
from scaffold.probing.values import bias_value
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.events import Event
from scaffold.source.torch.layers import Linear
from scaffold.source.torch.module import Module
from scaffold.source.torch.operations import Operation
from scaffold.source.torch.tensors import Array, Tensor
from scaffold.spec.values import Value


@dataclass
class Block:
    """The block whose stretch is carried over.

    Attributes:
        probe: the probe.
        event: the block's call.
        sizes: axes that the adapter has names for, in a call and in ``__init__``.
        words: role → what the adapter calls it.
        reserved: names that its statements may not use.
        positions: what it reads of positions.
        given: what the adapter calls the block's input.
        linears: calls of projections of the block's input that statements may read.
    """

    probe: Probe
    event: Event
    sizes: Mapping[Axis, Size]
    words: Mapping[str, str]
    reserved: frozenset[str]
    positions: Positions
    given: str = "hidden_states"
    linears: Sequence[Event] = ()
    read: dict[str, tuple[Event, Tensor, Axis]] = field(default_factory=dict)
    calls: dict[int, Operation] = field(default_factory=dict)
    norms: dict[str, CarriedNorm] = field(default_factory=dict)
    used: dict[str, tuple[Axis, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert self.event.module is not None
        module: Module = self.event.module
        self.modules = {name: one for name, one in module.modules() if name}
        self.saved = {id(tensor): name for name, tensor in module.saved_tensors()}
        inside = [one.module for one in self.event.walk() if one.module is not None]
        statements = Statements(files_of([module, *inside]))
        order = {id(op): i for i, op in enumerate(self.probe.root.all_operations())}
        self.around = Surroundings(
            self.probe, statements, order, self.words, self.reserved, statements.constants_of([module, *inside])
        )
        self.lengths = Sizes(self.probe, self.sizes, self.words)
        self._find_norms(order)

    def _find_norms(self, order: dict[int, int]) -> None:
        """Note the calls of norms of known forms: each is one operation, when its last one happened."""
        for event in self.event.walk():
            if event is self.event or not norms.looks_like_norm(event):
                continue
            given, output = event.tensors()[0], event.output
            try:
                form = norms.identify(self.probe, event)
                path = name_in(self.event, event)
            except NotUnderstood:
                continue
            weight = event.module.attributes.get("weight") if event.module else None
            size = given.shape[-1]
            if isinstance(weight, Tensor) and weight.shape != (size,):
                continue
            found = next((one for axis, one in self.sizes.items() if size_of(axis) == size and not shared(axis)), None)
            value = Value(found.real) if found else explain(self.probe, float(size), is_size=True)
            if value is None:
                continue
            attribute = attribute_of(path)
            self.norms[attribute] = CarriedNorm(
                path, attribute, form, found.code if found else value.code, int(value.value)
            )
            operation = Operation(CALL, (given,), {"attribute": attribute}, event.where, output)
            self.calls[id(output)] = operation
            if output.origin is not None and id(output.origin) in order:
                order[id(operation)] = order[id(output.origin)]

    # --- leaves

    def outer_leaf(self, axes: Axes, tensor: Tensor) -> Val | None:
        """Return how a saved tensor, the positions, or a table of cos or sin is written; None for anything else."""
        if id(tensor) in self.saved:
            path = self.saved[id(tensor)]
            self.used[path] = axes.of_parameter(tensor.shape)
            return Val(f"self.{attribute_of(path)}", ATOM, self.used[path], tuple(range(tensor.ndim)))
        return self.positions.leaf(tensor) or self._of_linear(axes, tensor)

    def _of_linear(self, axes: Axes, tensor: Tensor) -> Val | None:
        """Return how what a projection of the block's input gives is written, None for anything else."""
        linear = next((one for one in self.linears if one.output is tensor), None)
        if linear is None:
            return None
        name = self.around.statements.name_of_call(linear.where)
        if not name or name in self.reserved:
            name = name_in(self.event, linear).replace(".", "_")
        *_, axis = axes.of_parameter(tensor.shape[-1:])
        self.read[name] = linear, tensor, axis
        places = tuple((TOKENS,) if size == NUM_TOKENS else () for size in tensor.shape[:-1])
        return Val(name, ATOM, (*places, axis), (*normal(places), len(places)))

    # --- a stretch

    def stretch(
        self,
        target: Tensor,
        name: str,
        result: tuple[Axis, ...],
        leaf: Callable[[Axes, Tensor], Val | None],
        renamed: Mapping[str, str],
        inputs: Mapping[str, tuple[Tensor, tuple[Axis, ...]]],
        mixes: bool = False,
    ) -> Stretch:
        """Return the statements after which ``name`` holds a tensor, proved.

        Args:
            target: the source's tensor.
            name: of the adapter.
            result: the axes that it has there.
            leaf: how what is there already is written.
            renamed: names of the source → those of the adapter.
            inputs: the names that the statements begin with: tensors of the source, and their axes in the adapter.
            mixes: what it begins with mixes tokens already, as the attention's output does.

        Raises:
            NotUnderstood: it is not token-wise, or of another kind that is not carried over.
        """
        axes = Axes({axis: size.code for axis, size in self.sizes.items() if size.code.startswith("self.")})
        self.used, self.read, self.positions.reads = {}, {}, False

        def either(tensor: Tensor) -> Val | None:
            return leaf(axes, tensor) or self.outer_leaf(axes, tensor)

        program = Program(self.around, axes, either, renamed, self.given, self.calls)
        program.run(target, name, result)
        lines = tuple(program.lines)
        tables = self.positions.statements()
        parameters = tuple(self.lengths.parameter(axes, path, found) for path, found in self.used.items())
        called = tuple(one for one in self.norms.values() if any(f"self.{one.attribute}(" in line for line in lines))
        linears = tuple(self._linear(axes, word, *one) for word, one in self.read.items())
        found = Stretch(lines, parameters, called, program.needs_config, tables, linears, program.comment)
        others = {word: (tensor, ((TOKENS,), axes.resolved(axis))) for word, (_, tensor, axis) in self.read.items()}
        self._prove(found, target, name, result, {**inputs, **others}, mixes=mixes)
        return found

    def _linear(self, axes: Axes, name: str, linear: Event, tensor: Tensor, axis: Axis) -> CarriedLinear:
        """Return a projection with how ranks share what it gives.

        Raises:
            NotUnderstood: they share it otherwise than by heads of q, or its size is none of the config.
        """
        path = name_in(self.event, linear)
        one = self.lengths.parameter(axes, path, (axis,))
        if one.share not in (WHOLE, HEADS) or not isinstance(linear.module, Linear):
            raise NotUnderstood(f"{path}, a projection that ranks share otherwise than by heads")
        size = self.lengths.of(axes.resolved(axis), path)
        bias = bias_value(self.probe, [linear])
        attribute = attribute_of(path)
        return CarriedLinear(path, attribute, name, size.whole, size.real, bias, one.share, one.unit)

    # --- proof

    def _prove(
        self,
        found: Stretch,
        target: Tensor,
        name: str,
        result: tuple[Axis, ...],
        inputs: Mapping[str, tuple[Tensor, tuple[Axis, ...]]],
        *,
        mixes: bool,
    ) -> None:
        """Check the statements: on the run, on each of some ranks, with one token changed, with fewer tokens.

        Raises:
            NotUnderstood: they compute something else than the source, or a token depends on others.
        """
        expected, given = by_tokens(target.a), {key: by_tokens(tensor.a) for key, (tensor, _) in inputs.items()}
        x = self.event.tensors()[0].a
        for ranks in (1, self.ranks()):
            for rank in range(ranks):
                shares = {key: _share(given[key], axes[-1], ranks, rank) for key, (_, axes) in inputs.items()}
                wanted = {name: _share(expected, result[-1], ranks, rank)}
                around = {"positions": np.arange(NUM_TOKENS), self.given: x}
                where = "" if ranks == 1 else f"on rank {rank} of {ranks}"
                proof.check(
                    (*found.tables, *found.lines),
                    {**around, **shares},
                    self._attributes(found, ranks, rank),
                    wanted,
                    where,
                )
        attributes = self._attributes(found, 1, 0)
        again, (changed, cut) = self.again, self.again.inputs
        for run, x, tokens, where in (
            (again.changed, changed, NUM_TOKENS, "with another token"),
            (again.shorter, cut, FEWER, "with fewer tokens"),
        ):
            other = {key: by_tokens(again.of(tensor, run), tokens) for key, (tensor, _) in inputs.items()}
            wanted = {name: by_tokens(again.of(target, run), tokens)}
            around = {"positions": np.arange(tokens), self.given: x}
            proof.check((*found.tables, *found.lines), {**around, **other}, attributes, wanted, where)
            same_as = (expected[1:], wanted[name][1:]) if tokens == NUM_TOKENS else (expected[:tokens], wanted[name])
            if not same(*same_as) and not (mixes and tokens == NUM_TOKENS):
                raise NotUnderstood(f"{name} of a token that depends on other tokens")

    @cached_property
    def again(self) -> Again:
        """The block, run with other tokens."""
        return Again(self.probe, self.event)

    def ranks(self) -> int:
        """Return the smallest number of ranks, more than one, that can share the block; 1 if each has all of it."""
        shares = [atom.size for axis in self.sizes for atom in axis if atom.share and axis[0] is atom]
        count = min(shares, default=1)
        return next(n for n in range(2, count + 1) if count % n == 0) if count > 1 else 1

    def _attributes(self, found: Stretch, ranks: int, rank: int) -> dict[str, Any]:
        attributes: dict[str, Any] = {"config": self.probe.small}
        for axis, size in self.sizes.items():
            length = size_of(axis) // (ranks if shared(axis) and any(a.share for a in axis[:1]) else 1)
            if size.code.removeprefix("self.").isidentifier():
                attributes[size.code.removeprefix("self.")] = length
        tensors = dict(self._saved_tensors())
        for one in found.parameters:
            array = tensors[one.path].a
            if one.axis is not None:
                held = array.shape[one.axis] // ranks
                array = np.take(array, range(held * rank, held * (rank + 1)), axis=one.axis)
            attributes[one.attribute] = Tensor(array)
        for norm in found.norms:
            attributes[norm.attribute] = self.modules[norm.path]
        table = self.positions.table
        if table is not None:
            rotary = Module()
            rotary.attributes["cos_sin_cache"] = Tensor(np.concatenate([table.cos, table.sin], axis=-1))
            attributes["rotary_emb"] = rotary
        return attributes

    def _saved_tensors(self) -> list[tuple[str, Tensor]]:
        assert self.event.module is not None
        return list(self.event.module.saved_tensors())


def _share(array: Array, axis: Axis, ranks: int, rank: int) -> Array:
    """Return what a rank holds of ``[tokens, width]``."""
    if not shared(axis):
        return array
    held = array.shape[-1] // ranks
    return array[..., held * rank : held * (rank + 1)]
