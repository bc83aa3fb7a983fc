"""One stretch between two boundaries: its statements, the saved tensors they use, and the proof of both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from scaffold.carried import proof
from scaffold.carried.again import FEWER, Again
from scaffold.carried.axes import Atom, Axes, Axis, is_tokens, shared, size_of
from scaffold.carried.operations import CALL, CONVERTED, SHAPES, UNCHANGED
from scaffold.carried.program import Program, Surroundings
from scaffold.carried.sources import Statements, files_of
from scaffold.carried.spec import CarriedNorm, CarriedParameter, Stretch
from scaffold.carried.values import ATOM, Val, normal, viewed
from scaffold.expressions.python import write as write_expression
from scaffold.probing import norms
from scaffold.probing.blocks import name_in
from scaffold.probing.numbers import explain
from scaffold.probing.numeric import same
from scaffold.probing.probe import NUM_TOKENS, Probe
from scaffold.probing.rotations import Turn
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.events import Event
from scaffold.source.torch.module import Module
from scaffold.source.torch.operations import Operation, tensors_in
from scaffold.source.torch.tensors import Array, Tensor
from scaffold.spec.values import Value

TABLES = "cos, sin = self.rotary_emb.cos_sin_cache[positions].chunk(2, dim=-1)"
"""cos and sin of the positions, ``[tokens, rotary_dim / 2]``: ``cos_sin_cache`` of vLLM's RotaryEmbeddingBase."""
FORMS: tuple[tuple[Callable[[Array], Array], str], ...] = (
    (lambda half: half, ""),
    (lambda half: np.concatenate([half, half], axis=-1), "repeat(1, 2)"),
    (lambda half: np.repeat(half, 2, axis=-1), "repeat_interleave(2, dim=-1)"),
)
"""How sources keep cos and sin of half as many angles as entries turn."""
TOKENS = Atom(NUM_TOKENS, is_token=True)


def flat(array: Array, tokens: int = NUM_TOKENS) -> Array | None:
    """Return ``[tokens, all else]`` of a tensor with one axis of tokens, whatever the order; None for any other."""
    places = [i for i, size in enumerate(array.shape) if size == tokens]
    if len(places) != 1:
        return None
    return np.moveaxis(array, places[0], 0).reshape(tokens, -1)


@dataclass(frozen=True)
class Size:
    """An axis that has a name: its length on a rank in Python, and that of the checkpoint."""

    code: str
    real: int


@dataclass
class Block:
    """The block whose stretch is carried over.

    Attributes:
        probe: the probe.
        event: the block's call.
        sizes: axes that the adapter has names for, in a call and in ``__init__``.
        words: role → what the adapter calls it.
        reserved: names that its statements may not use.
        turns: rotations whose tables may be read.
        given: what the adapter calls the block's input.
    """

    probe: Probe
    event: Event
    sizes: Mapping[Axis, Size]
    words: Mapping[str, str]
    reserved: frozenset[str]
    turns: Callable[[], list[Turn]]
    given: str = "hidden_states"
    table: Turn | None = None
    form: str | None = None
    reads: bool = False
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
            attribute = path.replace(".", "_")
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
            return Val(f"self.{path.replace('.', '_')}", ATOM, self.used[path], tuple(range(tensor.ndim)))
        return self._positions(tensor) or self._of_table(tensor)

    def _positions(self, tensor: Tensor) -> Val | None:
        if tensor.a.size != NUM_TOKENS or not np.array_equal(tensor.a.ravel(), np.arange(NUM_TOKENS)):
            return None
        axes = tuple((TOKENS,) if size == NUM_TOKENS else () for size in tensor.shape)
        return Val("positions", ATOM, axes, normal(axes))

    def _of_table(self, tensor: Tensor) -> Val | None:
        values = flat(tensor.a)
        if values is None or tensor.a.dtype.kind != "f" or values.shape[1] < 2 or tensor.shape[-1] != values.shape[1]:
            return None
        for turn in [self.table] if self.table else self.turns():
            for name, half in (("cos", turn.cos), ("sin", turn.sin)):
                for form, code in FORMS:
                    if np.array_equal(form(half).shape, values.shape) and np.allclose(form(half), values, 1e-9, 1e-12):
                        if self.form not in (None, code):
                            raise NotUnderstood("tables of cos and sin in two forms")
                        self.table, self.form, self.reads = turn, code, True
                        last = (Atom(values.shape[1]),)
                        axes = tuple((TOKENS,) if n == NUM_TOKENS else last if n > 1 else () for n in tensor.shape)
                        return Val(name, ATOM, axes, normal(axes))
        return None

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
        self.used, self.reads = {}, False

        def either(tensor: Tensor) -> Val | None:
            return leaf(axes, tensor) or self.outer_leaf(axes, tensor)

        program = Program(self.around, axes, either, renamed, f"{self.given}.dtype", self.calls)
        program.run(target, name, result)
        lines = tuple(program.lines)
        tables = self._tables() if self.reads else ()
        parameters = tuple(self._parameter(axes, path, found) for path, found in self.used.items())
        called = tuple(one for one in self.norms.values() if any(f"self.{one.attribute}(" in line for line in lines))
        found = Stretch(lines, parameters, called, program.needs_config, tables)
        self._prove(found, target, name, result, inputs, mixes=mixes)
        return found

    def _tables(self) -> tuple[str, ...]:
        return (TABLES, f"cos, sin = cos.{self.form}, sin.{self.form}") if self.form else (TABLES,)

    def _parameter(self, axes: Axes, path: str, found: tuple[Axis, ...]) -> CarriedParameter:
        """Return a saved tensor with how ranks share it.

        Raises:
            NotUnderstood: its sizes are none of the config, or ranks share it in a way that is not known.
        """
        resolved = [axes.resolved(axis) for axis in found]
        if any(is_tokens(axis) for axis in resolved):
            raise NotUnderstood(f"{path}, which has an entry for each token")
        places = [i for i, axis in enumerate(resolved) if shared(axis)]
        if len(places) > 1:
            raise NotUnderstood(f"{path}, of which ranks share more than one axis")
        sizes = [self._size(axis, path) for axis in resolved]
        share, unit, at = "", 1, places[0] if places else None
        if at is not None:
            axis = resolved[at]
            share = axis[0].share
            rest = [atom for atom in axis if not atom.share]
            whole = next((one for one in self.sizes if one == tuple(atom for atom in axis if atom.share)), None)
            if whole is None or axis != (*whole, *rest):
                raise NotUnderstood(f"{path}, which ranks share otherwise than by heads")
            share = "heads" if len(whole) > 1 or share == "heads" else share
            unit = self._size(tuple(rest), path).real if rest else 1
        shape = tuple(size.real for size in sizes)
        local = tuple(size.code for size in sizes)
        return CarriedParameter(path, path.replace(".", "_"), shape, local, at, share, unit)

    def _size(self, axis: Axis, path: str) -> Size:
        if not axis:
            return Size("1", 1)
        if axis in self.sizes:
            return self.sizes[axis]
        for cut in range(len(axis) - 1, 0, -1):
            if axis[:cut] in self.sizes:
                first, rest = self.sizes[axis[:cut]], self._size(axis[cut:], path)
                return Size(f"{first.code} * {rest.code}", first.real * rest.real)
        named = next(
            (one for own, one in self.sizes.items() if size_of(own) == size_of(axis) and not shared(own)), None
        )
        if named is not None:
            return named
        value = explain(self.probe, float(size_of(axis)), is_size=True)
        if value is None:
            raise NotUnderstood(f"{path} [{size_of(axis)} in a probe], a size that no key of the config gives")
        return Size(write_expression(value.tree, "config", self.words), int(value.value))

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
        expected, given = _flat(target.a), {key: _flat(tensor.a) for key, (tensor, _) in inputs.items()}
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
            other = {key: _flat(again.of(tensor, run), tokens) for key, (tensor, _) in inputs.items()}
            wanted = {name: _flat(again.of(target, run), tokens)}
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
        """Return the smallest number of ranks, more than one, that can share the block."""
        count = min(atom.size for axis in self.sizes for atom in axis if atom.share and axis[0] is atom)
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
        if self.table is not None:
            rotary = Module()
            rotary.attributes["cos_sin_cache"] = Tensor(np.concatenate([self.table.cos, self.table.sin], axis=-1))
            attributes["rotary_emb"] = rotary
        return attributes

    def _saved_tensors(self) -> list[tuple[str, Tensor]]:
        assert self.event.module is not None
        return list(self.event.module.saved_tensors())


