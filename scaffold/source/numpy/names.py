"""Functions of numbers under their NumPy names."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.library import Library
from scaffold.source.python.objects import External
from scaffold.source.python.protocol import Interpreter

OF_A_NUMBER: dict[str, Callable[[Any], Any]] = {
    "sqrt": math.sqrt, "log": math.log, "log2": math.log2, "exp": math.exp, "ceil": math.ceil, "floor": math.floor,
}  # fmt: skip
OF_A_LIST: dict[str, Callable[[Any], Any]] = {
    "prod": lambda numbers: int(np.prod(numbers)),
    "cumsum": lambda numbers: [int(n) for n in np.cumsum(numbers)],
}


def _call(interpreter: Interpreter, name: External, args: list[Any], kwargs: dict[str, Any]) -> Any:
    for functions, kinds in ((OF_A_NUMBER, (int, float)), (OF_A_LIST, (list, tuple))):
        if name.name in functions and len(args) == 1 and isinstance(args[0], kinds):
            return functions[name.name](args[0])
    raise NotUnderstood(f"a call of numpy.{name.name}")


LIBRARY = Library(packages=("numpy",), modules={"numpy": _call})
