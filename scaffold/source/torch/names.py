"""What source gets by names of PyTorch: operations, layers, dtypes, constants."""

from __future__ import annotations

import math
import re
from typing import Any

from scaffold.source.python.library import Library
from scaffold.source.python.objects import External
from scaffold.source.torch import attributes, norm_functions, special, torch_ops
from scaffold.source.torch.layers import LAYERS, Embedding, LayerNorm, Linear, ModuleList, Unmade
from scaffold.source.torch.module import Module
from scaffold.source.torch.protocol import Interpreter
from scaffold.source.torch.tensors import Dtype, Tensor

DTYPES = (
    "float", "float64", "double", "float32", "float16", "half", "bfloat16", "float8_e4m3fn", "float8_e5m2",
    "int", "int64", "long", "int32", "int16", "short", "int8", "uint8", "bool", "complex64", "complex128", "cfloat",
)  # fmt: skip
_LAYER = re.compile(r"torch\.nn\.(modules\.\w+\.)?[A-Z]\w*")
"""How layers are called: a class of ``torch.nn``."""
CONSTANTS = {f"torch.{name}": getattr(math, name) for name in ("inf", "pi", "e", "nan")} | {
    "torch.__version__": "2.13.0"
}

TYPES: dict[str, type | tuple[type, ...]] = {
    "torch.Tensor": Tensor,
    "torch.LongTensor": Tensor,
    "torch.FloatTensor": Tensor,
    "torch.nn.Parameter": Tensor,
    "torch.nn.Module": Module,
    "torch.nn.Linear": Linear,
    "torch.nn.Embedding": Embedding,
    "torch.nn.LayerNorm": LayerNorm,
    "torch.nn.ModuleList": ModuleList,
    "torch.Size": tuple,
}


def _call(interpreter: Interpreter, name: External, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Make a layer or a tensor, or carry out an operation; initial values are random anyway."""
    if name.dotted.startswith("torch.nn.init."):
        return args[0] if args else kwargs.get("tensor")
    if name.dotted.startswith(special.DEVICES) and name.name in special.MACHINE:
        return special.MACHINE[name.name]
    if name.dotted.startswith("torch.nn.") and name.name in LAYERS:
        return LAYERS[name.name](interpreter.rng, *args, **kwargs)
    if _LAYER.fullmatch(name.dotted):
        return Unmade(name.name)
    create = torch_ops.creation(name.name)
    if name.name == "split" and args:
        return interpreter.call(interpreter.attribute(args[0], "split"), args[1:], kwargs, interpreter.where())
    if create:
        return create(*args, **kwargs)
    result = torch_ops.apply(name.name, *args, **kwargs)
    if isinstance(result, (bool, int, float)) and args and isinstance(args[0], Tensor):
        return attributes.number_of(interpreter, args[0], result)
    return result


LIBRARY = Library(
    packages=("torch",),
    constants={f"torch.{name}": Dtype(name) for name in DTYPES} | CONSTANTS,
    names=special.NAMES,
    modules={"torch": _call},
    types=TYPES,
    kinds=attributes.KINDS,
    bases=attributes.BASES,
    watched=dict.fromkeys(norm_functions.NAMES, norm_functions.call),
)
