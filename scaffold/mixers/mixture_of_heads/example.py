"""A mixture of attention heads as modeling source has it."""

from __future__ import annotations

from scaffold.expressions.tree import HEAD_DIM, Key
from scaffold.feed_forwards.experts.spec import RouterSpec
from scaffold.mixers.mixture_of_heads.spec import MixtureOfHeadsSpec
from scaffold.mixers.protocol import Example
from scaffold.spec.kept import Kept
from scaffold.spec.rope import RopeSpec
from scaffold.spec.values import Value

SOURCE = """\
class Mixer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.kv_heads, self.head_dim = config.num_key_value_heads, config.head_dim
        self.num_experts, self.top_k = config.num_experts, config.num_experts_per_tok
        width = self.kv_heads * self.head_dim
        self.gate = nn.Linear(config.hidden_size, self.num_experts, bias=False)
        self.queries = nn.Parameter(torch.zeros(self.num_experts, width, config.hidden_size))
        self.k_proj = nn.Linear(config.hidden_size, width, bias=False)
        self.v_proj = nn.Linear(config.hidden_size, width, bias=False)
        self.outputs = nn.Parameter(torch.zeros(self.num_experts, config.hidden_size, width))

    def forward(self, hidden_states, turn, mask):
        shape = (*hidden_states.shape[:-1], -1, self.head_dim)
        weights, chosen = F.softmax(self.gate(hidden_states), dim=-1).topk(self.top_k, dim=-1)
        of_all = torch.einsum("bth,eqh->bteq", hidden_states, self.queries)
        q = of_all.gather(2, chosen[..., None].expand(-1, -1, -1, of_all.shape[-1]))
        q = rotate(q.view(shape).transpose(1, 2), turn)
        k = rotate(self.k_proj(hidden_states).view(shape).transpose(1, 2), turn)
        v = self.v_proj(hidden_states).view(shape).transpose(1, 2)
        k, v = (x.repeat(1, self.top_k, 1, 1) for x in (k, v))
        scores = q @ k.transpose(-1, -2) * self.head_dim**-0.5
        out = (F.softmax(scores + mask, dim=-1) @ v).transpose(1, 2)
        out = out.reshape(*hidden_states.shape[:-1], self.top_k, -1) * weights[..., None]
        mixed = torch.zeros_like(hidden_states)
        for number in range(self.num_experts):
            mixed = mixed + (out * (chosen == number)[..., None]).sum(2) @ self.outputs[number].t()
        return mixed
"""
EXAMPLE = Example(
    SOURCE,
    {"num_key_value_heads": 2, "head_dim": 32, "num_experts": 8, "num_experts_per_tok": 3},
    MixtureOfHeadsSpec(
        name="mixer",
        q_name="queries",
        o_name="outputs",
        q_transposed=False,
        o_transposed=False,
        kv_names=("k_proj", "v_proj"),
        kv_bias=Value(False),
        o_bias="",
        num_experts=Value(8, "num_experts"),
        num_kv_heads=Value(2, "num_key_value_heads"),
        head_dim=Value(32, "head_dim"),
        scale=Value(32**-0.5, None, HEAD_DIM**-0.5),
        rope=RopeSpec("neox", 32, 32, Key(("rope_parameters",))),
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
    ),
    Kept(heads=2, per_head=2 * 32),
)
