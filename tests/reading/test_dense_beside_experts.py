"""A dense MLP beside experts, with an input and a norm of its own; layers of which others have experts alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.feed_forwards.experts.spec import ExpertsSpec
from scaffold.feed_forwards.mlp.spec import MlpSpec
from scaffold.source.python.errors import NotUnderstood
from tests.models.remote.build import read
from tests.sampled import costly, sampled

CONFIG = {"num_experts": 4, "num_experts_per_tok": 2, "num_hidden_layers": 2, "dense_beside_every": 2}
EXPERTS = """
class Experts(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.gate = nn.Linear(config.hidden_size, config.num_experts, bias=False)
        self.experts = nn.ModuleList([VelaMLP(config) for _ in range(config.num_experts)])
        self.top_k = config.num_experts_per_tok

    def forward(self, x):
        taken = x.view(-1, x.shape[-1])
        weights, chosen = torch.topk(F.softmax(self.gate(taken), dim=1), self.top_k, dim=-1)
        out = torch.zeros_like(taken)
        for number, expert in enumerate(self.experts):
            token, place = torch.where(chosen == number)
            if token.numel():
                out.index_add_(0, token, expert(taken[token]) * weights[token, place, None])
        return out.view(x.shape)
"""
BESIDE = """

class LayerOfBoth(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.self_attn = VelaAttention(config, layer_idx)
        self.moe = Experts(config)
        self.input_layernorm = VelaNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = VelaNorm(config.hidden_size, config.rms_norm_eps)
        self.both = (layer_idx + 1) % config.dense_beside_every == 0
        if self.both:
            self.dense = {beside}(config)
            self.dense_norm = VelaNorm(config.hidden_size, config.rms_norm_eps)

    def forward(self, x, **kwargs):
        attended = x + self.self_attn(self.input_layernorm(x), **kwargs)
        if not self.both:
            return attended + self.moe(self.post_attention_layernorm(attended))
        out = attended + self.dense(self.dense_norm(attended))
        return out + self.moe(self.post_attention_layernorm({taken}))


VelaLayer = LayerOfBoth
"""


@pytest.mark.parametrize("taken", sampled(["x", "out"], every=2))
def test_a_dense_mlp_beside_experts(taken: str, tmp_path: Path, transformers_source: Path) -> None:
    classes = EXPERTS + BESIDE.format(beside="VelaMLP", taken=taken)
    found = read(tmp_path, transformers_source, CONFIG, classes=classes)
    assert [layer.beside is not None for layer in found.layers] == [False, True]
    layer = found.layers[1]
    assert isinstance(layer.feed_forward, ExpertsSpec)
    assert isinstance(layer.beside, MlpSpec)
    assert (layer.beside.name, layer.beside.gate_name) == ("dense", "gate_proj")
    (inputs,) = (step.inputs for step in layer.steps if step.name == "post_attention_layernorm")
    assert {name for name, _ in inputs} == {"x": {"x"}, "out": {"x", "self_attn", "dense"}}[taken]


@costly
def test_two_blocks_of_experts_in_a_layer_are_a_hole(tmp_path: Path, transformers_source: Path) -> None:
    classes = EXPERTS + BESIDE.format(beside="Experts", taken="x")
    with pytest.raises(NotUnderstood, match="two blocks of experts in one layer"):
        read(tmp_path, transformers_source, CONFIG, classes=classes)
