"""MLPs: what happens between the projections into the inner size and the one out of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scaffold.carried.axes import Atom, Axes, Axis
from scaffold.carried.positions import Positions
from scaffold.carried.sizes import Size
from scaffold.carried.spec import INNER, Stretch
from scaffold.carried.stretch import Block
from scaffold.carried.tensors import TOKENS, ancestors, flat, held, unchanged
from scaffold.carried.values import Val
from scaffold.probing.numeric import same
from scaffold.probing.probe import NUM_TOKENS, Probe
from scaffold.probing.projections import input_of, output_of
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.events import Event
from scaffold.source.torch.operations import tensors_in
from scaffold.source.torch.tensors import Array, Tensor
from scaffold.spec.values import Value

GATE, UP, INNER_NAME, RESULT = "gate", "up", "inner", "x"
"""What an adapter calls what the projections give, alone or together, and what goes into the last one."""
RESERVED = frozenset({"self", "gate_up", "hidden_states", "positions", "bias", "torch", "F", "nn"})


@dataclass(frozen=True)
class CarriedMlp:
    """What an MLP computes that is none of the known forms.

    Attributes:
        gate: the projection that gives ``gate``; None where there is one only, into ``inner``.
        up: the projection that gives ``up``, or ``inner``; the same where one gives both, one after the other.
        stretch: what makes ``x``, the input of ``down``, of them.
    """

    gate: Event | None
    up: Event
    stretch: Stretch


def carried(probe: Probe, event: Event, layers: Sequence[Event], down: Event, size: Value) -> CarriedMlp:
    """Return what happens before ``down``.

    Args:
        probe: the probe.
        event: the block's call.
        layers: the calls of its projections into the inner size.
        down: the call of the one out of it.
        size: the inner size.

    Raises:
        NotUnderstood: it cannot be carried over.
    """
    target = down.tensors()[0]
    width = input_of(down).shape[1]
    axis: Axis = (Atom(width, share=INNER),)
    chain = {id(tensor) for tensor in ancestors(target, lambda one: False)}
    used = [one for one in layers if any(id(tensor) in chain for tensor in _tensors(one))]
    columns = dict(_columns(used, width))
    if not columns:
        raise NotUnderstood("projections of other sizes than that of the inner size")
    real = Size("intermediate_size // get_tensor_model_parallel_world_size()", int(size.value))
    block = Block(probe, event, {axis: real}, {}, RESERVED, Positions(list, given=False), given=RESULT)
    inputs: dict[str, tuple[Tensor, tuple[Axis, ...]]] = {}
    renamed: dict[str, str] = {"hidden_states": INNER_NAME, "x": INNER_NAME}
    for one in used:
        names = block.around.statements.names(one.where)
        if len(names) == 1:
            renamed[names[0]] = next(name for name, (linear, _) in columns.items() if linear is one)

    def leaf(axes: Axes, tensor: Tensor) -> Val | None:
        name = _name(tensor, columns)
        inner = unchanged(tensor)
        while name and inner is not None:
            if _name(inner, columns):
                return None
            inner = unchanged(inner)
        if not name:
            return None
        inputs[name] = tensor, ((TOKENS,), axis)
        return held(name, axis, tensor, axes)

    stretch = block.stretch(target, RESULT, ((TOKENS,), axis), leaf, renamed, inputs)
    if not inputs or not stretch.lines:
        raise NotUnderstood("an inner size that comes from no projection")
    if INNER_NAME in columns:
        return CarriedMlp(None, columns[INNER_NAME][0], stretch)
    return CarriedMlp(columns[GATE][0], columns[UP][0], stretch)


def _columns(used: Sequence[Event], width: int) -> Iterator[tuple[str, tuple[Event, Array]]]:
    """Yield what the adapter calls the columns of projections: of two, of one that holds both, or of one."""
    outs = [output_of(one) for one in used]
    widths = [out.shape[1] for out in outs]
    if widths == [width]:
        yield INNER_NAME, (used[0], outs[0])
    elif widths == [2 * width]:
        first, second = np.split(outs[0], 2, axis=1)
        yield from ((GATE, (used[0], first)), (UP, (used[0], second)))
    elif widths == [width, width]:
        yield from ((GATE, (used[0], outs[0])), (UP, (used[1], outs[1])))


def _tensors(one: Event) -> list[Tensor]:
    return [tensor for tensor in tensors_in(one.output) if isinstance(tensor, Tensor)]


def _name(tensor: Tensor, columns: Mapping[str, tuple[Event, Array]]) -> str:
    values = flat(tensor.a) if tensor.a.dtype.kind == "f" and tensor.a.size % NUM_TOKENS == 0 else None
    found = (name for name, (_, own) in columns.items() if values is not None and same(values, own))
    return next(found, "")
