"""Operations that work element by element."""

from __future__ import annotations

from scaffold.carried.values import ATOM, COMPARED, POWER, PRODUCT, SIGN, SUM, Val, aligned
from scaffold.carried.writer import Writer, named, operand
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.operations import Operation
from scaffold.source.torch.tensors import Dtype, Tensor

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


def binary(writer: Writer, op: Operation) -> Val:
    """Return an operator of Python."""
    if op.kwargs.get("alpha", 1) != 1 or op.kwargs.get("rounding_mode") is not None:
        raise NotUnderstood(f"{op.name} with more arguments")
    sign, level = OPERATORS[op.name.rstrip("_")]
    operands = [operand(writer, op, one) for one in (op.args[0], named(op, 1, "other", op.kwargs.get("exponent")))]
    (left, right), axes, order = aligned(operands, writer.axes)
    if level == POWER:
        return Val(f"{left.at_least(ATOM)} {sign} {right.at_least(SIGN)}", level, axes, order)
    is_free = sign == "+" or (sign == "*" and not any(f" {one} " in right.code for one in ("//", "%")))
    after = right.at_least(level if is_free else level + 1)
    return Val(f"{left.at_least(level + (level == COMPARED))} {sign} {after}", level, axes, order)


def unary(writer: Writer, op: Operation) -> Val:
    """Return a function of torch."""
    x = writer.value(op.args[0])
    return Val(f"torch.{op.name.rstrip('_')}({x.code})", ATOM, x.axes, x.order)


def neg(writer: Writer, op: Operation) -> Val:
    """Return the opposite."""
    x = writer.value(op.args[0])
    return Val(f"-{x.at_least(SIGN)}", SIGN, x.axes, x.order)


def functional(writer: Writer, op: Operation) -> Val:
    """Return a function of torch.nn.functional."""
    x, name = writer.value(op.args[0]), op.name.rstrip("_")
    more = []
    for at, word in enumerate(FUNCTIONAL[name], 1):
        given = named(op, at, word)
        if given is not None:
            shown = f'"{given}"' if isinstance(given, str) else writer.number(given, op).code
            more.append(f", {word}={shown}")
    return Val(f"F.{name}({x.code}{''.join(more)})", ATOM, x.axes, x.order)


def filled(writer: Writer, op: Operation) -> Val:
    """Return a tensor of one number, as large as another."""
    if op.kwargs.get("dtype") is not None:
        raise NotUnderstood(f"{op.name} of another type")
    x = writer.value(op.args[0])
    number = f", {writer.number(named(op, 1, 'fill_value'), op).code}" if op.name == "full_like" else ""
    return Val(f"torch.{op.name}({x.code}{number})", ATOM, x.axes, x.order)


def unchanged(writer: Writer, op: Operation) -> Val:
    """Return the tensor itself."""
    return writer.value(op.args[0])


def converted(writer: Writer, op: Operation) -> Val:
    """Return a tensor in float32, or back in the dtype of what was given."""
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


def clamp(writer: Writer, op: Operation) -> Val:
    """Return limits."""
    x, name = writer.value(op.args[0]), op.name.rstrip("_")
    words = {"clamp_min": ("min",), "clamp_max": ("max",)}.get(name, ("min", "max"))
    given = [(word, named(op, at, word)) for at, word in enumerate(words, 1)]
    limits = [(word, limit) for word, limit in given if limit is not None]
    if any(isinstance(limit, Tensor) for _, limit in limits):
        raise NotUnderstood("limits that are tensors")
    shown = ", ".join(f"{word}={writer.number(limit, op).code}" for word, limit in limits)
    return x.method(f"clamp({shown})")


def paired(writer: Writer, op: Operation) -> Val:
    """Return the larger or the smaller of two."""
    operands = [operand(writer, op, one) for one in (op.args[0], named(op, 1, "other"))]
    fitted, axes, order = aligned(operands, writer.axes)
    return Val(f"torch.{op.name}({', '.join(one.code for one in fitted)})", ATOM, axes, order)


def where(writer: Writer, op: Operation) -> Val:
    """Return a choice between two."""
    if len(op.args) != 3:
        raise NotUnderstood("places of a condition")
    fitted, axes, order = aligned([operand(writer, op, one) for one in op.args], writer.axes)
    return Val(f"torch.where({', '.join(one.code for one in fitted)})", ATOM, axes, order)
