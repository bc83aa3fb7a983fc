"""Numbers of 16 bits or less: where source names such a type itself, whatever the model's own is."""

from __future__ import annotations

from scaffold.source.torch.operations import Operation, tensors_in
from scaffold.source.torch.tensors import Dtype, Tensor

HALVES = {
    "half": "float16", "float16": "float16", "bfloat16": "bfloat16",
    "float8_e4m3fn": "float8_e4m3fn", "float8_e5m2": "float8_e5m2",
    "int8": "int8", "uint8": "uint8", "int16": "int16", "short": "int16", "char": "int8", "byte": "uint8",
}  # fmt: skip
"""Type of few bits, or method of tensors that rounds to one → the type."""
KEPT = (
    *("reshape", "view", "transpose", "permute", "getitem", "unsqueeze", "squeeze", "expand", "flatten", "unflatten"),
    *("cat", "stack", "mul", "add", "sub", "div", "neg", "cos", "sin", "contiguous", "clone", "repeat"),
)
"""Operations whose result has the type of what they are given."""
DEPTH = 12
"""Operations in a row that are followed."""


def named(op: Operation) -> str | None:
    """Return the type of few bits that an operation names, None where it names none."""
    types = [one.name for one in _values(op) if isinstance(one, Dtype)]
    if op.name in ("to", "type_as") and len(op.args) > 1 and isinstance(op.args[1], Tensor):
        types.append(rounded_to(op.args[1]) or "")
    return HALVES.get(op.name) or next((HALVES[name] for name in types if name in HALVES), None)


def kept(op: Operation) -> str | None:
    """Return the type of few bits that an operation computes in, as all that it is given has it; None where none has.

    What is written into a tensor of few bits is rounded, too.
    """
    tensors = [one for one in tensors_in((op.args, op.kwargs)) if isinstance(one, Tensor)]
    floats = [one for one in tensors if one.a.dtype.kind == "f" and one.ndim] or tensors[:1]
    if op.name == "setitem" or op.name.endswith("_"):
        floats = tensors[:1]
    types = [rounded_to(one) for one in floats]
    return types[0] if types and None not in types else None


def rounded_to(tensor: Tensor) -> str | None:
    """Return the type of few bits that a tensor has as the source names it; None where it names none."""
    for _ in range(DEPTH):
        op = tensor.origin
        if op is None:
            return None
        if (found := named(op)) is not None or op.name not in KEPT:
            return found
        given = [one for one in tensors_in((op.args, op.kwargs)) if isinstance(one, Tensor) and one.a.ndim]
        if not given:
            return None
        tensor = given[0]
    return None


def is_models(tensor: Tensor) -> bool:
    """Return whether a tensor has the type that the model is loaded in, and none that the source names."""
    for _ in range(DEPTH):
        op = tensor.origin
        if tensor.role == "parameter":
            return True
        if op is None or op.name in ("float", "double") or any(isinstance(one, Dtype) for one in _values(op)):
            return op is None and not tensor.role and tensor.ndim > 1
        given = [one for one in tensors_in((op.args, op.kwargs)) if isinstance(one, Tensor) and one.a.dtype.kind == "f"]
        if any(one.role == "parameter" for one in given):
            return True
        if not given:
            return False
        tensor = given[0]
    return False


def is_to_models(op: Operation) -> bool:
    """Return whether an operation gives its tensor the type that the model is loaded in."""
    return any(isinstance(one, ModelDtype) for one in _values(op)) or (
        op.name in ("type_as", "to") and len(op.args) > 1 and isinstance(op.args[1], Tensor) and is_models(op.args[1])
    )


def _values(op: Operation) -> tuple[object, ...]:
    return (*op.args, *op.kwargs.values())


class ModelDtype(Dtype):
    """The type of what is computed with weights: the one that the model is loaded in."""
