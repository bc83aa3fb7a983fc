"""Python's ``math``: its constants and public functions, as a list of what source may call."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.library import Library
from scaffold.source.python.objects import External
from scaffold.source.python.protocol import Interpreter

CONSTANTS = ("pi", "e", "tau", "inf", "nan")
FUNCTIONS = (
    "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "ceil", "copysign", "cos", "cosh", "degrees", "dist",
    "erf", "erfc", "exp", "expm1", "fabs", "floor", "fmod", "frexp", "fsum", "gamma", "gcd", "hypot", "isclose",
    "isfinite", "isinf", "isnan", "isqrt", "ldexp", "lgamma", "log", "log10", "log1p", "log2", "modf", "pow", "radians",
    "remainder", "sin", "sinh", "sqrt", "tan", "tanh", "trunc",
)  # fmt: skip
"""Functions whose result is no larger than their arguments: not factorial, comb, perm, prod and lcm."""


def _call(interpreter: Interpreter, name: External, args: list[Any], kwargs: dict[str, Any]) -> Any:
    if name.dotted not in _NAMES:
        raise NotUnderstood(f"a call of {name.dotted}")
    numbers = [value if isinstance(value, (int, float, list, tuple)) else float(value) for value in args]
    function = partial(_NAMES[name.dotted], **kwargs) if kwargs else _NAMES[name.dotted]
    return interpreter.derived(function, numbers, function(*numbers))


_NAMES = {f"math.{name}": getattr(math, name) for name in FUNCTIONS}

LIBRARY = Library(
    packages=("math",),
    constants={f"math.{name}": getattr(math, name) for name in CONSTANTS},
    modules={"math": _call},
)
