"""Functions of numbers and of arrays under their NumPy names; an array is a tensor here."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.library import Library
from scaffold.source.python.objects import External
from scaffold.source.python.protocol import Interpreter
from scaffold.source.torch import torch_ops
from scaffold.source.torch.tensors import Dtype, Tensor

OF_A_NUMBER: dict[str, Callable[[Any], Any]] = {
    "sqrt": math.sqrt, "log": math.log, "log2": math.log2, "exp": math.exp, "ceil": math.ceil, "floor": math.floor,
}  # fmt: skip
OF_A_LIST: dict[str, Callable[[Any], Any]] = {
    "prod": lambda numbers: int(np.prod(numbers)),
    "cumsum": lambda numbers: [int(n) for n in np.cumsum(numbers)],
}


CREATED: dict[str, str] = {
    "array": "tensor", "asarray": "tensor", "arange": "arange", "linspace": "linspace", "zeros": "zeros",
    "ones": "ones", "full": "full", "concatenate": "cat", "stack": "stack",
}  # fmt: skip
"""NumPy's functions that make an array, by PyTorch's that make the same tensor."""
RENAMED: dict[str, dict[str, str]] = {"linspace": {"num": "steps"}}
"""What functions of both call their parameters: NumPy's name → PyTorch's."""
COMPUTED: dict[str, str] = {
    "sin": "sin", "cos": "cos", "tan": "tan", "exp": "exp", "log": "log", "log2": "log2", "sqrt": "sqrt", "abs": "abs",
    "power": "pow", "outer": "outer", "maximum": "maximum", "minimum": "minimum", "expand_dims": "unsqueeze",
    "floor": "floor", "ceil": "ceil", "repeat": "repeat_interleave", "cumsum": "cumsum", "where": "where",
}  # fmt: skip
"""NumPy's functions of arrays, by PyTorch's."""
DTYPES = {"float16": "float16", "float32": "float32", "float64": "float64", "int32": "int32", "int64": "int64"}


def _of_arrays(name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Return what a function of arrays gives: arrays are tensors here."""
    make = torch_ops.creation(CREATED.get(name, ""))
    if make is not None:
        named = {RENAMED.get(name, {}).get(one, one): value for one, value in kwargs.items()}
        return make(*args, **named)
    has_array = any(isinstance(one, Tensor) for one in (*args, *kwargs.values()))
    if name in COMPUTED and has_array and not (name == "cumsum" and len(args) + len(kwargs) < 2):
        first = args[0] if isinstance(args[0], Tensor) else torch_ops.creation("tensor")(args[0])  # type: ignore[misc]
        return torch_ops.apply(COMPUTED[name], first, *args[1:], **kwargs)
    raise NotUnderstood(f"a call of numpy.{name}")


def _call(interpreter: Interpreter, name: External, args: list[Any], kwargs: dict[str, Any]) -> Any:
    for functions, kinds in ((OF_A_NUMBER, (int, float)), (OF_A_LIST, (list, tuple))):
        if name.name in functions and len(args) == 1 and isinstance(args[0], kinds):
            return interpreter.derived(functions[name.name], args, functions[name.name](args[0]))
    return _of_arrays(name.name, args, kwargs)


CONSTANTS: dict[str, Any] = {"numpy.pi": math.pi, "numpy.inf": math.inf, "numpy.e": math.e, "numpy.newaxis": None}
LIBRARY = Library(
    packages=("numpy",),
    constants=CONSTANTS | {f"numpy.{name}": Dtype(dtype) for name, dtype in DTYPES.items()},
    modules={"numpy": _call},
)
