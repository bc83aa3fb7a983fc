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
