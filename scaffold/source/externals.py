"""What names from outside of the source mean: PyTorch, Python's builtins, and transformers' internals."""

from __future__ import annotations

import builtins
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.objects import External
from scaffold.source.python.syntax import SourceFile
from scaffold.source.torch import torch_ops
from scaffold.source.torch.layers import ACTIVATIONS, LAYERS, Activation
from scaffold.source.torch.tensors import Dtype, Tensor
from scaffold.source.transformers import auto
from scaffold.source.transformers.config_object import BASE_NAMES, of_base_class
from scaffold.source.transformers.protocol import Interpreter
from scaffold.source.transformers.special import SPECIAL, ActivationTable, AttentionTable, ModelOutput

DTYPES = (
    "float", "float64", "double", "float32", "float16", "half", "bfloat16", "float8_e4m3fn", "float8_e5m2",
    "int", "int64", "long", "int32", "int16", "short", "int8", "uint8", "bool", "complex64", "complex128", "cfloat",
)  # fmt: skip
BUILTIN_NAMES = (
    "abs", "all", "any", "bool", "dict", "divmod", "enumerate", "float", "int", "len", "list", "max", "min", "object",
    "range", "reversed", "round", "set", "slice", "sorted", "str", "sum", "tuple", "zip",
)  # fmt: skip
BUILTINS: dict[str, Any] = {name: getattr(builtins, name) for name in BUILTIN_NAMES}
BUILTINS |= {"NotImplemented": NotImplemented, "print": lambda *_, **__: None}

NOT_INSTALLED = re.compile(r"is_\w+_available|is_torch_greater_or_equal\w*|is_torchdynamo_\w+")
"""Questions about the environment; without any of it, models take their path in plain PyTorch."""

OUTPUTS = (
    "Output",
    "OutputWithPast",
    "OutputWithPooling",
    "OutputWithCrossAttentions",
    "OutputWithPastAndCrossAttentions",
    "OutputWithNoAttention",
)
"""How the names of transformers' classes of outputs end (src/transformers/modeling_outputs.py)."""


def attribute(external: External, name: str) -> Any:
    """Return ``external.name``: a constant, a dtype, or the longer dotted name."""
    dotted = f"{external.dotted}.{name}"
    if external.dotted == "math" and isinstance(getattr(math, name, None), float):
        return getattr(math, name)
    if external.dotted == "torch":
        if name in DTYPES:
            return Dtype(name)
        if name in ("inf", "pi", "e", "nan"):
            return getattr(math, name)
    return External(dotted)


def call(
    interpreter: Interpreter,
    external: External,
    args: list[Any],
    kwargs: dict[str, Any],
    where: str,
) -> Any:
    """Call a name from outside.

    Raises:
        NotUnderstood: nothing is known of it.
    """
    owner = external.dotted.rpartition(".")[0].rpartition(".")[2]
    if owner in BASE_NAMES:
        return of_base_class(interpreter, external.name, *args, **kwargs)
    if owner in SILENT:
        return None
    if external.name in SPECIAL and external.dotted.partition(".")[0] not in MODULES:
        return SPECIAL[external.name](interpreter, *args, **kwargs)
    for prefix, carry_out in MODULES.items():
        if external.dotted.startswith(f"{prefix}."):
            return carry_out(interpreter, external, args, kwargs)
    if NOT_INSTALLED.fullmatch(external.name):
        return False
    if external.name.endswith(OUTPUTS):
        return ModelOutput(kwargs)
    if external.dotted.endswith("logging.get_logger"):
        return External("logger")
    if external.dotted.endswith("pytorch_utils.Conv1D"):
        return LAYERS["Conv1D"](interpreter.rng, *args, **kwargs)
    raise NotUnderstood(f"a call of {external.dotted}")


def _torch(interpreter: Interpreter, external: External, args: list[Any], kwargs: dict[str, Any]) -> Any:
    name = external.name
    if name in SPECIAL:
        return SPECIAL[name](interpreter, *args, **kwargs)
    if external.dotted.startswith("torch.nn.") and name in LAYERS:
        return LAYERS[name](interpreter.rng, *args, **kwargs)
    create = torch_ops.creation(name)
    return create(*args, **kwargs) if create else torch_ops.apply(name, *args, **kwargs)


def _math(interpreter: Interpreter, external: External, args: list[Any], kwargs: dict[str, Any]) -> Any:
    if external.name in ("factorial", "comb", "perm", "prod"):  # whole numbers without bound
        raise NotUnderstood(f"a call of {external.dotted}")
    return getattr(math, external.name)(*(float(a) if isinstance(a, Tensor) else a for a in args), **kwargs)


def _numpy(interpreter: Interpreter, external: External, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Call a function of numbers under its NumPy name."""
    name = external.name
    if name in ("sqrt", "log", "log2", "exp", "ceil", "floor") and len(args) == 1 and isinstance(args[0], (int, float)):
        return getattr(math, name)(args[0])
    if name in ("prod", "cumsum") and len(args) == 1 and isinstance(args[0], (list, tuple)):
        return int(np.prod(args[0])) if name == "prod" else [int(n) for n in np.cumsum(args[0])]
    raise NotUnderstood(f"a call of numpy.{name}")


MODULES: dict[str, Callable[[Interpreter, External, list[Any], dict[str, Any]], Any]] = {
    "torch": _torch,
    "math": _math,
    "numpy": _numpy,
}
"""Modules of which more than single names are known."""
SILENT = ("logger", "initialization", "context")
"""Objects whose methods change nothing that is computed: logs, random initial values, autograd's context."""


def table(interpreter: Interpreter, file: SourceFile, dotted: str) -> Any:
    """Return one of transformers' tables that are looked into rather than called, or None."""
    module, _, name = dotted.rpartition(".")
    if module.endswith("activations") and name in ACTIVATIONS:
        return Activation(name)
    if name == "ACT2FN":
        return ActivationTable(interpreter.resolve(file, f"{module}.ACT2CLS"))
    if name == "ALL_ATTENTION_FUNCTIONS":
        return AttentionTable()
    return auto.table(file, name)
