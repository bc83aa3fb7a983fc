"""Arguments as PyTorch takes them: sizes one by one or in a list, dimensions, dtypes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scaffold.source.torch.bounds import bounded
from scaffold.source.torch.tensors import Dtype, plain

Op = Callable[..., Any]


def sizes(shape: tuple[Any, ...]) -> tuple[int, ...]:
    """Return a shape from ``(2, 3)`` or ``((2, 3),)``.

    Raises:
        NotUnderstood: it is larger than any that a probe needs.
    """
    if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
        shape = tuple(shape[0])
    found = tuple(int(plain(n)) for n in shape)
    bounded(*found)
    return found


def axis(dim: Any) -> Any:
    """Return NumPy's ``axis`` from PyTorch's ``dim``: an int, several, or None for all."""
    if isinstance(dim, (tuple, list)):
        return tuple(int(d) for d in dim) or None
    return None if dim is None else int(dim)


def kind(dtype: Any, otherwise: Any = None) -> Any:
    """Return NumPy's dtype of a ``torch.dtype`` or of Python's ``int``, ``float``, ``bool``."""
    if dtype is None:
        return otherwise
    return dtype.kind if isinstance(dtype, Dtype) else np.dtype(dtype)


FIRST = {"where": "condition"}
"""Operation → the name of its first parameter, where that is not ``input``."""
OTHER = (
    "add", "sub", "mul", "div", "floor_divide", "remainder", "fmod", "maximum", "minimum", "atan2", "copysign", "eq",
    "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor", "bitwise_and", "bitwise_or",
    "bitwise_xor", "matmul",
)  # fmt: skip
PARAMETERS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(OTHER, ("other",)),
    "where": ("input", "other"), "lerp": ("end", "weight"), "addcmul": ("tensor1", "tensor2"), "bmm": ("mat2",),
    "mm": ("mat2",), "mv": ("vec",), "dot": ("tensor",), "outer": ("vec2",), "transpose": ("dim0", "dim1"),
    "flip": ("dims",), "unflatten": ("dim", "sizes"), "expand": ("size",), "reshape": ("shape",),
    "full_like": ("fill_value",), "new_full": ("size", "fill_value"), "layer_norm": ("normalized_shape",),
    "rms_norm": ("normalized_shape",),
}  # fmt: skip
"""Operation → names of PyTorch's parameters behind the first, where those of the rows are others."""


def placed(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return arguments in their places that source may give by PyTorch's names."""
    first = FIRST.get(name, "input")
    if first in kwargs:
        args = (kwargs.pop(first), *args)
    for place, word in enumerate(PARAMETERS.get(name, ()), 1):
        if word in kwargs and len(args) == place:
            args = (*args, kwargs.pop(word))
    return args, kwargs
