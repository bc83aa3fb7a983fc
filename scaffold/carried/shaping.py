"""Operations on shapes and parts: most of what they do to batch and tokens is nothing in the adapter."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from scaffold.carried.axes import Atom, Axis, is_tokens, shared, size_of
from scaffold.carried.values import ATOM, Val, aligned, normal, viewed
from scaffold.carried.writer import Writer, named
from scaffold.carried.writer import axis as along
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.operations import Operation
from scaffold.source.torch.tensors import Tensor


def view(writer: Writer, op: Operation) -> Val:
    """Return a view."""
    x = writer.value(op.args[0])
    return viewed(x, writer.axes.regroup(x.axes, op.output.shape), writer.axes)


def permuted(writer: Writer, op: Operation) -> Val:
    """Return a tensor whose axes stand in another order in the source."""
    x = writer.value(op.args[0])
    rank = len(x.axes)
    if op.name in ("permute", "movedim"):
        dims = op.args[1:] if len(op.args) > 2 else op.args[1] if len(op.args) > 1 else op.kwargs["dims"]
        places = [int(d) % rank for d in (dims if isinstance(dims, (tuple, list)) else (dims,))]
    else:
        first, second = (int(named(op, at, f"dim{at - 1}")) % rank for at in (1, 2))
        places = list(range(rank))
        places[first], places[second] = places[second], places[first]
    return replace(x, axes=tuple(x.axes[i] for i in places), order=tuple(places.index(i) for i in x.order))


def unsqueezed(writer: Writer, op: Operation) -> Val:
    """Return a tensor with an axis of one more."""
    x = writer.value(op.args[0])
    at = int(named(op, 1, "dim")) % (len(x.axes) + 1)
    return replace(x, axes=(*x.axes[:at], (), *x.axes[at:]), order=tuple(i + (i >= at) for i in x.order))


def squeezed(writer: Writer, op: Operation) -> Val:
    """Return a tensor with fewer axes of one."""
    x = writer.value(op.args[0])
    dim = named(op, 1, "dim")
    dims = (
        range(len(x.axes))
        if dim is None
        else [int(d) % len(x.axes) for d in (dim if isinstance(dim, (tuple, list)) else (dim,))]
    )
    gone = [i for i in dims if not x.axes[i]]
    for i in [i for i in x.order if i in gone]:
        x = x.method(f"squeeze({x.dim(i)})", order=[j for j in x.order if j != i])
    left = [i for i in range(len(x.axes)) if i not in gone]
    return replace(x, axes=tuple(x.axes[i] for i in left), order=tuple(left.index(i) for i in x.order))


def expanded(writer: Writer, op: Operation) -> Val:
    """An axis that only repeats values is remembered as such, and left away."""
    x = writer.value(op.args[0])
    more = op.output.ndim - len(x.axes)
    axes = [*((),) * more, *x.axes]
    order = tuple(i + more for i in x.order)
    for i, size in enumerate(op.output.shape):
        if size_of(axes[i]) != size:
            raise NotUnderstood("values that are repeated")
    return Val(x.code, x.level, tuple(axes), order)


def repeated(writer: Writer, op: Operation) -> Val:
    """Return entries that stand several times one after the other, as those of a KV head for each of its heads."""
    x, count = writer.value(op.args[0]), named(op, 1, "repeats")
    dim = named(op, 2, "dim", 0 if len(x.axes) == 1 else None)
    if isinstance(count, Tensor) or not isinstance(dim, int):
        raise NotUnderstood("entries that are repeated each in its own number, or over all axes")
    at, count = dim % len(x.axes), int(count)
    if is_tokens(x.axes[at]) or at not in x.order:
        raise NotUnderstood("tokens, or an axis of one, that are repeated")
    code = _group(writer, x.axes[at], count) or writer.number(count, op).code
    axes = (*x.axes[:at], (*x.axes[at], Atom(count, code, placed=False, repeats=True)), *x.axes[at + 1 :])
    return x.method(f"repeat_interleave({code}, dim={x.dim(at)})", axes)


def _group(writer: Writer, axis: Axis, count: int) -> str:
    """Return Python of how often entries are repeated for heads of q, empty where they are not."""
    for whole in writer.axes.names:
        if size_of(whole[:-1]) == size_of(axis) and whole[-1].size == count and shared(whole):
            return whole[-1].code
    return ""


def chunked(writer: Writer, op: Operation) -> tuple[Val, ...]:
    """Return parts of one length."""
    x = writer.value(op.args[0])
    at = along(x, named(op, 2, "dim", 0))
    sizes = [part.shape[at] for part in op.output]
    atoms = [Atom(size) for size in sizes]
    axes = [(*x.axes[:at], (atom,) if atom.size > 1 else (), *x.axes[at + 1 :]) for atom in atoms]
    if len(set(sizes)) > 1:
        raise NotUnderstood("parts of different lengths")
    call = f"chunk({len(sizes)}, dim={x.dim(at)})"
    return tuple(x.method(call, one) for one in axes)


def unbound(writer: Writer, op: Operation) -> tuple[Val, ...]:
    """Return the parts of an axis."""
    x = writer.value(op.args[0])
    at = along(x, named(op, 1, "dim", 0))
    axes, order = (*x.axes[:at], *x.axes[at + 1 :]), [i - (i > at) for i in x.order if i != at]
    return tuple(x.method(f"unbind({x.dim(at)})", axes, order) for _ in op.output)


def item(writer: Writer, op: Operation) -> Val:
    """Return a part."""
    x, key = writer.value(op.args[0]), op.args[1]
    key = key if isinstance(key, tuple) else (key,)
    if any(isinstance(part, (Tensor, list)) for part in key):
        raise NotUnderstood("items chosen by a tensor")
    filled = sum(part is not None and part is not Ellipsis for part in key)
    rest = [slice(None)] * (len(x.axes) - filled)
    where = next((i for i, part in enumerate(key) if part is Ellipsis), len(key))
    key = (*key[:where], *rest, *key[where + 1 :])
    axes: list[Axis] = []
    old: list[int | None] = []
    cuts: dict[int, str] = {}
    at = 0
    for part in key:
        if part is None:
            axes.append(())
            old.append(None)
            continue
        axis, here = x.axes[at], at
        at += 1
        if isinstance(part, slice):
            length = size_of(axis)
            begin, end, step = part.indices(length)
            if (begin, end, step) != (0, length, 1):
                along(x, here)
                atom = Atom(len(range(begin, end, step)))
                cuts[here] = _cut(writer, op, part, axis)
                axis = (atom,) if atom.size > 1 else ()
            axes.append(axis)
            old.append(here)
        elif axis:
            along(x, here)
            cuts[here] = str(int(part))
        elif here in x.order:
            cuts[here] = "0"
    order = tuple(old.index(i) for i in x.order if i in old)
    if not cuts:
        return replace(x, axes=tuple(axes), order=order)
    parts = [cuts.get(i, ":") for i in x.order]
    first = min(x.order.index(i) for i in cuts)
    shown = ", ".join(["...", *parts[first:]] if first else parts)
    return Val(f"{x.receiver}[{shown}]", ATOM, tuple(axes), order)


def _cut(writer: Writer, op: Operation, part: slice, axis: Axis) -> str:
    def shown(bound: Any) -> str:
        if bound is None:
            return ""
        number = int(bound)
        length = size_of(axis)
        if 2 * number == length and writer.axes.code(axis) != "-1":
            return f"{writer.axes.code(axis)} // 2"
        return writer.number(number, op).code

    step = "" if part.step is None else f":{shown(part.step)}"
    return f"{shown(part.start)}:{shown(part.stop)}{step}"


def joined(writer: Writer, op: Operation) -> Val:
    """Return parts that are joined."""
    parts = [writer.value(one) for one in op.args[0]]
    rank = len(parts[0].axes)
    at = int(named(op, 1, "dim", op.kwargs.get("axis", 0))) % rank
    rests = [replace(one, axes=(*one.axes[:at], (), *one.axes[at + 1 :])) for one in parts]
    _, axes, _ = aligned(rests, writer.axes)
    orders = {one.order for one in parts}
    if len(orders) > 1 or at not in parts[0].order:
        raise NotUnderstood("parts that are joined in another order")
    for one in parts:
        along(one, at)
    size = op.output.shape[at]
    code = ", ".join(one.code for one in parts)
    new = (*axes[:at], (Atom(size),), *axes[at + 1 :])
    return Val(f"torch.cat(({code}), dim={parts[0].dim(at)})", ATOM, new, parts[0].order)


def stacked(writer: Writer, op: Operation) -> Val:
    """Return parts that are stacked."""
    parts = [writer.value(one) for one in op.args[0]]
    fitted, axes, order = aligned(parts, writer.axes)
    if any(one.order != order for one in fitted):
        raise NotUnderstood("parts that are stacked in another order")
    at = int(named(op, 1, "dim", 0)) % (len(axes) + 1)
    new = (*axes[:at], (Atom(len(parts), str(len(parts))),), *axes[at:])
    wanted = normal(new)
    shifted = tuple(i + (i >= at) for i in order)
    if tuple(i for i in wanted if i != at) != shifted:
        raise NotUnderstood("parts that are stacked in another order")
    dim = wanted.index(at) - len(wanted)
    code = ", ".join(one.code for one in fitted)
    return Val(f"torch.stack(({code}), dim={dim})", ATOM, new, wanted)
