"""Numbers of entries: ``torch.arange`` over what every rank holds all of."""

from __future__ import annotations

from typing import Any

from scaffold.carried.axes import Atom, shared, size_of
from scaffold.carried.values import ATOM, Val
from scaffold.carried.writer import Writer
from scaffold.probing.probe import NUM_TOKENS
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.operations import Operation


def arange(writer: Writer, op: Operation) -> Val:
    """Return numbers one after the other, on the device of the block's input.

    Raises:
        NotUnderstood: they number tokens, where positions are not known.
    """
    (size,) = op.output.shape
    if size == NUM_TOKENS:
        raise NotUnderstood("the operation arange over tokens, in a block that is not given their positions")
    bounds = [*op.args, *(op.kwargs[word] for word in ("start", "end", "step") if word in op.kwargs)]
    shown = ", ".join(_bound(writer, op, bound) for bound in bounds)
    kind = ", dtype=torch.float32" if op.output.a.dtype.kind == "f" else ""
    axis = (Atom(size, placed=False, counts=True),) if size > 1 else ()
    return Val(f"torch.arange({shown}{kind}, device={writer.device})", ATOM, (axis,), (0,))


def _bound(writer: Writer, op: Operation, bound: Any) -> str:
    """Return a bound: as the length of an axis of the adapter, or the half of one, else as any number."""
    if isinstance(bound, int) and not isinstance(bound, bool) and not writer.is_stated(bound, op):
        for axis, code in writer.axes.names.items():
            if not shared(axis) and size_of(axis) in (bound, 2 * bound):
                return code if size_of(axis) == bound else f"{code} // 2"
    return writer.number(bound, op).code
