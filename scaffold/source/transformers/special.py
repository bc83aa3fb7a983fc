"""What single names from outside mean: builtins that look at objects, transformers' helpers, tables and outputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from types import SimpleNamespace
from typing import Any

import numpy as np

from scaffold.source.python.errors import NotUnderstood, Raised
from scaffold.source.python.objects import External, Function
from scaffold.source.python.syntax import SourceFile
from scaffold.source.torch.layers import (
    ACTIVATIONS,
    Activation,
    Embedding,
    LayerNorm,
    Linear,
    ModuleList,
    random_parameter,
)
from scaffold.source.torch.module import Module
from scaffold.source.torch.ops.arguments import sizes
from scaffold.source.torch.ops.products import MASKED
from scaffold.source.torch.tensors import Dtype, Tensor, computed
from scaffold.source.transformers import masks
from scaffold.source.transformers.config_object import deep_copy, remapped
from scaffold.source.transformers.protocol import Interpreter

TYPES: dict[str, Any] = {
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
    "collections.abc.Mapping": dict,
    "collections.abc.Iterable": (list, tuple, dict),
    "collections.abc.Sequence": (list, tuple),
}


@dataclass(frozen=True)
class Partial:
    """A ``functools.partial``."""

    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


@dataclass(frozen=True)
class ActivationTable:
    """transformers' ``ACT2FN``: a new activation for a name.

    ``classes`` is where ``ACT2CLS`` is defined, for the names that are no rows of ``layers.ACTIVATIONS``.
    """

    classes: tuple[SourceFile, str] | None = None

    def activation(self, interpreter: Interpreter, name: Any) -> Any:
        """Return the activation as a module.

        Raises:
            NotUnderstood: nothing is known of it.
        """
        if name in ACTIVATIONS or self.classes is None:
            return Activation(str(name))
        table = interpreter.global_name(*self.classes)
        if name not in table:
            raise NotUnderstood(f"the activation {str(name)!r}")
        entry = table[name]
        made, kwargs = entry if isinstance(entry, tuple) else (entry, {})
        return interpreter.call(made, [], kwargs, self.classes[0].shown)


class AttentionTable:
    """transformers' ``ALL_ATTENTION_FUNCTIONS``; the eager function of the source is always the one meant."""

    def get_interface(self, name: Any, default: Any) -> Any:
        """Return the eager function that the source passes as default."""
        return default


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


def _isinstance(interpreter: Interpreter, value: Any, types: Any) -> bool:
    for one in types if isinstance(types, tuple) else (types,):
        if isinstance(one, type) and isinstance(value, one):
            return True
        if isinstance(one, External):
            if isinstance(value, Module) and value.cls is not None and one in value.cls.ancestry():
                return True
            known = TYPES.get(one.dotted)
            if known is not None and isinstance(value, known):
                return True
        elif isinstance(value, Module) and value.cls is not None and one in value.cls.ancestry():
            return True
    return False


def _getattr(interpreter: Interpreter, value: Any, name: str, *default: Any) -> Any:
    try:
        return interpreter.attribute(value, name)
    except Raised:
        if default:
            return default[0]
        raise


def _hasattr(interpreter: Interpreter, value: Any, name: str) -> bool:
    try:
        interpreter.attribute(value, name)
    except Raised:
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


def _nothing(interpreter: Interpreter, *_: Any, **__: Any) -> None:
    return None


def _no(interpreter: Interpreter, *_: Any, **__: Any) -> bool:
    return False


def _decorator(interpreter: Interpreter, *args: Any, **_: Any) -> Any:
    """Return what a decorator that changes no value does, with arguments of its own or without."""
    if len(args) == 1 and isinstance(args[0], Function):
        return args[0]
    return lambda function: function


def _field(interpreter: Interpreter, default: Any = None, default_factory: Any = None, **_: Any) -> Any:
    return default if default_factory is None else interpreter.call(default_factory, [], {}, "")


def _random(interpreter: Interpreter, *args: Any, size: Any = None, **_: Any) -> Tensor:
    """Return random numbers of a shape; only initial values of parameters are made so."""
    shape = sizes((size,) if size is not None else args)
    return Tensor(interpreter.rng.normal(0, 1, shape))


def _normal_distribution(interpreter: Interpreter, mean: Any = 0.0, deviation: Any = 1.0) -> Any:
    """Return ``torch.distributions.Normal`` as far as models use it: its quantiles."""
    quantile = np.vectorize(NormalDist(float(mean), float(deviation)).inv_cdf, otypes=[np.float64])
    return SimpleNamespace(icdf=lambda share: computed("icdf", (share,), quantile(share.a)))


def _kept_positions(interpreter: Interpreter, hidden_states: Any, logits_to_keep: Any) -> Any:
    """Return the last positions, all of them for 0 (``slice_logits_to_keep`` of transformers 5.20 and later)."""
    if not isinstance(logits_to_keep, int):
        raise NotUnderstood("logits of chosen positions")
    return hidden_states[:, slice(-logits_to_keep, None), :]


SPECIAL: dict[str, Callable[..., Any]] = {
    "Parameter": _parameter,
    "Buffer": _buffer,
    **masks.SPECIAL,
    "isinstance": _isinstance,
    "getattr": _getattr,
    "hasattr": _hasattr,
    "setattr": _setattr,
    "callable": _callable,
    "finfo": _finfo,
    **dict.fromkeys(("DynamicCache", "EncoderDecoderCache", "maybe_autocast", "autocast", "no_grad"), _nothing),
    **dict.fromkeys(("manual_seed", "is_grad_enabled", "warn"), _nothing),
    **dict.fromkeys(("is_tracing", "is_autocast_enabled", "is_compiling", "is_torchdynamo_compiling"), _no),
    **dict.fromkeys(("is_flash_attention_requested", "is_flash_attn_available", "is_scripting"), _no),
    **dict.fromkeys(("is_torch_xpu_available", "is_fsdp_managed_module", "is_deepspeed_zero3_enabled"), _no),
    "UserDict": lambda interpreter, *args: dict(*args),
    "OrderedDict": lambda interpreter, *args: dict(*args),
    "nullcontext": _nothing,
    "Normal": _normal_distribution,
    "AttentionInterface": lambda interpreter: AttentionTable(),
    "remap_legacy_layer_types": remapped,
    "get_activation": lambda interpreter, name: ActivationTable().activation(interpreter, name),
    "is_tensor": lambda interpreter, value: isinstance(value, Tensor),
    "get_default_dtype": lambda interpreter, *_: Dtype("float32"),
    "get_autocast_dtype": lambda interpreter, *_: Dtype("float32"),
    "deepcopy": lambda interpreter, value: deep_copy(value),
    "copy": lambda interpreter, value: deep_copy(value),
    "cast": lambda interpreter, kind, value: value,
    "partial": lambda interpreter, function, *args, **kwargs: Partial(function, args, kwargs),
    "lru_cache": _decorator,
    "wraps": _decorator,
    "field": _field,
    "interval": lambda interpreter, **_: lambda default=None, **__: default,
    "positive_int_field": lambda interpreter, default=None, **_: default,
    "torch_compilable_check": _nothing,
    "slice_logits_to_keep": _kept_positions,
    "randn": _random,
    "rand": _random,
    "normal": _random,
    "rand_like": lambda interpreter, x, **_: Tensor(interpreter.rng.uniform(0, 1, x.shape)),
    "randn_like": lambda interpreter, x, **_: Tensor(interpreter.rng.normal(0, 1, x.shape)),
}
"""Names by their last part. transformers: src/transformers/{masking_utils,modeling_outputs,cache_utils}.py."""
