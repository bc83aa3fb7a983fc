"""PyTorch's own layers, as far as decoders use them. Weights are random: what is ignored shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch import torch_ops
from scaffold.source.torch.drawn import Drawn
from scaffold.source.torch.module import Module
from scaffold.source.torch.tensors import Tensor


def random_parameter(rng: np.random.Generator, shape: tuple[int, ...]) -> Tensor:
    """Return values under which no detail cancels: vectors around 1, matrices that keep the variance.

    Matrices are uniform between two bounds: a normal distribution takes three times as long to draw, and their products
    are normal anyway.
    """
    if len(shape) < 2:
        return Drawn(shape, lambda: rng.uniform(0.5, 1.5, shape))
    bound = (3 / shape[-1]) ** 0.5
    return Drawn(shape, lambda: rng.uniform(-bound, bound, shape))


def _normal(rng: np.random.Generator, deviation: float, *shape: Any) -> Tensor:
    sizes = tuple(map(int, shape))
    return Drawn(sizes, lambda: rng.normal(0, deviation, sizes))


def _several(shape: Any) -> tuple[Any, ...]:
    """Return the sizes that a norm goes over, as they were given."""
    return tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)


class Layer(Module):
    """A built-in layer: ``attributes`` holds what source may read, ``forward`` computes."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    def op(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call a row of the table of operations."""
        return torch_ops.apply(name, *args, **kwargs)


class Linear(Layer):
    """``y = x Wᵀ + b``; weight ``[out, in]``."""

    def __init__(
        self,
        rng: np.random.Generator,
        in_features: int,
        out_features: int,
        bias: Any = True,
        *_: Any,
        **__: Any,
    ) -> None:
        super().__init__()
        self.attributes |= {
            "in_features": in_features,
            "out_features": out_features,
            "weight": random_parameter(rng, (int(out_features), int(in_features))),
            "bias": _normal(rng, 0.3, out_features) if bias else None,
        }

    def forward(self, x: Tensor) -> Any:
        return self.op("linear", x, self.attributes["weight"], self.attributes["bias"])


class Conv1D(Layer):
    """transformers' transposed linear: ``y = x W + b``; weight ``[in, out]``."""

    def __init__(self, rng: np.random.Generator, nf: int, nx: int) -> None:
        super().__init__()
        self.attributes |= {
            "nf": nf,
            "weight": _normal(rng, int(nx) ** -0.5, nx, nf),
            "bias": _normal(rng, 0.3, nf),
        }

    def forward(self, x: Tensor) -> Any:
        return x @ self.attributes["weight"] + self.attributes["bias"]


