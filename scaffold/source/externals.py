"""What names from outside of the source mean: PyTorch, Python's builtins, and transformers' internals."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from scaffold.source import torch_ops
from scaffold.source.errors import NotUnderstood
from scaffold.source.layers import LAYERS, Activation, random_parameter
from scaffold.source.objects import External, Module
from scaffold.source.tensors import Dtype, Tensor

if TYPE_CHECKING:
    from scaffold.source.interpreter import Interpreter

DTYPES = [
    "float32",
    "float16",
    "bfloat16",
    "float64",
    "float",
    "half",
    "double",
    "int64",
    "int32",
    "int",
    "long",
    "bool",
    "uint8",
    "int8",
]
MASKED = -1e30
"""Added to attention scores of positions that may not be seen; finite, so that no NaN comes of it."""

BUILTINS: dict[str, Any] = {
    name: value
    for name, value in vars(__import__("builtins")).items()
    if name
    in [
        "len",
        "range",
        "int",
        "float",
        "str",
        "bool",
        "max",
        "min",
        "abs",
        "sum",
        "any",
        "all",
        "enumerate",
        "zip",
        "tuple",
        "list",
        "dict",
        "set",
        "sorted",
        "reversed",
        "round",
        "divmod",
        "slice",
        "print",
        "None",
        "True",
        "False",
        "NotImplemented",
        "object",
    ]
} | {"print": lambda *_, **__: None}

TYPES: dict[str, Any] = {
    "torch.Tensor": Tensor,
    "torch.LongTensor": Tensor,
    "torch.FloatTensor": Tensor,
    "torch.nn.Module": Module,
}

TRANSPARENT_BASES = (
    "Module",
    "PreTrainedModel",
    "GenerationMixin",
    "GradientCheckpointingLayer",
    "ABC",
)
"""Base classes from outside whose ``forward`` nobody inherits; their ``__init__`` computes nothing that matters."""


def attribute(external: External, name: str) -> Any:
    """Return ``external.name``: a constant, a dtype, or the longer dotted name."""
    dotted = f"{external.dotted}.{name}"
    if external.dotted == "math" and isinstance(getattr(math, name, None), float):
        return getattr(math, name)
    if external.dotted == "torch":
        if name in DTYPES:
            return Dtype(name)
        if name in ("inf", "pi"):
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
    dotted, name = external.dotted, external.name
    if dotted.startswith("math."):
        return getattr(math, name)(*(float(a) if isinstance(a, Tensor) else a for a in args), **kwargs)
    if name in SPECIAL:
        return SPECIAL[name](interpreter, *args, **kwargs)
    if (dotted.startswith("torch.nn.") and name in LAYERS) or dotted.endswith("pytorch_utils.Conv1D"):
        return LAYERS[name](interpreter.rng, *args, **kwargs)
    if dotted.startswith("torch"):
        create = torch_ops.creation(name)
        return create(*args, **kwargs) if create else torch_ops.apply(name, *args, **kwargs)
    raise NotUnderstood(f"a call of {dotted}")


def _parameter(interpreter: Interpreter, data: Tensor, *_: Any, **__: Any) -> Tensor:
    return random_parameter(interpreter.rng, data.shape)


def _buffer(interpreter: Interpreter, data: Tensor, persistent: bool = True) -> Tensor:
    if not persistent:
        return Tensor(data.a, "transient", data.origin)
    return buffer(interpreter, data)


def buffer(interpreter: Interpreter, data: Tensor) -> Tensor:
    """Return a saved buffer: one that starts constant is learned (a router's correction), so it is random here."""
    if data.a.dtype.kind == "f" and data.a.size and np.all(data.a == data.a.flat[0]):
        return Tensor(interpreter.rng.normal(0, 0.3, data.shape), "buffer")
    return Tensor(data.a, "buffer", data.origin)


def _causal_mask(window: int | None, length: int) -> Tensor:
    distance = np.arange(length)[:, None] - np.arange(length)[None, :]
    hidden = (distance < 0) | (False if window is None else distance >= window)
    return Tensor(np.where(hidden, MASKED, 0.0)[None, None])


def _length(kwargs: dict[str, Any]) -> int:
    for name in ("inputs_embeds", "input_embeds"):
        if isinstance(kwargs.get(name), Tensor):
            return int(kwargs[name].shape[1])
    raise NotUnderstood("a mask of unknown length")


def _full_mask(interpreter: Interpreter, *_: Any, **kwargs: Any) -> Tensor:
    return _causal_mask(None, _length(kwargs))


def _sliding_mask(interpreter: Interpreter, *_: Any, **kwargs: Any) -> Tensor:
    window = interpreter.attribute(kwargs["config"], "sliding_window")
    return _causal_mask(None if window is None else int(window), _length(kwargs))


def _isinstance(interpreter: Interpreter, value: Any, types: Any) -> bool:
    for one in types if isinstance(types, tuple) else (types,):
        if isinstance(one, type) and isinstance(value, one):
            return True
        if isinstance(one, External):
            known = TYPES.get(one.dotted)
            if known is not None and isinstance(value, known):
                return True
        elif isinstance(value, Module) and value.cls is not None and one in value.cls.ancestry():
            return True
    return False


def _getattr(interpreter: Interpreter, value: Any, name: str, *default: Any) -> Any:
    try:
        return interpreter.attribute(value, name)
    except NotUnderstood:
        if default:
            return default[0]
        raise


def _hasattr(interpreter: Interpreter, value: Any, name: str) -> bool:
    try:
        interpreter.attribute(value, name)
    except NotUnderstood:
        return False
    return True


def _setattr(interpreter: Interpreter, value: Any, name: str, new: Any) -> None:
    interpreter.set_attribute(value, name, new)


def _callable(interpreter: Interpreter, value: Any) -> bool:
    return not isinstance(value, (int, float, str, bool, type(None), Tensor))


def _finfo(interpreter: Interpreter, *_: Any) -> Any:
    return SimpleNamespace(min=MASKED, max=-MASKED, eps=2.0**-23, tiny=2.0**-126)


class ModelOutput(dict):  # type: ignore[type-arg]
    """transformers' ``ModelOutput``: fields by name (None if absent) and, those present, by number."""

    def field(self, key: Any) -> Any:
        """Return a field by name or number."""
        return self.get(key) if isinstance(key, str) else [v for v in self.values() if v is not None][key]


def _output(interpreter: Interpreter, *args: Any, **kwargs: Any) -> ModelOutput:
    return ModelOutput(kwargs)


def _nothing(interpreter: Interpreter, *_: Any, **__: Any) -> None:
    return None


SPECIAL: dict[str, Callable[..., Any]] = {
    "Parameter": _parameter,
    "Buffer": _buffer,
    "create_causal_mask": _full_mask,
    "create_sliding_window_causal_mask": _sliding_mask,
    "isinstance": _isinstance,
    "getattr": _getattr,
    "hasattr": _hasattr,
    "setattr": _setattr,
    "callable": _callable,
    "finfo": _finfo,
    "DynamicCache": _nothing,
    "is_tracing": lambda interpreter, *_: False,
    "maybe_autocast": _nothing,
    "is_autocast_enabled": lambda interpreter, *_: False,
    "partial": _nothing,
    "BaseModelOutputWithPast": _output,
    "CausalLMOutputWithPast": _output,
    "MoeModelOutputWithPast": _output,
    "MoeCausalLMOutputWithPast": _output,
}
"""Names by their last part. transformers: src/transformers/{masking_utils,modeling_outputs,cache_utils}.py."""


class ActivationTable:
    """transformers' ``ACT2FN``: a new activation for a name."""

    def __getitem__(self, name: Any) -> Module:
        return Activation(str(name))


class AttentionTable:
    """transformers' ``ALL_ATTENTION_FUNCTIONS``; the eager function of the source is always the one meant."""

    def get_interface(self, name: Any, default: Any) -> Any:
        """Return the eager function that the source passes as default."""
        return default


TABLES: dict[str, Any] = {"ACT2FN": ActivationTable(), "ALL_ATTENTION_FUNCTIONS": AttentionTable()}
"""Objects of transformers that are looked into rather than called."""
