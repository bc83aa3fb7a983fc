"""Attention: what happens between the projections of q, k and v and the attention, and behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scaffold.carried.axes import Atom, Axes, Axis
from scaffold.carried.parts import Inputs, Part, flat_heads, of_input, rotated_pair, same_view
from scaffold.carried.positions import Positions
from scaffold.carried.sizes import Size
from scaffold.carried.spec import HEADS, KV_HEADS, NOTHING, CarriedHeads, Stretch
from scaffold.carried.stretch import Block
from scaffold.carried.tensors import TOKENS, ancestors, flat, held, unchanged
from scaffold.carried.values import Val
from scaffold.probing import rotations
from scaffold.probing.attention_core import Core
from scaffold.probing.heads import Path, Tracer
from scaffold.probing.numeric import same
from scaffold.probing.probe import NUM_TOKENS, Probe
from scaffold.probing.projections import Selection, input_of, select
from scaffold.probing.rotations import Turn
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.events import Event
from scaffold.source.torch.operations import tensors_in
from scaffold.source.torch.tensors import Array, Tensor
from scaffold.spec.rope import RopeSpec
from scaffold.spec.values import Value

RESERVED = frozenset({"torch", "F", "nn", "self", "cos", "sin", "qkv", "positions", "output", "hidden_states"})
PARTS = ("q", "k", "v")


@dataclass(frozen=True)
class Numbers:
    """The numbers of an attention, as the reader found them."""

    num_heads: Value
    num_kv_heads: Value
    head_dim: Value
    v_head_dim: Value


class Attention:
    """The stretches of one attention block.

    Args:
        probe: the probe.
        event: the block's call.
        core: its attention.
        tracer: of the block.
        numbers: its sizes.
    """

    def __init__(self, probe: Probe, event: Event, core: Core, tracer: Tracer, numbers: Numbers) -> None:
        self.core, self.tracer, self.event = core, tracer, event
        heads, kv_heads = len(core.q), len(core.k)
        size, v_size = core.q.shape[2], core.v.shape[2]
        per_head = Atom(size, "self.head_dim")
        per_value = per_head if v_size == size else Atom(v_size, "self.v_head_dim")
        if kv_heads in (1, heads):
            one = Atom(heads, "self.num_heads", HEADS)
            self.of_q: Axis = (one,)
            self.of_k: Axis = (one,) if kv_heads == heads else ()
        else:
            one = Atom(kv_heads, "self.num_kv_heads", KV_HEADS)
            self.of_q = (one, Atom(heads // kv_heads, "self.num_heads // self.num_kv_heads", HEADS))
            self.of_k = (one,)
        sizes: dict[Axis, Size] = {
            self.of_q: Size("self.num_heads", int(numbers.num_heads.value), "self.total_num_heads"),
            (per_head,): Size("self.head_dim", int(numbers.head_dim.value)),
        }
        if self.of_k not in ((), self.of_q):
            sizes[self.of_k] = Size("self.num_kv_heads", int(numbers.num_kv_heads.value), "self.total_num_kv_heads")
        sizes.setdefault((per_value,), Size("self.v_head_dim", int(numbers.v_head_dim.value)))
        self.per_head, self.per_value = per_head, per_value
        self.block = Block(
            probe, event, sizes, {"head_dim": "self.head_dim", "num_heads": "self.total_num_heads"}, RESERVED,
            Positions(lambda: rotations.turns(probe, size, NUM_TOKENS)),
            linears=of_input(tracer, event),
        )  # fmt: skip

    # --- before the attention

    def projected(self) -> tuple[tuple[Path, Path, Path], CarriedHeads]:
        """Return where q, k and v come from, and what happens to them on the way.

        Raises:
            NotUnderstood: it cannot be carried over.
        """
        core = self.core
        parts = [
            Part("q", self._tensor(core.q, "q"), len(core.q), (*self.of_q, self.per_head)),
            Part("k", self._tensor(core.k, "k"), len(core.k), (*self.of_k, self.per_head)),
            Part("v", self._tensor(core.v, "v"), len(core.v), (*self.of_k, self.per_value)),
        ]
        turned = self._turned(parts[0], parts[1])
        if turned is None:
            before = tuple(self._first(part, part.target, parts) for part in parts)
            return self._paths(parts), CarriedHeads(
                before, False, (NOTHING,) * 3, self._rope(self.block.positions.table)
            )
        turn, places = turned
        before = tuple(
            self._first(part, part.target if part.name == "v" else places[part.name][0], parts) for part in parts
        )
        after = (*(self._stretch(part, part.target, places[part.name][1]) for part in parts[:2]), NOTHING)
        if self.block.positions.table is not None and self.block.positions.table is not turn:
            raise NotUnderstood("tables of another rotation beside one")
        return self._paths(parts), CarriedHeads(before, True, after, self._rope(turn))

    def _rope(self, turn: Turn | None) -> RopeSpec | None:
        if turn is None:
            return None
        real = self.block.sizes[(self.per_head,)].real
        return rotations.rope_spec(self.block.probe, turn, self.core.q.shape[2], real)

    @staticmethod
    def _paths(parts: Sequence[Part]) -> tuple[Path, Path, Path]:
        for part in parts:
            if part.selection is None:
                raise NotUnderstood(f"{part.name} that comes from no projection")
        q, k, v = (Path(part.selection) for part in parts if part.selection is not None)
        return q, k, v

    def _tensor(self, heads: Array, what: str, *, first: bool = False) -> Tensor:
        """Return the last tensor of the run that holds ``[heads, tokens, entries]``, whatever its form; or the first.

        Raises:
            NotUnderstood: none does.
        """
        wanted, result = flat_heads(heads), None
        for op in self.event.all_operations():
            for tensor in tensors_in((op.output, op.args)):
                if isinstance(tensor, Tensor) and tensor.a.size == wanted.size:
                    found = flat(tensor.a)
                    if found is not None and same(found, wanted):
                        if first:
                            return tensor
                        result = tensor
        if result is None:
            raise NotUnderstood(f"{what} of the attention, which no tensor of the source holds")
        return result

    def _turned(self, q: Part, k: Part) -> tuple[Turn, dict[str, tuple[Tensor, Tensor]]] | None:
        """Return the rotation of both q and k, with what goes into it and what comes out of it; None if there is none.

        vLLM rotates both in one call.
        """
        chains = {part.name: self._chain(part) for part in (q, k)}
        for turn in self.tracer.turns(self.core.q.shape[2]):
            found = {}
            for part in (q, k):
                pair = rotated_pair(turn, chains[part.name], part.count)
                if pair is not None:
                    found[part.name] = pair
            if len(found) == 2:
                return turn, found
        return None

    def _chain(self, part: Part) -> list[tuple[Tensor, Array]]:
        """Return what a part was computed from that has its size, the last one first, flat."""
        size = part.target.a.size
        known = {id(linear.output) for linear in self.tracer.linears}
        found = []
        for tensor in ancestors(part.target, lambda one: id(one) in known):
            values = flat(tensor.a) if tensor.a.size == size and tensor.a.dtype.kind == "f" else None
            if values is not None:
                found.append((tensor, values))
        return sorted(found, key=lambda one: -self._when(one[0]))

    def _when(self, tensor: Tensor) -> int:
        return -1 if tensor.origin is None else self.block.around.order.get(id(tensor.origin), -1)

    def _first(self, part: Part, target: Tensor, parts: Sequence[Part]) -> Stretch:
        """Return what makes ``target`` of a projection: of one of its own, else of one that gives another part, too.

        Raises:
            NotUnderstood: it cannot be carried over.
        """
        part.others = tuple(one.selection for one in parts if one is not part and one.selection is not None)
        try:
            return self._stretch(part, target, None)
        except NotUnderstood as error:
            if not part.others:
                raise
            part.others, part.selection = (), None
            try:
                return self._stretch(part, target, None)
            except NotUnderstood:
                raise error from None

    def _stretch(self, part: Part, target: Tensor, begin: Tensor | None) -> Stretch:
        """Return what makes ``target`` of the projection, or of ``begin``."""
        values: dict[str, Tensor] = {}

        def leaf(axes: Axes, tensor: Tensor) -> Val | None:
            if begin is not None:
                if tensor is not begin and not same_view(tensor, begin):
                    return None
                values[part.name] = tensor
                return held(part.name, part.axis, tensor, axes)
            selection = self._selected(tensor, part)
            if selection is None or not part.may_be(selection):
                return None
            part.selection = selection
            part.renamed.setdefault("hidden_states", part.name)
            values[part.name] = tensor
            names = self.block.around.statements.names(selection.linear.where)
            if len(names) == 1:
                part.renamed[names[0]] = part.name
            return held(part.name, part.axis, tensor, axes)

        result = ((TOKENS,), part.axis)
        inputs = Inputs(part.name, values, result)
        return self.block.stretch(target, part.name, result, leaf, part.renamed, inputs)

    def _selected(self, tensor: Tensor, part: Part) -> Selection | None:
        """Return the columns of a projection that a tensor is; None if what it is a view of is that, too."""
        found = self._columns(tensor, part)
        if found is None:
            return None
        inner = unchanged(tensor)
        while inner is not None:
            if flat(inner.a) is not None and self._columns(inner, part) is not None:
                return None
            inner = unchanged(inner)
        return found

    def _columns(self, tensor: Tensor, part: Part) -> Selection | None:
        values = flat(tensor.a) if tensor.a.dtype.kind == "f" else None
        if values is None or values.shape[1] != part.target.a.size // NUM_TOKENS:
            return None
        heads = np.swapaxes(values.reshape(NUM_TOKENS, part.count, -1), 0, 1)
        return select(heads, self.tracer.linears)

    # --- behind the attention

    def attended(self) -> tuple[Event, Stretch]:
        """Return the output projection, and what happens before it.

        Raises:
            NotUnderstood: it cannot be carried over.
        """
        out = self._tensor(self.core.out, "the output", first=True)
        axis = (*self.of_q, self.per_value)
        values: dict[str, Tensor] = {}

        def leaf(axes: Axes, tensor: Tensor) -> Val | None:
            if tensor is not out:
                return None
            values["attn_output"] = tensor
            return held("attn_output", axis, tensor, axes)

        errors = []
        for linear in self.tracer.linears:
            target = linear.tensors()[0]
            if input_of(linear).shape != (NUM_TOKENS, out.a.size // NUM_TOKENS):
                continue
            if not any(tensor is out for tensor in ancestors(target, lambda one: one is out)):
                continue
            result = ((TOKENS,), axis)
            inputs = Inputs("attn_output", values, result)
            try:
                renamed = dict.fromkeys((*self._names_of(out), "hidden_states"), "attn_output")
                return linear, self.block.stretch(target, "attn_output", result, leaf, renamed, inputs, mixes=True)
            except NotUnderstood as error:
                errors.append(error)
        if errors:
            raise errors[0]
        raise NotUnderstood("an attention whose output goes into no projection")

    def _names_of(self, tensor: Tensor) -> tuple[str, ...]:
        names = self.block.around.statements.names(tensor.origin.where) if tensor.origin is not None else ()
        return names if len(names) == 1 else ()