def _flat(array: Array, tokens: int = NUM_TOKENS) -> Array:
    found = flat(array, tokens)
    if found is None:
        raise NotUnderstood("a tensor without an axis of tokens, or with two")
    return found


def _share(array: Array, axis: Axis, ranks: int, rank: int) -> Array:
    """Return what a rank holds of ``[tokens, width]``."""
    if not shared(axis):
        return array
    held = array.shape[-1] // ranks
    return array[..., held * rank : held * (rank + 1)]


def shape_op(tensor: Tensor) -> Tensor | None:
    """Return what a tensor is only another view of, None if it is more."""
    op = tensor.origin
    if op is None or op.name not in SHAPES or not op.args or not isinstance(op.args[0], Tensor):
        return None
    return op.args[0] if op.args[0].a.size == tensor.a.size else None


def unchanged(tensor: Tensor) -> Tensor | None:
    """Return what a tensor is only another view of, or in another dtype; None if it is more."""
    op = tensor.origin
    if op is not None and op.name in (*CONVERTED, *UNCHANGED) and op.args and isinstance(op.args[0], Tensor):
        return op.args[0]
    return shape_op(tensor)


def ancestors(target: Tensor, stop: Callable[[Tensor], bool]) -> list[Tensor]:
    """Return a tensor and what it was computed from, as far as ``stop``, the nearest first."""
    found: dict[int, Tensor] = {}
    left = [target]
    while left:
        tensor = left.pop(0)
        if id(tensor) in found or len(found) > 400:
            continue
        found[id(tensor)] = tensor
        if tensor.origin is not None and not stop(tensor):
            left += [t for t in tensors_in((tensor.origin.args, tensor.origin.kwargs)) if isinstance(t, Tensor)]
    return list(found.values())


def placed(tensor: Tensor, flat_axis: Axis, axes: Axes) -> tuple[Axis, ...]:
    """Return the axes of a tensor that is ``[tokens, flat_axis]`` in another form."""
    rest = [size for size in tensor.shape if size != NUM_TOKENS]
    found = iter(axes.regroup([flat_axis], rest))
    return tuple((TOKENS,) if size == NUM_TOKENS else next(found) for size in tensor.shape)


def held(name: str, flat_axis: Axis, tensor: Tensor, axes: Axes) -> Val:
    """Return how a tensor is written that the adapter holds as ``name``, ``[tokens, flat_axis]``."""
    begin = Val(name, ATOM, ((TOKENS,), flat_axis), (0, 1))
    return viewed(begin, placed(tensor, flat_axis, axes), axes)
