"""What calls of einops compute, as PyTorch's own operations: a view, an order of axes, and a view again."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from scaffold.source.einops import pattern as patterns
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.library import Library
from scaffold.source.python.objects import External
from scaffold.source.python.protocol import Interpreter
from scaffold.source.torch import torch_ops
from scaffold.source.torch.tensors import Tensor

REDUCTIONS = {"mean": "mean", "sum": "sum", "max": "amax", "min": "amin", "prod": "prod"}
"""What einops calls a reduction → PyTorch's operation over several axes."""
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _tensor(value: Any) -> Tensor:
    joined = torch_ops.creation("stack")(list(value)) if isinstance(value, (list, tuple)) else value  # type: ignore[misc]
    if not isinstance(joined, Tensor):
        raise NotUnderstood("einops of something that is no tensor")
    return joined


def _named(x: Tensor, pattern: Any, known: dict[str, Any]) -> tuple[Any, patterns.Side, dict[str, int]]:
    """Return the tensor with an axis for each name, the names of the right side, and all lengths."""
    left, right = patterns.read(str(pattern), x.ndim)
    sizes = patterns.lengths(left, x.shape, {name: int(size) for name, size in known.items()})
    names = [name for axis in left for name in axis]
    if len(set(names)) != len(names):
        raise NotUnderstood(f"an axis twice in the einops pattern {pattern!r}")
    flat = (
        torch_ops.apply("reshape", x, *(sizes[name] for name in names)) if names else torch_ops.apply("reshape", x, ())
    )
    return flat, right, sizes


def _joined(x: Any, names: list[str], right: patterns.Side, sizes: dict[str, int]) -> Any:
    """Return the tensor, whose axes have these names, in the order and grouping of the right side."""
    wanted = [name for axis in right for name in axis]
    if sorted(wanted) != sorted(names):
        raise NotUnderstood("einops axes that only one side has")
    order = [names.index(name) for name in wanted]
    if order != sorted(order):
        x = torch_ops.apply("permute", x, *order)
    return torch_ops.apply("reshape", x, tuple(math.prod(sizes[name] for name in axis) for axis in right))


def _names(pattern: Any, ndim: int) -> list[str]:
    return [name for axis in patterns.read(str(pattern), ndim)[0] for name in axis]


def _rearrange(interpreter: Interpreter, tensor: Any, pattern: Any, **known: Any) -> Any:
    x = _tensor(tensor)
    flat, right, sizes = _named(x, pattern, known)
    return _joined(flat, _names(pattern, x.ndim), right, sizes)


def _repeat(interpreter: Interpreter, tensor: Any, pattern: Any, **known: Any) -> Any:
    x = _tensor(tensor)
    flat, right, sizes = _named(x, pattern, known)
    names = _names(pattern, x.ndim)
    new = [name for axis in right for name in axis if name not in names]
    sizes |= {name: int(name) for name in new if name.isdigit()}
    if any(name not in sizes for name in new):
        raise NotUnderstood(f"the einops pattern {pattern!r} without the length of {new[0]}")
    for _ in new:
        flat = torch_ops.apply("unsqueeze", flat, -1)
    if new:
        flat = torch_ops.apply("expand", flat, *(sizes[name] for name in (*names, *new)))
    return _joined(flat, [*names, *new], right, sizes)


def _reduce(interpreter: Interpreter, tensor: Any, pattern: Any, reduction: Any, **known: Any) -> Any:
    x = _tensor(tensor)
    flat, right, sizes = _named(x, pattern, known)
    names, kept = _names(pattern, x.ndim), {name for axis in right for name in axis}
    if reduction not in REDUCTIONS:
        raise NotUnderstood(f"einops.reduce by {reduction!r}")
    gone = tuple(number for number, name in enumerate(names) if name not in kept)
    if gone:
        flat = torch_ops.apply(REDUCTIONS[reduction], flat, gone)
    return _joined(flat, [name for name in names if name in kept], right, sizes)


def _einsum(interpreter: Interpreter, *args: Any) -> Any:
    """Return ``einops.einsum(*tensors, pattern)``, whose axes have names of any length."""
    *tensors, pattern = args
    inputs, arrow, output = str(pattern).partition("->")
    sides = [part.split() for part in (*inputs.split(","), output)]
    letters: dict[str, str] = {}
    for name in (name for side in sides for name in side):
        if name != "..." and name not in letters:
            if not name.isidentifier() or len(letters) == len(LETTERS):
                raise NotUnderstood(f"the einops pattern {str(pattern)[: patterns.MAX_PATTERN]!r}")
            letters[name] = LETTERS[len(letters)]
    short = ["".join(letters.get(name, name) for name in side) for side in sides]
    if not arrow:
        raise NotUnderstood("einops.einsum without an output")
    return torch_ops.apply("einsum", f"{','.join(short[:-1])}->{short[-1]}", *tensors)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "rearrange": _rearrange,
    "repeat": _repeat,
    "reduce": _reduce,
    "einsum": _einsum,
}


def _call(interpreter: Interpreter, name: External, args: list[Any], kwargs: dict[str, Any]) -> Any:
    if name.name not in FUNCTIONS:
        raise NotUnderstood(f"a call of {name.dotted}")
    return FUNCTIONS[name.name](interpreter, *args, **kwargs)


LIBRARY = Library(packages=("einops",), modules={"einops": _call})
