"""Attention by einsum with heads last, scaled before the product, and masks of some -10,000."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.expressions.python import shown
from scaffold.mixers.grouped_query.spec import AttentionSpec
from tests.models.remote.build import read
from tests.sampled import sampled

FORWARD = """
def forward(self, x, attention_mask=None, position_ids=None, past_key_value=None, head_mask=None):
    batch, length, _ = x.shape
    q = self.q_proj(x).view(batch, length, self.heads, self.size)
    k = self.k_proj(x).view(batch, length, self.kv_heads, self.size)
    v = self.v_proj(x).view(batch, length, self.kv_heads, self.size)
    cos, sin = self.rotary(v, length)
    q, k = turned(q, cos[:, None], sin[:, None]), turned(k, cos[:, None], sin[:, None])
    k, v = (one.repeat_interleave(self.heads // self.kv_heads, 2) for one in (k, v))
    scale = 1.0 / math.sqrt(self.size)
    weights = {scores}
    mask = torch.triu(torch.full((length, length), -10000.0), 1)
    weights = torch.softmax(weights + mask, dim=-1)
    out = torch.einsum({values}).reshape(batch, length, self.heads * self.size)
    return self.o_proj(out)
"""
FORMS = {
    "k scaled": ('torch.einsum("bthd,bshd->bhts", q, k * scale)', '"bhts,bshd->bthd", weights, v'),
    "q scaled": ('torch.einsum("bthd,bshd->bhts", q * scale, k)', '"bhts,bshd->bthd", weights, v'),
    "both scaled by the root": ('torch.einsum("bthd,bshd->bhts", q * scale**0.5, k * scale**0.5)',
                                '"bhts,bshd->bthd", weights, v'),
    "keys first": ('torch.einsum("bshd,bthd->bhts", k, q) * scale', '"bshd,bhts->bthd", v, weights'),
    "spaces": ('torch.einsum("b t h d, b s h d -> b h t s", q, k) * scale',
               '"b h t s, b s h d -> b t h d", weights, v'),
}  # fmt: skip


@pytest.mark.parametrize("form", sampled(FORMS, every=3))
def test_attention_by_einsum(form: str, tmp_path: Path, transformers_source: Path) -> None:
    scores, values = FORMS[form]
    forward = FORWARD.format(scores=scores, values=values)
    found = read(tmp_path, transformers_source, forward=forward).layer.mixer
    assert isinstance(found, AttentionSpec)
    assert (found.projection.names, found.rope is not None) == (("q_proj", "k_proj", "v_proj"), True)
    assert (found.carried, shown(found.scale.tree)) == (None, "head_dim**-0.5")
