"""What PyTorch's functions and tensor methods compute: one table for both, over NumPy.

One table serves ``torch.f(x, …)``, ``torch.nn.functional.f(x, …)`` and ``x.f(…)``. A function that is not here ends
in a hole that names it; adding one is adding a row to a file of ``ops/``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch import bounds
from scaffold.source.torch.operations import record
from scaffold.source.torch.ops import creation as creating
from scaffold.source.torch.ops import elementwise, products, reductions, shapes
from scaffold.source.torch.ops.arguments import Op, placed
from scaffold.source.torch.ops.creation import plain_tree
from scaffold.source.torch.ops.elementwise import sigmoid
from scaffold.source.torch.ops.reductions import ValuesIndices, softmax, topk
from scaffold.source.torch.tensors import NoSuchShape, Tensor, computed, note_view, write

__all__ = ["OPS", "NoSuchShape", "ValuesIndices", "apply", "creation", "sigmoid", "softmax", "topk"]

OPS: dict[str, Op] = {**elementwise.OPS, **reductions.OPS, **products.OPS, **shapes.OPS}
ALIASES: dict[str, str] = {**elementwise.ALIASES, **shapes.ALIASES}


class NoTensor(NotUnderstood):
    """An operation on None, where PyTorch takes a tensor: source that waits for an argument that it was not given."""


SHAPED = ("view", "reshape", "unflatten")


def apply(name: str, *args: Any, **kwargs: Any) -> Any:
    """Call the row ``name`` on tensors; a trailing underscore writes the result back into the first.

    Raises:
        NotUnderstood: there is no such row, or it does not take these arguments.
    """
    name = ALIASES.get(name, name)
    writes_back = name.endswith("_")
    op = OPS.get(name) or OPS.get(ALIASES.get(name[:-1], name[:-1]) if writes_back else name)
    if op is None:
        raise NotUnderstood(f"the PyTorch operation {name!r}")
    kwargs = {NUMPY_NAMES.get(key, key): value for key, value in kwargs.items()}
    args, kwargs = placed(name[:-1] if writes_back else name, args, kwargs)
    if args and args[0] is None:
        raise NoTensor(f"{name!r} of None")
    arrays, named = tuple(map(plain_tree, args)), {key: plain_tree(value) for key, value in kwargs.items()}
    try:
        bounds.result(name.rstrip("_"), arrays, named)
        result = op(*arrays, **named)
    except NotUnderstood:
        raise
    except (TypeError, ValueError, IndexError, KeyError) as error:
        kind = NoSuchShape if name in SHAPED else NotUnderstood
        raise kind(f"{name!r} with these arguments ({error})") from error
    if writes_back:
        return write(args[0], name, args[1:], kwargs, result)
    if isinstance(result, (np.ndarray, np.generic)):
        return computed(name, args, result, kwargs)
    if isinstance(result, tuple) and any(isinstance(part, Tensor) for part in result):
        for part in result:
            note_view(part, args)
        record(name, args, kwargs, result)
    return result


NUMPY_NAMES = {"axis": "dim", "keepdims": "keepdim"}
"""Keywords that PyTorch also takes under NumPy's names."""


def creation(name: str) -> Op | None:
    """Return the function ``torch.<name>`` that makes a tensor of numbers or joins several, or None."""
    create = creating.CREATION.get(name)

    def recorded(*args: Any, **kwargs: Any) -> Any:
        kwargs = {NUMPY_NAMES.get(key, key): value for key, value in kwargs.items()}
        bounds.result(name, tuple(map(plain_tree, args)), {key: plain_tree(value) for key, value in kwargs.items()})
        result = create(*args, **kwargs)  # type: ignore[misc]
        record(name, args, kwargs, result)
        return result

    return recorded if create else None
