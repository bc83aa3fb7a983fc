"""Operations over an axis: sums, means, norms."""

from __future__ import annotations

from dataclasses import replace

from scaffold.carried.values import ATOM, Val
from scaffold.carried.writer import Writer, axis, named
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.operations import Operation
from scaffold.source.torch.ops.reductions import unsaid


def reduced(writer: Writer, op: Operation) -> Val:
    """Return a sum, a mean or an extreme."""
    x = writer.value(op.args[0])
    at = axis(x, named(op, 1, "dim"))
    keep = bool(named(op, 2, "keepdim", False))
    dim = x.dim(at)
    if keep:
        axes = (*x.axes[:at], (), *x.axes[at + 1 :])
        return x.method(f"{op.name}({dim}, keepdim=True)", axes)
    axes = (*x.axes[:at], *x.axes[at + 1 :])
    return x.method(f"{op.name}({dim})", axes, [i - (i > at) for i in x.order if i != at])


def variance(writer: Writer, op: Operation) -> Val:
    """Return a variance or a deviation."""
    found = reduced(
        writer, replace(op, args=op.args[:2], kwargs={k: v for k, v in op.kwargs.items() if k != "unbiased"})
    )
    unbiased = named(op, 2, "unbiased", True) if "correction" not in op.kwargs else bool(op.kwargs["correction"])
    if not isinstance(unbiased, bool):
        raise NotUnderstood("a variance with a correction")
    return found if unbiased else replace(found, code=f"{found.code[:-1]}, correction=0)")


def along(writer: Writer, op: Operation) -> Val:
    """Return a softmax."""
    x = writer.value(op.args[0])
    dim = named(op, 1, "dim")
    at = axis(x, unsaid(op.args[0].a) if dim is None else dim)
    if "dtype" in op.kwargs and op.kwargs["dtype"] is not None:
        return x.method(f"{op.name}({x.dim(at)}, dtype=torch.float32)")
    return x.method(f"{op.name}({x.dim(at)})")


def normalised(writer: Writer, op: Operation) -> Val:
    """Return a tensor over its norm."""
    x = writer.value(op.args[0])
    at = axis(x, named(op, 2, "dim", 1))
    if named(op, 1, "p", 2) not in (2, 2.0):
        raise NotUnderstood("a normalisation by another norm")
    eps = named(op, 3, "eps", 1e-12)
    more = "" if eps == 1e-12 else f", eps={writer.number(eps, op).code}"
    return Val(f"F.normalize({x.code}, dim={x.dim(at)}{more})", ATOM, x.axes, x.order)


def root_mean_square(writer: Writer, op: Operation) -> Val:
    """Return a tensor over the root of its mean square, which no weight multiplies: the last axis, whole on a rank."""
    x = writer.value(op.args[0])
    shape = named(op, 1, "normalized_shape")
    if named(op, 2, "weight") is not None or len(shape) != 1 or not x.order or x.dim(axis(x, -1)) != -1:
        raise NotUnderstood("a norm with a weight, or over other axes than the last")
    eps = named(op, 3, "eps")
    more = "" if eps is None else f", eps={writer.number(eps, op).code}"
    return Val(f"F.rms_norm({x.code}, {x.receiver}.shape[-1:]{more})", ATOM, x.axes, x.order)


def length(writer: Writer, op: Operation) -> Val:
    """Return a Euclidean norm."""
    if named(op, 1, "p", named(op, 1, "ord", 2)) not in (2, 2.0, "fro", None):
        raise NotUnderstood("another norm than the Euclidean")
    x = writer.value(op.args[0])
    at, keep = axis(x, named(op, 2, "dim")), bool(named(op, 3, "keepdim", False))
    axes = (*x.axes[:at], *(((),) if keep else ()), *x.axes[at + 1 :])
    order = x.order if keep else [i - (i > at) for i in x.order if i != at]
    return x.method(f"norm(dim={x.dim(at)}{', keepdim=True' if keep else ''})", axes, order)


def called(writer: Writer, op: Operation) -> Val:
    """A norm of a known form, which the adapter has as a module: over the last axis, which every rank has whole."""
    x = writer.value(op.args[0])
    if not x.order or x.dim(axis(x, -1)) != -1:
        raise NotUnderstood("a norm over another axis than the last")
    return Val(f"self.{op.kwargs['attribute']}({x.code})", ATOM, x.axes, x.order)
