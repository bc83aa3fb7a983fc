"""A gated MLP as modeling source has it."""

from __future__ import annotations

from scaffold.feed_forwards.mlp.spec import MlpSpec
from scaffold.feed_forwards.protocol import Example
from scaffold.spec.values import Value

SOURCE = """\
class FeedForward(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, hidden_states):
        return self.down_proj(F.silu(self.gate_proj(hidden_states)) * self.up_proj(hidden_states))
"""
EXAMPLE = Example(
    SOURCE,
    {"intermediate_size": 96},
    MlpSpec(
        name="feed_forward",
        gate_name="gate_proj",
        up_name="up_proj",
        down_name="down_proj",
        activation=Value("silu"),
        intermediate_size=Value(96, "intermediate_size"),
        bias=Value(False),
        down_bias=Value(False),
    ),
)
