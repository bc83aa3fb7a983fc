"""Latent attention as modeling source has it."""

from __future__ import annotations

from scaffold.expressions.tree import Key
from scaffold.mixers.latent.read import QK_HEAD_DIM
from scaffold.mixers.latent.spec import LatentAttentionSpec
from scaffold.mixers.protocol import Example
from scaffold.spec.kept import Kept
from scaffold.spec.norms import NormSpec
from scaffold.spec.rope import RopeSpec
from scaffold.spec.values import Value

SOURCE = """\
class Mixer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.heads, self.rank = config.num_attention_heads, config.kv_lora_rank
        self.nope, self.rope = config.qk_nope_head_dim, config.qk_rope_head_dim
        self.v_head_dim, self.scale = config.v_head_dim, (self.nope + self.rope) ** -0.5
        self.q_proj = nn.Linear(config.hidden_size, self.heads * (self.nope + self.rope), bias=False)
        self.kv_a_proj = nn.Linear(config.hidden_size, self.rank + self.rope, bias=False)
        self.kv_a_norm = Norm(self.rank, config.rms_norm_eps)
        self.kv_b_proj = nn.Linear(self.rank, self.heads * (self.nope + self.v_head_dim), bias=False)
        self.o_proj = nn.Linear(self.heads * self.v_head_dim, config.hidden_size, bias=False)

    def forward(self, hidden_states, turn, mask):
        batch, tokens, _ = hidden_states.shape
        q = self.q_proj(hidden_states).view(batch, tokens, self.heads, -1).transpose(1, 2)
        q_nope, q_rope = q.split([self.nope, self.rope], dim=-1)
        latent, k_rope = self.kv_a_proj(hidden_states).split([self.rank, self.rope], dim=-1)
        kv = self.kv_b_proj(self.kv_a_norm(latent)).view(batch, tokens, self.heads, -1).transpose(1, 2)
        k_nope, v = kv.split([self.nope, self.v_head_dim], dim=-1)
        k_rope = rotate(k_rope.view(batch, 1, tokens, self.rope), turn).expand(-1, self.heads, -1, -1)
        q = torch.cat([q_nope, rotate(q_rope, turn)], dim=-1)
        scores = q @ torch.cat([k_nope, k_rope], dim=-1).transpose(-1, -2) * self.scale
        out = F.softmax(scores + mask, dim=-1) @ v
        return self.o_proj(out.transpose(1, 2).reshape(batch, tokens, -1))
"""
HEADS = Value(4, "num_attention_heads")
EXAMPLE = Example(
    SOURCE,
    {"kv_lora_rank": 64, "qk_nope_head_dim": 16, "qk_rope_head_dim": 8, "v_head_dim": 24},
    LatentAttentionSpec(
        name="mixer",
        q_names=("q_proj",),
        q_norm=None,
        kv_a_name="kv_a_proj",
        kv_norm=("kv_a_norm", NormSpec("rms", Value(1e-5, "rms_norm_eps"))),
        kv_b_name="kv_b_proj",
        o_name="o_proj",
        num_heads=HEADS,
        qk_nope_head_dim=Value(16, "qk_nope_head_dim"),
        qk_rope_head_dim=Value(8, "qk_rope_head_dim"),
        v_head_dim=Value(24, "v_head_dim"),
        q_lora_rank=None,
        kv_lora_rank=Value(64, "kv_lora_rank"),
        scale=Value(24**-0.5, None, QK_HEAD_DIM**-0.5),
        q_scale=Value(1.0),
        kv_scale=Value(1.0),
        bias=Value(False),
        o_bias=Value(False),
        rope=RopeSpec("neox", 8, 8, Key(("rope_parameters",))),
        num_kv_heads=HEADS,
    ),
    Kept(heads=1, per_head=64 + 8),
)
