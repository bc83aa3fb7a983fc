"""What the adapter writes for an operation of the source: a table by name. What is not in it is not carried over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from scaffold.carried.axes import Atom, Axes, Axis, is_tokens, shared, size_of
from scaffold.carried.values import ATOM, COMPARED, POWER, PRODUCT, SIGN, SUM, Val, aligned, normal, viewed
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.operations import Operation
from scaffold.source.torch.tensors import Dtype, Tensor


class Writer(Protocol):
    """Who knows how tensors and numbers are written."""

    axes: Axes
    dtype: str

    def value(self, tensor: Tensor) -> Val:
        """Return how a tensor is written."""

    def number(self, number: Any, operation: Operation) -> Val:
        """Return how a number is written, as a tensor without axes."""

    def says(self, operation: Operation, *words: str) -> bool:
        """Return whether the source's statement has one of these attributes."""


Handler = Callable[[Writer, Operation], "Val | tuple[Val, ...]"]
OPERATORS = {
    "add": ("+", SUM), "sub": ("-", SUM), "mul": ("*", PRODUCT), "div": ("/", PRODUCT), "pow": ("**", POWER),
    "remainder": ("%", PRODUCT), "floor_divide": ("//", PRODUCT),
    "eq": ("==", COMPARED), "ne": ("!=", COMPARED), "lt": ("<", COMPARED), "le": ("<=", COMPARED),
    "gt": (">", COMPARED), "ge": (">=", COMPARED),
}  # fmt: skip
UNARY = (
    "abs", "cos", "sin", "tan", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "rsqrt", "tanh",
    "atan", "square", "reciprocal", "sign", "floor", "ceil", "trunc", "frac", "erf", "sigmoid", "relu",
)  # fmt: skip
FUNCTIONAL = {
    "silu": (), "gelu": ("approximate",), "softplus": ("beta", "threshold"), "mish": (), "relu6": (),
    "hardswish": (), "hardsigmoid": (), "leaky_relu": ("negative_slope",), "elu": ("alpha",), "logsigmoid": (),
}  # fmt: skip
"""Functions of ``torch.nn.functional`` → their further arguments."""
UNCHANGED = ("contiguous", "clone", "detach", "dropout", "alpha_dropout", "requires_grad_")
CONVERTED = ("to", "type", "type_as", "float", "half", "bfloat16", "double")
REDUCED = ("sum", "mean", "amax", "amin", "logsumexp", "prod")
ALONG = ("softmax", "log_softmax")
PAIRED = ("maximum", "minimum")
CALL = "call a norm"
"""Stands for all operations of a norm that the adapter has as a module."""
SHAPES = (
    "view", "reshape", "flatten", "unflatten", "view_as", "transpose", "permute", "swapaxes", "swapdims", "squeeze",
    "unsqueeze", "contiguous", "expand",
)  # fmt: skip
"""Operations that compute nothing."""


def write(writer: Writer, op: Operation) -> Val | tuple[Val, ...]:
    """Return how what an operation gives is written.

    Raises:
        NotUnderstood: it is not token-wise, sums over what ranks share, or is not known here.
    """
    name = op.name[:-1] if op.name.endswith("_") and op.name[:-1] in HANDLERS else op.name
    handler = HANDLERS.get(name)
    if handler is None:
        raise NotUnderstood(f"the operation {op.name}, which is not carried over", op.where)
    try:
        return handler(writer, op)
    except NotUnderstood as error:
        raise error if error.where else NotUnderstood(error.what, op.where) from error


def _named(op: Operation, at: int, name: str, otherwise: Any = None) -> Any:
    return op.args[at] if len(op.args) > at else op.kwargs.get(name, otherwise)


def _operand(writer: Writer, op: Operation, given: Any) -> Val:
    return writer.value(given) if isinstance(given, Tensor) else writer.number(given, op)


def _binary(writer: Writer, op: Operation) -> Val:
    if op.kwargs.get("alpha", 1) != 1 or op.kwargs.get("rounding_mode") is not None:
        raise NotUnderstood(f"{op.name} with more arguments")
    sign, level = OPERATORS[op.name.rstrip("_")]
    operands = [_operand(writer, op, one) for one in (op.args[0], _named(op, 1, "other", op.kwargs.get("exponent")))]
    (left, right), axes, order = aligned(operands, writer.axes)
    if level == POWER:
        return Val(f"{left.at_least(ATOM)} {sign} {right.at_least(SIGN)}", level, axes, order)
    after = right.at_least(level if sign in ("+", "*") else level + 1)
    return Val(f"{left.at_least(level + (level == COMPARED))} {sign} {after}", level, axes, order)