class Conv1d(Layer):
    """One-dimensional convolution; weight ``[out, in / groups, width]``."""

    def __init__(
        self,
        rng: np.random.Generator,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: Any = True,
        **_: Any,
    ) -> None:
        super().__init__()
        width = kernel_size[0] if isinstance(kernel_size, (tuple, list)) else kernel_size
        shape = (int(out_channels), int(in_channels) // int(groups), int(width))
        self.attributes |= {
            "weight": _normal(rng, (shape[1] * shape[2]) ** -0.5, *shape),
            "bias": _normal(rng, 0.3, out_channels) if bias else None,
            "stride": (stride,) if isinstance(stride, int) else stride,
            "padding": (padding,) if isinstance(padding, int) else padding,
            "dilation": (dilation,) if isinstance(dilation, int) else dilation,
            "groups": groups,
            "kernel_size": (width,),
        }

    def forward(self, x: Tensor) -> Any:
        a = self.attributes
        return self.op("conv1d", x, a["weight"], a["bias"], a["stride"], a["padding"], a["dilation"], a["groups"])


class Embedding(Layer):
    """A table of vectors; weight ``[num_embeddings, embedding_dim]``."""

    def __init__(self, rng: np.random.Generator, num_embeddings: int, embedding_dim: int, *_: Any, **__: Any) -> None:
        super().__init__()
        self.attributes |= {
            "num_embeddings": num_embeddings,
            "embedding_dim": embedding_dim,
            "padding_idx": None,
            "weight": _normal(rng, 1, num_embeddings, embedding_dim),
        }

    def forward(self, ids: Tensor) -> Any:
        return self.op("embedding", ids, self.attributes["weight"])


class LayerNorm(Layer):
    """Layer normalisation over the last dimensions, mostly one."""

    def __init__(
        self,
        rng: np.random.Generator,
        normalized_shape: Any,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *_: Any,
        **__: Any,
    ) -> None:
        super().__init__()
        shape = _several(normalized_shape)
        weight = random_parameter(rng, tuple(map(int, shape))) if elementwise_affine else None
        offset = _normal(rng, 0.3, *shape) if elementwise_affine and bias else None
        self.attributes |= {"weight": weight, "bias": offset, "eps": eps, "normalized_shape": shape}

    def forward(self, x: Tensor) -> Any:
        a = self.attributes
        return self.op("layer_norm", x, a["normalized_shape"], a["weight"], a["bias"], a["eps"])


class RMSNorm(Layer):
    """Root-mean-square normalisation over the last dimensions, mostly one."""

    def __init__(
        self,
        rng: np.random.Generator,
        normalized_shape: Any,
        eps: Any = None,
        elementwise_affine: bool = True,
        *_: Any,
        **__: Any,
    ) -> None:
        super().__init__()
        shape = _several(normalized_shape)
        weight = random_parameter(rng, tuple(map(int, shape))) if elementwise_affine else None
        self.attributes |= {"weight": weight, "eps": eps, "normalized_shape": shape}

    def forward(self, x: Tensor) -> Any:
        a = self.attributes
        return self.op("rms_norm", x, a["normalized_shape"], a["weight"], a["eps"])


class Unmade(Layer):
    """A layer of PyTorch that is not known: parts that text does not run through may have it, and it is not called."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    @property
    def kind(self) -> str:
        """Return what a message calls it."""
        return f"the PyTorch layer {self.name!r}"

    def forward(self, *_: Any, **__: Any) -> Any:
        raise NotUnderstood(self.kind)


class ModuleList(Layer):
    """Submodules by number."""

    def __init__(self, rng: np.random.Generator, modules: Any = ()) -> None:
        super().__init__()
        self.extend(modules)

    @property
    def items(self) -> list[Any]:
        """Return the submodules in order."""
        return [child for _, child in self.children()]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def append(self, module: Module) -> None:
        """Add a submodule."""
        self.attributes[str(len(self))] = module

    def extend(self, modules: Any) -> None:
        """Add submodules."""
        for number, module in enumerate(modules, len(self)):
            self.attributes[str(number)] = module


class ParameterList(Layer):
    """Parameters by number."""

    def __init__(self, rng: np.random.Generator, parameters: Any = ()) -> None:
        super().__init__()
        self.extend(parameters)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.attributes.values())

    def __len__(self) -> int:
        return len(self.attributes)

    def extend(self, parameters: Any) -> None:
        """Add parameters."""
        self.attributes |= {str(number): one for number, one in enumerate(parameters, len(self))}


class ModuleDict(Layer):
    """Submodules by name."""

    def __init__(self, rng: np.random.Generator, modules: Any = ()) -> None:
        super().__init__()
        self.attributes |= dict(modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self.attributes)

    def __len__(self) -> int:
        return len(self.attributes)

    def __contains__(self, name: object) -> bool:
        return name in self.attributes


class Sequential(ModuleList):
    """Submodules called one after the other (by the interpreter, so that each call is watched)."""

    def __init__(self, rng: np.random.Generator, *modules: Any) -> None:
        named = dict(modules[0]) if len(modules) == 1 and isinstance(modules[0], dict) else {}
        super().__init__(rng, () if named else modules)
        self.attributes |= named


class Identity(Layer):
    """Returns what it is given; dropout at inference is the same."""

    def __init__(self, rng: np.random.Generator, *_: Any, **__: Any) -> None:
        super().__init__()

    def forward(self, x: Tensor, *_: Any, **__: Any) -> Any:
        return x


class Softmax(Layer):
    """Softmax over a dimension."""

    def __init__(self, rng: np.random.Generator, dim: int | None = None) -> None:
        super().__init__()
        self.attributes["dim"] = dim

    def forward(self, x: Tensor) -> Any:
        return self.op("softmax", x, dim=self.attributes["dim"])


class Activation(Layer):
    """An activation by transformers' name (``hidden_act``)."""

    def __init__(self, name: str) -> None:
        super().__init__()
        if name not in ACTIVATIONS:
            raise NotUnderstood(f"the activation {name!r}")
        self.attributes["name"] = name

    def forward(self, x: Tensor, **_: Any) -> Any:
        return ACTIVATIONS[self.attributes["name"]](x)


class Elementwise(Layer):
    """A function of ``torch.nn.functional`` of each element, with what its layer is given."""

    def __init__(self, name: str, **given: float) -> None:
        super().__init__()
        self.name, self.given = name, given

    def forward(self, x: Tensor) -> Any:
        return self.op(self.name, x, **self.given)


def _op(name: str, **fixed: Any) -> Callable[[Tensor], Any]:
    return lambda x: torch_ops.apply(name, x, **fixed)


ACTIVATIONS: dict[str, Callable[[Tensor], Any]] = {
    "silu": _op("silu"),
    "swish": _op("silu"),
    "gelu": _op("gelu"),
    "gelu_new": _op("gelu", approximate="tanh"),
    "gelu_fast": _op("gelu", approximate="tanh"),
    "gelu_pytorch_tanh": _op("gelu", approximate="tanh"),
    "relu": _op("relu"),
    "relu2": lambda x: torch_ops.apply("square", torch_ops.apply("relu", x)),
    "sigmoid": _op("sigmoid"),
    "tanh": _op("tanh"),
}
"""transformers' ``ACT2FN`` (src/transformers/activations.py)."""

LAYERS: dict[str, Callable[..., Module]] = {
    "Linear": Linear,
    "Conv1D": Conv1D,
    "Conv1d": Conv1d,
    "Embedding": Embedding,
    "LayerNorm": LayerNorm,
    "RMSNorm": RMSNorm,
    "ModuleList": ModuleList,
    "ModuleDict": ModuleDict,
    "ParameterList": ParameterList,
    "Sequential": Sequential,
    "Identity": Identity,
    "Dropout": Identity,
    "Softmax": Softmax,
    "SiLU": lambda rng, *_, **__: Activation("silu"),
    "ReLU": lambda rng, *_, **__: Activation("relu"),
    "Sigmoid": lambda rng, *_, **__: Activation("sigmoid"),
    "Tanh": lambda rng, *_, **__: Activation("tanh"),
    "LeakyReLU": lambda rng, negative_slope=0.01, inplace=False: Elementwise(
        "leaky_relu", negative_slope=negative_slope
    ),
    "ELU": lambda rng, alpha=1.0, inplace=False: Elementwise("elu", alpha=alpha),
    "Softplus": lambda rng, beta=1.0, threshold=20.0: Elementwise("softplus", beta=beta, threshold=threshold),
    "Mish": lambda rng, inplace=False: Elementwise("mish"),
    "ReLU6": lambda rng, inplace=False: Elementwise("relu6"),
    "Hardswish": lambda rng, inplace=False: Elementwise("hardswish"),
    "GELU": lambda rng, approximate="none": Activation("gelu" if approximate == "none" else "gelu_new"),
}
"""Layers by the last part of their name; the random generator is the first argument."""
