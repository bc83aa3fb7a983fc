"""What calls of single names of torch mean that are neither operations nor layers: parameters, questions, contexts."""

from __future__ import annotations

from statistics import NormalDist
from types import SimpleNamespace
from typing import Any

import numpy as np

from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.library import Meaning, computes, inert, question
from scaffold.source.torch.layers import random_parameter
from scaffold.source.torch.ops.arguments import sizes
from scaffold.source.torch.ops.products import MASKED
from scaffold.source.torch.protocol import Interpreter
from scaffold.source.torch.tensors import Device, Dtype, Tensor, computed

HALF_MAX = 65504.0
"""The largest number of float16."""
MASKING = -1e4
"""What is no larger takes a score out of a softmax."""


def _parameter(interpreter: Interpreter, data: Tensor, *_: Any, **__: Any) -> Tensor:
    """Return a parameter of the shape of its first values; one that is made as the model runs is what it is made of."""
    if interpreter.recorder.is_running:
        return data
    return random_parameter(interpreter.rng, data.shape)


def buffer(interpreter: Interpreter, data: Tensor, persistent: bool = True) -> Tensor:
    """Return a buffer. A saved one that starts constant is learned (a router's correction), so it is random here.

    One that is registered as the model runs is what it was computed to be. What stands in place of scores that are
    masked (``masked_bias`` of GPT-2's kin) is none of these.
    """
    if not persistent or interpreter.recorder.is_running:
        return Tensor(data.a, "transient", data.origin)
    is_constant = data.a.dtype.kind == "f" and data.a.size and np.all(data.a == data.a.flat[0])
    if is_constant and data.a.flat[0] > MASKING:
        return Tensor(interpreter.rng.normal(0, 0.3, data.shape), "buffer")
    return Tensor(data.a, "buffer", data.origin)


OF_FLOATS = {"float16": (2.0**-10, 2.0**-14), "bfloat16": (2.0**-7, 2.0**-126), "float64": (2.0**-52, 2.0**-1022)}
"""Type of floats → the distance of 1 from the next number, and the least number."""


def _finfo(interpreter: Interpreter, dtype: Any = None, *_: Any) -> Any:
    """Return what ``torch.finfo`` says; what masks is as far away for all types, as nothing is left of it."""
    eps, tiny = OF_FLOATS.get(getattr(dtype, "name", ""), (2.0**-23, 2.0**-126))
    far = HALF_MAX if getattr(dtype, "name", "") == "float16" else -MASKED
    return SimpleNamespace(min=-far, max=far, eps=eps, tiny=tiny, smallest_normal=tiny)


def _random(interpreter: Interpreter, *args: Any, size: Any = None, **_: Any) -> Tensor:
    """Return random numbers of a shape; only initial values of parameters are made so."""
    shape = sizes((size,) if size is not None else args)
    return Tensor(interpreter.rng.normal(0, 1, shape))


def _normal_distribution(interpreter: Interpreter, mean: Any = 0.0, deviation: Any = 1.0) -> Any:
    """Return ``torch.distributions.Normal`` as far as models use it: its quantiles."""
    quantile = np.vectorize(NormalDist(float(mean), float(deviation)).inv_cdf, otypes=[np.float64])
    return SimpleNamespace(icdf=lambda share: computed("icdf", (share,), quantile(share.a)))


def _skip_init(interpreter: Interpreter, cls: Any, *args: Any, device: Any = None, **kwargs: Any) -> Any:
    """Return ``torch.nn.utils.skip_init``: the module, whose weights are drawn as ever."""
    return interpreter.call(cls, list(args), kwargs, interpreter.where())


def _checkpointed(interpreter: Interpreter, function: Any, *args: Any, **kwargs: Any) -> Any:
    """Return what ``torch.utils.checkpoint.checkpoint`` does: the function's own answer, whatever is kept of it."""
    kwargs = {name: value for name, value in kwargs.items() if name not in OF_CHECKPOINT}
    return interpreter.call(function, list(args), kwargs, interpreter.where())


def _autocast(interpreter: Interpreter, device: Any = "", dtype: Any = None, enabled: Any = True, **given: Any) -> None:
    """Do nothing where nothing is cast: in a region that is switched off, or of another machine.

    Raises:
        NotUnderstood: operations inside of it are carried out in other types than they show.
    """
    device = given.get("device_type", device)
    if bool(enabled) and device == "cpu" and getattr(dtype, "name", "bfloat16") != "float32":
        raise NotUnderstood("operations that autocast rounds to 16 bits", interpreter.where())


OF_CHECKPOINT = ("use_reentrant", "context_fn", "determinism_check", "debug", "early_stop", "preserve_rng_state")
NAMES: dict[str, Meaning] = {
    "checkpoint": computes(_checkpointed),
    "Parameter": computes(_parameter),
    "autocast": computes(_autocast),
    "device": computes(lambda interpreter, *_, **__: Device()),
    "get_default_device": computes(lambda interpreter: Device()),
    "skip_init": computes(_skip_init),
    "iinfo": computes(lambda interpreter, *_: SimpleNamespace(min=-(2**63), max=2**63 - 1)),
    "script": computes(lambda interpreter, function, *_, **__: function),  # torch.jit
    "Buffer": computes(buffer),
    "finfo": computes(_finfo),
    "Normal": computes(_normal_distribution),
    "is_tensor": computes(lambda interpreter, value: isinstance(value, Tensor)),
    **dict.fromkeys(("randn", "rand", "normal"), computes(_random)),
    "rand_like": computes(lambda interpreter, x, **_: Tensor(interpreter.rng.uniform(0, 1, x.shape))),
    "randn_like": computes(lambda interpreter, x, **_: Tensor(interpreter.rng.normal(0, 1, x.shape))),
    **dict.fromkeys(("no_grad", "manual_seed"), inert()),
    **dict.fromkeys(
        ("is_tracing", "is_scripting", "is_compiling", "is_autocast_enabled", "is_autocast_cpu_enabled"), question()
    ),
    "is_grad_enabled": question(),
    **dict.fromkeys(("get_default_dtype", "get_autocast_dtype"), question(Dtype("float32"))),
}
"""By the last part of the name, wherever it was imported from."""

MACHINE: dict[str, Any] = {
    **dict.fromkeys(("is_available", "is_bf16_supported", "is_initialized", "is_built"), False),
    **dict.fromkeys(("device_count", "memory_allocated", "current_device"), 0),
    **dict.fromkeys(("get_device_capability",), (0, 0)),
    **dict.fromkeys(("empty_cache", "synchronize", "set_device", "manual_seed_all", "ipc_collect"), None),
}
"""What ``torch.cuda.…`` and its like answer on a machine that has nothing but its processor, by the last part."""
DEVICES = ("torch.cuda.", "torch.npu.", "torch.xpu.", "torch.mps.", "torch.backends.", "torch.distributed.")
"""Modules that ask for the machine, or do something to it."""
