"""Grouped-query attention as modeling source has it."""

from __future__ import annotations

from scaffold.expressions.tree import HEAD_DIM, Key
from scaffold.mixers.grouped_query.spec import AttentionSpec, ProjectionSpec
from scaffold.mixers.protocol import Example
from scaffold.spec.kept import Kept
from scaffold.spec.rope import RopeSpec
from scaffold.spec.values import Value

SOURCE = """\
class Mixer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.groups = config.num_attention_heads // config.num_key_value_heads
        self.head_dim = config.head_dim
        q_size, kv_size = (n * self.head_dim for n in (config.num_attention_heads, config.num_key_value_heads))
        self.q_proj = nn.Linear(config.hidden_size, q_size, bias=False)
        self.k_proj = nn.Linear(config.hidden_size, kv_size, bias=False)
        self.v_proj = nn.Linear(config.hidden_size, kv_size, bias=False)
        self.o_proj = nn.Linear(q_size, config.hidden_size, bias=False)

    def forward(self, hidden_states, turn, mask):
        shape = (*hidden_states.shape[:-1], -1, self.head_dim)
        q = rotate(self.q_proj(hidden_states).view(shape).transpose(1, 2), turn)
        k = rotate(self.k_proj(hidden_states).view(shape).transpose(1, 2), turn)
        v = self.v_proj(hidden_states).view(shape).transpose(1, 2)
        k, v = (x.repeat_interleave(self.groups, dim=1) for x in (k, v))
        scores = q @ k.transpose(-1, -2) * self.head_dim**-0.5
        out = F.softmax(scores + mask, dim=-1) @ v
        return self.o_proj(out.transpose(1, 2).reshape(*hidden_states.shape[:-1], -1))
"""
SIZE = Value(32, "head_dim")
EXAMPLE = Example(
    SOURCE,
    {"num_key_value_heads": 2, "head_dim": 32},
    AttentionSpec(
        name="mixer",
        projection=ProjectionSpec(("q_proj", "k_proj", "v_proj")),
        o_name="o_proj",
        o_transposed=False,
        num_heads=Value(4, "num_attention_heads"),
        num_kv_heads=Value(2, "num_key_value_heads"),
        head_dim=SIZE,
        v_head_dim=SIZE,
        scale=Value(32**-0.5, None, HEAD_DIM**-0.5),
        qkv_bias=Value(False),
        o_bias=Value(False),
        rope=RopeSpec("neox", 32, 32, Key(("rope_parameters",))),
        qk_norm=None,
        window=None,
    ),
    Kept(heads=2, per_head=2 * 32),
)