def _unary(writer: Writer, op: Operation) -> Val:
    x = writer.value(op.args[0])
    return Val(f"torch.{op.name.rstrip('_')}({x.code})", ATOM, x.axes, x.order)


def _neg(writer: Writer, op: Operation) -> Val:
    x = writer.value(op.args[0])
    return Val(f"-{x.at_least(SIGN)}", SIGN, x.axes, x.order)


def _functional(writer: Writer, op: Operation) -> Val:
    x, name = writer.value(op.args[0]), op.name.rstrip("_")
    more = []
    for at, word in enumerate(FUNCTIONAL[name], 1):
        given = _named(op, at, word)
        if given is not None:
            shown = f'"{given}"' if isinstance(given, str) else writer.number(given, op).code
            more.append(f", {word}={shown}")
    return Val(f"F.{name}({x.code}{''.join(more)})", ATOM, x.axes, x.order)


def _unchanged(writer: Writer, op: Operation) -> Val:
    return writer.value(op.args[0])


def _converted(writer: Writer, op: Operation) -> Val:
    x = writer.value(op.args[0])
    kinds = [v for v in (*op.args[1:], *op.kwargs.values()) if isinstance(v, (Dtype, type))]
    output = op.output.a.dtype.kind if isinstance(op.output, Tensor) else "f"
    if output != op.args[0].a.dtype.kind and output != "f":
        raise NotUnderstood("numbers that become integers or bools")
    if op.name == "float" or (kinds and writer.says(op, "float32", "float")) or output != op.args[0].a.dtype.kind:
        return x if x.code.endswith(".float()") else x.method("float()")
    if not kinds and op.name == "to" and not any(isinstance(v, Tensor) for v in op.args[1:]):
        return x  # to a device
    return x.method(f"to({writer.dtype})")


def _clamp(writer: Writer, op: Operation) -> Val:
    x, name = writer.value(op.args[0]), op.name.rstrip("_")
    words = {"clamp_min": ("min",), "clamp_max": ("max",)}.get(name, ("min", "max"))
    given = [(word, _named(op, at, word)) for at, word in enumerate(words, 1)]
    limits = [(word, limit) for word, limit in given if limit is not None]
    if any(isinstance(limit, Tensor) for _, limit in limits):
        raise NotUnderstood("limits that are tensors")
    shown = ", ".join(f"{word}={writer.number(limit, op).code}" for word, limit in limits)
    return x.method(f"clamp({shown})")


def _paired(writer: Writer, op: Operation) -> Val:
    operands = [_operand(writer, op, one) for one in (op.args[0], _named(op, 1, "other"))]
    fitted, axes, order = aligned(operands, writer.axes)
    return Val(f"torch.{op.name}({', '.join(one.code for one in fitted)})", ATOM, axes, order)


def _where(writer: Writer, op: Operation) -> Val:
    if len(op.args) != 3:
        raise NotUnderstood("places of a condition")
    fitted, axes, order = aligned([_operand(writer, op, one) for one in op.args], writer.axes)
    return Val(f"torch.where({', '.join(one.code for one in fitted)})", ATOM, axes, order)


def _called(writer: Writer, op: Operation) -> Val:
    """A norm of a known form, which the adapter has as a module: over the last axis, which every rank has whole."""
    x = writer.value(op.args[0])
    if not x.order or x.dim(_axis(x, -1)) != -1:
        raise NotUnderstood("a norm over another axis than the last")
    return Val(f"self.{op.kwargs['attribute']}({x.code})", ATOM, x.axes, x.order)


# --- over an axis


def _axis(x: Val, dim: Any) -> int:
    if isinstance(dim, (tuple, list)) and len(dim) == 1:
        dim = dim[0]
    if not isinstance(dim, int):
        raise NotUnderstood("an operation over several axes, or all")
    at = int(dim) % len(x.axes)
    if is_tokens(x.axes[at]):
        raise NotUnderstood("an operation over tokens")
    if shared(x.axes[at]):
        raise NotUnderstood("an operation over heads, or an inner size, of which each rank holds a part")
    if at not in x.order:
        raise NotUnderstood("an operation over an axis of one")
    return at


