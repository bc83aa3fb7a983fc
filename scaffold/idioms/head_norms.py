"""Norms of heads of which each has a weight of its own: a list with one for each head, as the checkpoint has them.

The weights are small, so each rank holds all of them and takes those of its own heads.
"""

from __future__ import annotations

from scaffold.source.python.errors import NotUnderstood
from scaffold.spec.norms import NormSpec

NORMED = {
    "layer": "F.layer_norm(x, x.shape[-1:], eps=self[0].eps) * weight + bias",
    "layer_no_bias": "F.layer_norm(x, x.shape[-1:], eps=self[0].eps) * weight",
    "rms": "x * torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + self[0].variance_epsilon) * weight",
}
"""Row of ``NORM_FORMS`` → the norm of ``x`` ``[tokens, heads, head_dim]`` with ``weight`` and ``bias``
``[heads, head_dim]``, in terms of the layers of the list."""
BIAS = "        bias = torch.stack([norm.bias for norm in self][own])\n"
TEXT = '''\
class {name}(nn.ModuleList):
    """A norm for each of all heads, of which a rank applies those of its own."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # [tokens, heads, head_dim]
        tp_size = get_tensor_model_parallel_world_size()
        begin = get_tensor_model_parallel_rank() * len(self) // tp_size
        own = slice(begin, begin + x.shape[-2])
        weight = torch.stack([norm.weight for norm in self][own])
{bias}        x = {normed}
        return x.to(weight.dtype)
'''
IMPORTS = (
    "import torch.nn.functional as F",
    "from vllm.distributed import (get_tensor_model_parallel_rank, get_tensor_model_parallel_world_size,)",
)


def class_name(prefix: str) -> str:
    """Return what an adapter calls the list of norms; ``prefix`` is that of its classes."""
    return f"{prefix}HeadNorms"


def head_norms(norm: NormSpec, prefix: str) -> str:
    """Return the class of a list of norms.

    Raises:
        NotUnderstood: there is none for a norm of this form.
    """
    if norm.form not in NORMED:
        raise NotUnderstood(f"no idiom yet for a norm of its own ({norm.form}) for each head", norm.source)
    normed = NORMED[norm.form]
    return TEXT.format(name=class_name(prefix), normed=normed, bias=BIAS if "bias" in normed else "")
