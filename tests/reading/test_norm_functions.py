"""Norms that source writes as functions: they are layers of an adapter, named after the function."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.mixers.grouped_query.spec import AttentionSpec
from scaffold.source.python.errors import NotUnderstood
from scaffold.spec.values import Value
from tests.models.remote.build import read

CLASSES = """
{function}


class Bare(VelaLayer):
    def __init__(self, config, layer_idx):
        super().__init__(config, layer_idx)
        self.eps = config.rms_norm_eps
        del self.input_layernorm, self.post_attention_layernorm

    def forward(self, x, **kwargs):
        x = x + self.self_attn({call}, **kwargs)
        return x + self.mlp({call})


VelaLayer = Bare
"""
PYTORCHS = ("def norm(x):\n    return F.rms_norm(x, (x.size(-1),))", "norm(x)")
WRITTEN = (
    "def rms_norm(x, eps):\n    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps)",
    "rms_norm(x, self.eps)",
)
CENTRED = ("def layer_norm(x, eps=1e-5):\n    return F.layer_norm(x, x.shape[-1:], eps=eps)", "layer_norm(x)")


@pytest.mark.parametrize(
    ("parts", "name", "form", "eps"),
    [
        (PYTORCHS, "norm", "rms_no_weight", Value(2.0**-23)),
        (WRITTEN, "rms_norm", "rms_no_weight", Value(1e-6, "rms_norm_eps")),
        (CENTRED, "layer_norm", "layer_no_weight", Value(1e-5)),
    ],
    ids=["PyTorch's", "written out", "a mean taken off"],
)
def test_norms_of_a_layer(
    parts: tuple[str, str], name: str, form: str, eps: Value, tmp_path: Path, transformers_source: Path
) -> None:
    found = read(tmp_path, transformers_source, classes=CLASSES.format(function=parts[0], call=parts[1]))
    norms = dict(found.layer.norms)
    assert list(norms) == [name, f"{name}_2"]
    assert {(norm.form, norm.eps) for norm in norms.values()} == {(form, eps)}
    assert found.norm_name == "norm"  # the model's own, which has a weight


HEADS = """
def forward(self, x, attention_mask=None, position_ids=None, past_key_value=None, head_mask=None):
    batch, length, _ = x.shape
    q = rms_norm(self.q_proj(x).view(batch, length, self.heads, self.size).transpose(1, 2), 1e-6)
    k = rms_norm(self.k_proj(x).view(batch, length, self.kv_heads, self.size).transpose(1, 2), 1e-6)
    v = self.v_proj(x).view(batch, length, self.kv_heads, self.size).transpose(1, 2)
    cos, sin = self.rotary(v, length)
    out = F.scaled_dot_product_attention(turned(q, cos, sin), turned(k, cos, sin), v, is_causal=True, enable_gqa=True)
    return self.o_proj(out.transpose(1, 2).reshape(batch, length, -1))
"""


def test_norms_of_heads(tmp_path: Path, transformers_source: Path) -> None:
    found = read(tmp_path, transformers_source, forward=HEADS, classes=WRITTEN[0]).layer.mixer
    assert isinstance(found, AttentionSpec)
    assert found.qk_norm is not None
    assert (found.qk_norm.q_name, found.qk_norm.k_name) == ("rms_norm", "rms_norm_2")
    assert found.qk_norm.norm.form == "rms_no_weight"


def test_a_class_whose_norm_is_a_function_of_its_weight_is_the_norm(tmp_path: Path, transformers_source: Path) -> None:
    plain = read(tmp_path, transformers_source)
    own = "\nclass Own(VelaNorm):\n    def forward(self, x):\n        return self.weight * rms_norm(x, 1e-6)\n"
    found = read(tmp_path, transformers_source, classes=f"{WRITTEN[0]}\n{own}\n\nVelaNorm = Own\n")
    assert [name for name, _ in found.layer.norms] == [name for name, _ in plain.layer.norms]
    assert {norm.form for _, norm in found.layer.norms} == {"rms"}


KEPT = """
class Kept(nn.Module):
    def __init__(self, hidden_size, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(hidden_size))
        self.register_buffer("variance_epsilon", torch.tensor(eps), persistent=False)

    def forward(self, x):
        return scaled(x, self.weight, self.variance_epsilon)


def scaled(x, weight, epsilon):
    return weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + epsilon))


VelaNorm = Kept
"""


def test_an_epsilon_that_is_a_buffer(tmp_path: Path, transformers_source: Path) -> None:
    found = read(tmp_path, transformers_source, {"rms_norm_eps": 3e-6}, classes=KEPT)
    assert {(norm.form, norm.eps) for _, norm in found.layer.norms} == {("rms", Value(3e-6, "rms_norm_eps"))}


def test_a_function_that_is_only_called_a_norm_is_none(tmp_path: Path, transformers_source: Path) -> None:
    other = ("def norm(x):\n    return x / x.abs().amax(-1, keepdim=True)", "norm(x)")
    with pytest.raises(NotUnderstood, match="what flows into self_attn is not a sum"):
        read(tmp_path, transformers_source, classes=CLASSES.format(function=other[0], call=other[1]))