def _reduced(writer: Writer, op: Operation) -> Val:
    x = writer.value(op.args[0])
    at = _axis(x, _named(op, 1, "dim"))
    keep = bool(_named(op, 2, "keepdim", False))
    dim = x.dim(at)
    if keep:
        axes = (*x.axes[:at], (), *x.axes[at + 1 :])
        return x.method(f"{op.name}({dim}, keepdim=True)", axes)
    axes = (*x.axes[:at], *x.axes[at + 1 :])
    return x.method(f"{op.name}({dim})", axes, [i - (i > at) for i in x.order if i != at])


def _variance(writer: Writer, op: Operation) -> Val:
    found = _reduced(
        writer, replace(op, args=op.args[:2], kwargs={k: v for k, v in op.kwargs.items() if k != "unbiased"})
    )
    unbiased = _named(op, 2, "unbiased", True) if "correction" not in op.kwargs else bool(op.kwargs["correction"])
    if not isinstance(unbiased, bool):
        raise NotUnderstood("a variance with a correction")
    return found if unbiased else replace(found, code=f"{found.code[:-1]}, correction=0)")


def _along(writer: Writer, op: Operation) -> Val:
    x = writer.value(op.args[0])
    at = _axis(x, _named(op, 1, "dim", -1))
    if "dtype" in op.kwargs and op.kwargs["dtype"] is not None:
        return x.method(f"{op.name}({x.dim(at)}, dtype=torch.float32)")
    return x.method(f"{op.name}({x.dim(at)})")


def _normalised(writer: Writer, op: Operation) -> Val:
    x = writer.value(op.args[0])
    at = _axis(x, _named(op, 2, "dim", 1))
    if _named(op, 1, "p", 2) not in (2, 2.0):
        raise NotUnderstood("a normalisation by another norm")
    eps = _named(op, 3, "eps", 1e-12)
    more = "" if eps == 1e-12 else f", eps={writer.number(eps, op).code}"
    return Val(f"F.normalize({x.code}, dim={x.dim(at)}{more})", ATOM, x.axes, x.order)


def _length(writer: Writer, op: Operation) -> Val:
    if _named(op, 1, "p", _named(op, 1, "ord", 2)) not in (2, 2.0, "fro", None):
        raise NotUnderstood("another norm than the Euclidean")
    x = writer.value(op.args[0])
    at, keep = _axis(x, _named(op, 2, "dim")), bool(_named(op, 3, "keepdim", False))
    axes = (*x.axes[:at], *(((),) if keep else ()), *x.axes[at + 1 :])
    order = x.order if keep else [i - (i > at) for i in x.order if i != at]
    return x.method(f"norm(dim={x.dim(at)}{', keepdim=True' if keep else ''})", axes, order)


# --- shapes


def _view(writer: Writer, op: Operation) -> Val:
    x = writer.value(op.args[0])
    return viewed(x, writer.axes.regroup(x.axes, op.output.shape), writer.axes)


def _permuted(writer: Writer, op: Operation) -> Val:
    x = writer.value(op.args[0])
    rank = len(x.axes)
    if op.name in ("permute", "movedim"):
        dims = op.args[1:] if len(op.args) > 2 else op.args[1] if len(op.args) > 1 else op.kwargs["dims"]
        places = [int(d) % rank for d in (dims if isinstance(dims, (tuple, list)) else (dims,))]
    else:
        first, second = (int(_named(op, at, f"dim{at - 1}")) % rank for at in (1, 2))
        places = list(range(rank))
        places[first], places[second] = places[second], places[first]
    return replace(x, axes=tuple(x.axes[i] for i in places), order=tuple(places.index(i) for i in x.order))


def _unsqueezed(writer: Writer, op: Operation) -> Val:
    x = writer.value(op.args[0])
    at = int(_named(op, 1, "dim")) % (len(x.axes) + 1)
    return replace(x, axes=(*x.axes[:at], (), *x.axes[at:]), order=tuple(i + (i >= at) for i in x.order))


def _squeezed(writer: Writer, op: Operation) -> Val:
    x = writer.value(op.args[0])
    dim = _named(op, 1, "dim")
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


def _expanded(writer: Writer, op: Operation) -> Val:
    """An axis that only repeats values is remembered as such, and left away."""
    x = writer.value(op.args[0])
    more = op.output.ndim - len(x.axes)
    axes = [*((),) * more, *x.axes]
    order = tuple(i + more for i in x.order)
    for i, size in enumerate(op.output.shape):
        if size_of(axes[i]) != size:
            raise NotUnderstood("values that are repeated")
    return Val(x.code, x.level, tuple(axes), order)


