"""vLLM's layer for each canonical form. A form without a row has no idiom yet and ends in a hole."""

from __future__ import annotations

from scaffold.source.python.errors import NotUnderstood
from scaffold.spec.norms import NormSpec

NORMS = {
    "rms": "RMSNorm({size}, eps={eps})",
    "rms_one_plus_weight": "GemmaRMSNorm({size}, eps={eps})",
    "rms_no_weight": "RMSNorm({size}, eps={eps}, has_weight=False)",
    "layer": "nn.LayerNorm({size}, eps={eps})",
    "layer_no_bias": "nn.LayerNorm({size}, eps={eps}, bias=False)",
    "layer_no_weight": "nn.LayerNorm({size}, eps={eps}, elementwise_affine=False)",
    "layer_one_plus_weight": "{prefix}LayerNorm({size}, eps={eps})",
}
"""``NORM_FORMS`` row → how an adapter makes it (vllm/model_executor/layers/layernorm.py, torch.nn)."""
WITH_RESIDUAL = ("rms", "rms_one_plus_weight")
"""Forms whose layer adds the residual itself: ``norm(x, residual)`` returns both."""
OWN_NORM = "layer_one_plus_weight"
"""The form that an adapter brings a class of its own for, as vLLM's Nemotron does."""


def norm_call(norm: NormSpec, size: str, prefix: str = "") -> str:
    """Return how an adapter makes a norm.

    Raises:
        NotUnderstood: there is no idiom for its form.
    """
    if norm.form not in NORMS:
        raise NotUnderstood(f"no idiom yet for the norm form {norm.form!r}", norm.source)
    return NORMS[norm.form].format(size=size, eps=norm.eps.code, prefix=prefix)
