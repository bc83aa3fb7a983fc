"""Routed experts as modeling source has them."""

from __future__ import annotations

from scaffold.feed_forwards.experts.spec import ExpertsSpec, RouterSpec
from scaffold.feed_forwards.protocol import Example
from scaffold.spec.values import Value

SOURCE = """\
class Expert(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.moe_intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.moe_intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.moe_intermediate_size, config.hidden_size, bias=False)

    def forward(self, hidden_states):
        return self.down_proj(F.silu(self.gate_proj(hidden_states)) * self.up_proj(hidden_states))


class FeedForward(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.top_k = config.num_experts_per_tok
        self.gate = nn.Linear(config.hidden_size, config.num_experts, bias=False)
        self.experts = nn.ModuleList([Expert(config) for _ in range(config.num_experts)])

    def forward(self, hidden_states):
        weights = F.softmax(self.gate(hidden_states), dim=-1)
        chosen = torch.topk(weights, self.top_k, dim=-1).indices
        out = torch.zeros_like(hidden_states)
        for number, expert in enumerate(self.experts):
            weight = weights[..., number] * (chosen == number).any(-1)
            out = out + weight[..., None] * expert(hidden_states)
        return out
"""
EXAMPLE = Example(
    SOURCE,
    {"num_experts": 8, "num_experts_per_tok": 3, "moe_intermediate_size": 32},
    ExpertsSpec(
        name="feed_forward",
        experts_name="experts",
        gate_name="{expert}.gate_proj.weight",
        up_name="{expert}.up_proj.weight",
        down_name="{expert}.down_proj.weight",
        transposed=False,
        num_experts=Value(8, "num_experts"),
        intermediate_size=Value(32, "moe_intermediate_size"),
        activation=Value("silu"),
        router=RouterSpec(
            name="gate",
            weight_name="weight",
            scoring="softmax",
            correction_bias=None,
            num_groups=None,
            topk_group=None,
            top_k=Value(3, "num_experts_per_tok"),
            renormalize=Value(False),
            scaling=Value(1.0),
        ),
        shared=None,
    ),
    num_experts=8,
)