def _chunked(writer: Writer, op: Operation) -> tuple[Val, ...]:
    x = writer.value(op.args[0])
    at = _axis(x, _named(op, 2, "dim", 0))
    sizes = [part.shape[at] for part in op.output]
    atoms = [Atom(size) for size in sizes]
    axes = [(*x.axes[:at], (atom,) if atom.size > 1 else (), *x.axes[at + 1 :]) for atom in atoms]
    if len(set(sizes)) > 1:
        raise NotUnderstood("parts of different lengths")
    call = f"chunk({len(sizes)}, dim={x.dim(at)})"
    return tuple(x.method(call, one) for one in axes)


def _unbound(writer: Writer, op: Operation) -> tuple[Val, ...]:
    x = writer.value(op.args[0])
    at = _axis(x, _named(op, 1, "dim", 0))
    axes, order = (*x.axes[:at], *x.axes[at + 1 :]), [i - (i > at) for i in x.order if i != at]
    return tuple(x.method(f"unbind({x.dim(at)})", axes, order) for _ in op.output)


def _item(writer: Writer, op: Operation) -> Val:
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
                _axis(x, here)
                atom = Atom(len(range(begin, end, step)))
                cuts[here] = _cut(writer, op, part, axis)
                axis = (atom,) if atom.size > 1 else ()
            axes.append(axis)
            old.append(here)
        elif axis:
            _axis(x, here)
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


def _joined(writer: Writer, op: Operation) -> Val:
    parts = [writer.value(one) for one in op.args[0]]
    rank = len(parts[0].axes)
    at = int(_named(op, 1, "dim", op.kwargs.get("axis", 0))) % rank
    rests = [replace(one, axes=(*one.axes[:at], (), *one.axes[at + 1 :])) for one in parts]
    _, axes, _ = aligned(rests, writer.axes)
    orders = {one.order for one in parts}
    if len(orders) > 1 or at not in parts[0].order:
        raise NotUnderstood("parts that are joined in another order")
    for one in parts:
        _axis(one, at)
    size = op.output.shape[at]
    code = ", ".join(one.code for one in parts)
    new = (*axes[:at], (Atom(size),), *axes[at + 1 :])
    return Val(f"torch.cat(({code}), dim={parts[0].dim(at)})", ATOM, new, parts[0].order)


def _stacked(writer: Writer, op: Operation) -> Val:
    parts = [writer.value(one) for one in op.args[0]]
    fitted, axes, order = aligned(parts, writer.axes)
    if any(one.order != order for one in fitted):
        raise NotUnderstood("parts that are stacked in another order")
    at = int(_named(op, 1, "dim", 0)) % (len(axes) + 1)
    new = (*axes[:at], (Atom(len(parts), str(len(parts))),), *axes[at:])
    wanted = normal(new)
    shifted = tuple(i + (i >= at) for i in order)
    if tuple(i for i in wanted if i != at) != shifted:
        raise NotUnderstood("parts that are stacked in another order")
    dim = wanted.index(at) - len(wanted)
    code = ", ".join(one.code for one in fitted)
    return Val(f"torch.stack(({code}), dim={dim})", ATOM, new, wanted)


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(OPERATORS, _binary),
    **dict.fromkeys(UNARY, _unary),
    **dict.fromkeys(FUNCTIONAL, _functional),
    **dict.fromkeys(UNCHANGED, _unchanged),
    **dict.fromkeys(CONVERTED, _converted),
    **dict.fromkeys(("clamp", "clip", "clamp_min", "clamp_max"), _clamp),
    **dict.fromkeys(REDUCED, _reduced),
    **dict.fromkeys(ALONG, _along),
    **dict.fromkeys(PAIRED, _paired),
    **dict.fromkeys(("view", "reshape", "flatten", "unflatten", "view_as"), _view),
    **dict.fromkeys(("transpose", "permute", "swapaxes", "swapdims"), _permuted),
    **dict.fromkeys(("expand", "expand_as"), _expanded),
    **dict.fromkeys(("chunk", "split"), _chunked),
    **dict.fromkeys(("cat", "concat", "concatenate"), _joined),
    **dict.fromkeys(("norm", "vector_norm"), _length),
    **dict.fromkeys(("var", "std"), _variance),
    CALL: _called,
    "neg": _neg,
    "where": _where,
    "normalize": _normalised,
    "unsqueeze": _unsqueezed,
    "squeeze": _squeezed,
    "unbind": _unbound,
    "getitem": _item,
    "stack": _stacked,
}
"""Operation → how it is written. A trailing underscore is left away: statements make new tensors."""
