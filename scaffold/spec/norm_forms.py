"""The canonical normalisations: what each computes, and how an adapter makes it. To add one, add a row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class NormForm:
    """A row.

    Attributes:
        name: of the form.
        compute: the norm of ``x`` ``[..., hidden]`` with ``weight`` and ``bias`` ``[hidden]`` or None, and epsilon.
        has_weight: whether it has a weight.
        has_bias: whether it has a bias.
        layer: how an adapter makes it, with ``{size}``, ``{eps}``, and ``{prefix}`` of the adapter's classes
            (vllm/model_executor/layers/layernorm.py, torch.nn).
        own_class: the class that ``layer`` calls where neither vLLM nor torch has one, named ``{prefix}…``.
        adds_residual: the layer adds the residual itself: ``norm(x, residual)`` returns both.
    """

    name: str
    compute: Callable[[Array, Any, Any, float], Array]
    has_weight: bool
    has_bias: bool
    layer: str
    own_class: str = ""
    adds_residual: bool = False


def _rms(x: Array, eps: float) -> Array:
    return np.asarray(x / np.sqrt((x**2).mean(-1, keepdims=True) + eps))


def _layer(x: Array, eps: float) -> Array:
    centred = x - x.mean(-1, keepdims=True)
    return np.asarray(centred / np.sqrt((centred**2).mean(-1, keepdims=True) + eps))


ONE_PLUS_WEIGHT = '''\
class {prefix}LayerNorm(nn.LayerNorm):
    """Layer normalization that multiplies by 1 + weight."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.layer_norm(
            x, self.normalized_shape, self.weight + 1, self.bias, self.eps
        )
'''
"""As vLLM's Nemotron has it."""

NORM_FORMS = (
    NormForm(
        "rms",
        lambda x, w, b, eps: _rms(x, eps) * w,
        has_weight=True,
        has_bias=False,
        layer="RMSNorm({size}, eps={eps})",
        adds_residual=True,
    ),
    NormForm(
        "rms_one_plus_weight",
        lambda x, w, b, eps: _rms(x, eps) * (1.0 + w),
        has_weight=True,
        has_bias=False,
        layer="GemmaRMSNorm({size}, eps={eps})",
        adds_residual=True,
    ),
    NormForm(
        "rms_no_weight",
        lambda x, w, b, eps: _rms(x, eps),
        has_weight=False,
        has_bias=False,
        layer="RMSNorm({size}, eps={eps}, has_weight=False)",
    ),
    NormForm(
        "layer",
        lambda x, w, b, eps: _layer(x, eps) * w + b,
        has_weight=True,
        has_bias=True,
        layer="nn.LayerNorm({size}, eps={eps})",
    ),
    NormForm(
        "layer_no_bias",
        lambda x, w, b, eps: _layer(x, eps) * w,
        has_weight=True,
        has_bias=False,
        layer="nn.LayerNorm({size}, eps={eps}, bias=False)",
    ),
    NormForm(
        "layer_no_weight",
        lambda x, w, b, eps: _layer(x, eps),
        has_weight=False,
        has_bias=False,
        layer="nn.LayerNorm({size}, eps={eps}, elementwise_affine=False)",
    ),
    NormForm(
        "layer_one_plus_weight",
        lambda x, w, b, eps: _layer(x, eps) * (1.0 + w) + b,
        has_weight=True,
        has_bias=True,
        layer="{prefix}LayerNorm({size}, eps={eps})",
        own_class=ONE_PLUS_WEIGHT,
    ),
)
BY_NAME = {form.name: form for form in NORM_FORMS}


def norm_form(name: str) -> NormForm:
    """Return the row of a form.

    Raises:
        KeyError: there is no row of that name.
    """
    return BY_NAME[name]
