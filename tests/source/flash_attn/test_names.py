"""Kernels of flash_attn compute attention that is written out here once more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scaffold.source.interpreter import Interpreter
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.syntax import SourceFile
from scaffold.source.torch.tensors import Array, Tensor
from scaffold.source.transformers.imports import resolve

TOKENS, SIZE = 6, 8
IMPORTS = "import torch\nfrom flash_attn import flash_attn_func, flash_attn_varlen_func\n"
IMPORTS += "from flash_attn import flash_attn_kvpacked_func, flash_attn_qkvpacked_func\n"
IMPORTS += "from flash_attn.flash_attn_interface import flash_attn_varlen_kvpacked_func\n"
IMPORTS += "from flash_attn.layers.rotary import apply_rotary_emb_func\n"
IMPORTS += "from flash_attn.ops.triton.layer_norm import rms_norm_fn\n"


def call(tmp_path: Path, expression: str, *tensors: Array) -> Any:
    path = tmp_path / "modeling_x.py"
    path.write_text(f"{IMPORTS}def f(q, k, v):\n    return {expression}\n")
    interpreter = Interpreter(resolve)
    return interpreter.call(interpreter.global_name(SourceFile.parse(path), "f"), [*map(Tensor, tensors)], {}, "here")


def drawn(heads: int, kv_heads: int) -> list[Array]:
    rng = np.random.default_rng(2)
    return [rng.normal(size=(1, TOKENS, count, SIZE)) for count in (heads, kv_heads, kv_heads)]


def attention(q: Array, k: Array, v: Array, seen: Array, scale: float) -> Array:
    k, v = (np.repeat(one, q.shape[2] // one.shape[2], axis=2) for one in (k, v))
    scores = np.einsum("bqhd,bkhd->bhqk", q, k) * scale
    weights = np.exp(np.where(seen, scores, -np.inf))
    return np.einsum("bhqk,bkhd->bqhd", weights / weights.sum(axis=-1, keepdims=True), v)


AT = np.arange(TOKENS)
CAUSAL = AT[:, None] >= AT
CASES = {
    "flash_attn_func(q, k, v, causal=True)": (CAUSAL, SIZE**-0.5),
    "flash_attn_func(q, k, v, 0.0, 0.3, True)": (CAUSAL, 0.3),
    "flash_attn_func(q, k, v)": (np.ones((TOKENS, TOKENS), bool), SIZE**-0.5),
    "flash_attn_func(q, k, v, causal=True, window_size=(2, 0))": (CAUSAL & (AT[:, None] - AT <= 2), SIZE**-0.5),
    "flash_attn_func(q, k, v, window_size=(1, 3))": (
        (AT[:, None] - AT <= 1) & (AT - AT[:, None] <= 3),
        SIZE**-0.5,
    ),
    f"flash_attn_varlen_func(q[0], k[0], v[0], torch.tensor([0, {TOKENS}]), torch.tensor([0, {TOKENS}]), {TOKENS}, "
    f"{TOKENS}, causal=True)[None]": (CAUSAL, SIZE**-0.5),
    "flash_attn_kvpacked_func(q, torch.stack((k, v), 2), 0.0, 0.3, causal=True)": (CAUSAL, 0.3),
    "flash_attn_qkvpacked_func(torch.stack((q, k.repeat_interleave(2, 2), v.repeat_interleave(2, 2)), 2), "
    "causal=True)": (CAUSAL, SIZE**-0.5),
    f"flash_attn_varlen_kvpacked_func(q[0], torch.stack((k[0], v[0]), 1), torch.tensor([0, {TOKENS}]), "
    f"torch.tensor([0, {TOKENS}]), {TOKENS}, {TOKENS}, causal=True)[None]": (CAUSAL, SIZE**-0.5),
}


@pytest.mark.parametrize("expression", CASES)
def test_a_kernel_is_attention(expression: str, tmp_path: Path) -> None:
    q, k, v = drawn(4, 2)
    found = call(tmp_path, expression, q, k, v)
    np.testing.assert_allclose(found.a, attention(q, k, v, *CASES[expression]), rtol=1e-12)


@pytest.mark.parametrize(("more", "interleaved"), [("", False), (", False, True", False), (", interleaved=True", True)])
@pytest.mark.parametrize("half", [3, SIZE // 2])
def test_a_rotation(half: int, more: str, interleaved: bool, tmp_path: Path) -> None:
    x = drawn(4, 2)[0]
    angles = np.random.default_rng(1).normal(size=(TOKENS + 2, half))
    found = call(tmp_path, f"apply_rotary_emb_func(q, k, v{more})", x.copy(), np.cos(angles), np.sin(angles))
    cos, sin = (one[:TOKENS, None] for one in (np.cos(angles), np.sin(angles)))
    turning, wanted = x[..., : 2 * half], x.copy()
    ways = (slice(0, None, 2), slice(1, None, 2)) if interleaved else (slice(0, half), slice(half, None))
    first, second = (turning[..., one] for one in ways)
    wanted[..., : 2 * half][..., ways[0]] = first * cos - second * sin
    wanted[..., : 2 * half][..., ways[1]] = second * cos + first * sin
    np.testing.assert_allclose(found.a, wanted, rtol=1e-12)


def test_a_norm(tmp_path: Path) -> None:
    x, weight, bias = np.random.default_rng(0).normal(size=(3, SIZE))
    found = call(tmp_path, "rms_norm_fn(q, k, v, eps=1e-3)", x, weight, bias)
    np.testing.assert_allclose(found.a, x / np.sqrt((x**2).mean() + 1e-3) * weight + bias, rtol=1e-12)


@pytest.mark.parametrize(
    "expression",
    [
        "flash_attn_func(q, k, v, softcap=30.0)",
        "flash_attn_func(q, k, v, alibi_slopes=q)",
        "flash_attn_varlen_func(q[0], k[0], v[0], torch.tensor([0, 2, 6]), torch.tensor([0, 2, 6]), 4, 4)",
        "apply_rotary_emb_func(q, k[0, :, 0], v[0, :, 0], seqlen_offsets=3)",
        "rms_norm_fn(q, k, None, residual=v)",
        "rms_norm_fn(q, k, None, prenorm=True)",
        "rms_norm_fn(q, k, None, dropout_p=0.1)",
    ],
)
def test_what_a_kernel_does_besides_is_a_hole(expression: str, tmp_path: Path) -> None:
    with pytest.raises(NotUnderstood):
        call(tmp_path, expression, *drawn(4, 2))
