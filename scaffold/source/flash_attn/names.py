"""What the kernels of flash_attn compute, as PyTorch's own operations on the same tensors.

https://github.com/Dao-AILab/flash-attention: flash_attn/flash_attn_interface.py. Source that has an eager twin takes
it, as nothing says that the kernels are available; where source imports one and calls it, this is what it computes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.library import Library, computes
from scaffold.source.python.protocol import Interpreter
from scaffold.source.torch import torch_ops
from scaffold.source.torch.operations import record
from scaffold.source.torch.tensors import Tensor

WITHOUT = {"alibi_slopes": (None,), "softcap": (0, 0.0, None), "dropout_p": (0, 0.0), "block_table": (None,)}
"""Arguments that have to be one of these, as nothing is known of others."""
UNBOUNDED = (-1, -1)


def _attention(q: Tensor, k: Tensor, v: Tensor, scale: Any, causal: Any, window: Any, more: dict[str, Any]) -> Any:
    """Return attention over ``[batch, tokens, heads, head_dim]``; k and v may have fewer heads."""
    for name, allowed in WITHOUT.items():
        if more.get(name, allowed[0]) not in allowed:
            raise NotUnderstood(f"flash attention with {name}")
    heads = [torch_ops.apply("transpose", x, 1, 2) for x in (q, k, v)]
    arguments: dict[str, Any] = {"scale": 1 / math.sqrt(q.shape[-1]) if scale is None else scale}
    if q.shape[2] != k.shape[2]:
        arguments["enable_gqa"] = True
    if causal or tuple(window or UNBOUNDED) != UNBOUNDED:
        arguments["attn_mask"] = _visible(q.shape[1], k.shape[1], bool(causal), tuple(window or UNBOUNDED))
    out = torch_ops.apply("scaled_dot_product_attention", *heads, **arguments)
    return torch_ops.apply("transpose", out, 1, 2)


def _visible(queries: int, keys: int, causal: bool, window: tuple[int, int]) -> Tensor:
    """Return which keys each query sees; of fewer queries than keys, the last ones are meant."""
    at, key = np.arange(queries)[:, None] + (keys - queries), np.arange(keys)[None, :]
    seen = (key <= at) if causal else np.ones((queries, keys), dtype=bool)
    before, behind = window
    if before >= 0:
        seen = seen & (key >= at - before)
    if behind >= 0:
        seen = seen & (key <= at + behind)
    mask = Tensor(seen)
    record("flash_attn_mask", (), {"causal": causal, "window": window}, mask)
    return mask


def _func(
    interpreter: Interpreter,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    dropout_p: float = 0.0,
    softmax_scale: Any = None,
    causal: Any = False,
    window_size: Any = UNBOUNDED,
    **more: Any,
) -> Any:
    return _attention(q, k, v, softmax_scale, causal, window_size, more)


def _varlen(
    interpreter: Interpreter,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    cu_seqlens_q: Tensor,
    cu_seqlens_k: Tensor,
    max_seqlen_q: Any = None,
    max_seqlen_k: Any = None,
    dropout_p: float = 0.0,
    softmax_scale: Any = None,
    causal: Any = False,
    window_size: Any = UNBOUNDED,
    **more: Any,
) -> Any:
    """Return attention over sequences that lie one behind the other, ``[tokens, heads, head_dim]``: there is one."""
    ends = [[int(end) for end in one.a] for one in (cu_seqlens_q, cu_seqlens_k)]
    if ends != [[0, q.shape[0]], [0, k.shape[0]]]:
        raise NotUnderstood("flash attention over more than one sequence")
    alone = [torch_ops.apply("unsqueeze", x, 0) for x in (q, k, v)]
    out = _attention(alone[0], alone[1], alone[2], softmax_scale, causal, window_size, more)
    return torch_ops.apply("squeeze", out, 0)


def _parts(packed: Tensor, count: int) -> list[Tensor]:
    """Return what lies in one tensor ``[…, count, heads, head_dim]``."""
    return [torch_ops.apply("select", packed, -3, number) for number in range(count)]


def _kv_packed(interpreter: Interpreter, q: Tensor, kv: Tensor, *args: Any, **kwargs: Any) -> Any:
    k, v = _parts(kv, 2)
    return _func(interpreter, q, k, v, *args, **kwargs)


def _qkv_packed(interpreter: Interpreter, qkv: Tensor, *args: Any, **kwargs: Any) -> Any:
    q, k, v = _parts(qkv, 3)
    return _func(interpreter, q, k, v, *args, **kwargs)


def _varlen_kv_packed(interpreter: Interpreter, q: Tensor, kv: Tensor, *args: Any, **kwargs: Any) -> Any:
    k, v = _parts(kv, 2)
    return _varlen(interpreter, q, k, v, *args, **kwargs)


def _varlen_qkv_packed(
    interpreter: Interpreter, qkv: Tensor, cu_seqlens: Tensor, max_seqlen: Any, *args: Any, **kwargs: Any
) -> Any:
    q, k, v = _parts(qkv, 3)
    return _varlen(interpreter, q, k, v, cu_seqlens, cu_seqlens, max_seqlen, max_seqlen, *args, **kwargs)


def _rotated(
    interpreter: Interpreter,
    x: Tensor,
    cos: Tensor,
    sin: Tensor,
    interleaved: Any = False,
    inplace: Any = False,
    **more: Any,
) -> Any:
    """Return ``apply_rotary_emb`` of flash_attn/layers/rotary.py: the first entries of each head, turned.

    Args:
        interpreter: the run.
        x: ``[batch, tokens, heads, head_dim]``.
        cos: ``[tokens, rotary_dim / 2]``, of no fewer tokens.
        sin: the same.
        interleaved: pairs of neighbours turn, not halves of a head.
        inplace: the tensor that was given is turned.
        more: of sequences that do not begin at their first token, or lie one behind the other.
    """
    others = [name for name, value in more.items() if not (value is None or value is False or value == 0)]
    if x.ndim != 4:
        raise NotUnderstood(f"flash_attn's apply_rotary_emb of {x.ndim} axes")
    if others:
        raise NotUnderstood(f"flash_attn's apply_rotary_emb with {', '.join(others)}")
    tokens, half = x.shape[1], cos.shape[-1]
    tables = [torch_ops.apply("unsqueeze", torch_ops.apply("narrow", one, 0, 0, tokens), 1) for one in (cos, sin)]
    turning = torch_ops.apply("narrow", x, -1, 0, 2 * half)
    if interleaved:
        pairs = torch_ops.apply("unflatten", turning, -1, (half, 2))
        first, second = (torch_ops.apply("select", pairs, -1, number) for number in (0, 1))
    else:
        first, second = torch_ops.apply("chunk", turning, 2, -1)
    turned = (first * tables[0] - second * tables[1], first * tables[1] + second * tables[0])
    out = torch_ops.apply("flatten", _joined("stack", *turned), -2) if interleaved else _joined("cat", *turned)
    if x.shape[-1] > 2 * half:
        out = _joined("cat", out, torch_ops.apply("narrow", x, -1, 2 * half, x.shape[-1] - 2 * half))
    if not inplace:
        return out
    x[...] = out
    return x


def _joined(name: str, *parts: Tensor) -> Tensor:
    join = torch_ops.creation(name)
    assert join is not None
    joined: Tensor = join(list(parts), -1)
    return joined


def _rms_norm(
    interpreter: Interpreter,
    x: Tensor,
    weight: Tensor,
    bias: Any = None,
    residual: Any = None,
    eps: Any = 1e-6,
    prenorm: Any = False,
    **more: Any,
) -> Any:
    """Return ``rms_norm_fn`` of flash_attn/ops/triton/layer_norm.py, as far as it is a norm and nothing else."""
    others = [name for name, value in more.items() if value not in (None, 0, 0.0, False)]
    if residual is not None or prenorm or others:
        raise NotUnderstood(f"flash_attn's rms_norm_fn with {', '.join(others) or 'a residual'}")
    squares = torch_ops.apply("mean", torch_ops.apply("square", x), -1, keepdim=True)
    out = x * torch_ops.apply("rsqrt", squares + eps) * weight
    return out if bias is None else out + bias


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "flash_attn_func": _func,
    "flash_attn_varlen_func": _varlen,
    "flash_attn_unpadded_func": _varlen,
    "flash_attn_kvpacked_func": _kv_packed,
    "flash_attn_qkvpacked_func": _qkv_packed,
    "flash_attn_varlen_kvpacked_func": _varlen_kv_packed,
    "flash_attn_varlen_qkvpacked_func": _varlen_qkv_packed,
    "rms_norm_fn": _rms_norm,
}
ROTARY = re.compile(r"flash_attn\.layers\.rotary\.apply_rotary_emb(?:_func)?")
LIBRARY = Library(
    names={name: computes(function) for name, function in FUNCTIONS.items()}, patterns=((ROTARY, computes(_rotated)),)
)
