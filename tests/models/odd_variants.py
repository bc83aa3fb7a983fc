"""Variants of a decoder's blocks as odd as those of labs, made up by us: what ``make bench-carried`` serves.

Each is to end in an adapter that computes the same on any number of ranks, or in a hole that says why not.
"""

from __future__ import annotations

from dataclasses import replace

from tests.models.odd_blocks import CARRIED, DIFFERENTIAL, OF_EXPERTS, OF_HEADS, SCALED, SUBTRACTED, Odd

STEPS = "steps = torch.arange(hidden_states.shape[1]).float() + 1"
PAIRS_BACK = """\
def turn_pairs_back(x, turn):
    cos, sin = turn
    even, odd = x[..., ::2], x[..., 1::2]
    return torch.stack((even * cos + odd * sin, odd * cos - even * sin), dim=-1).flatten(-2)


class Norm("""
SOFTMAX = "attended = F.softmax(scores + mask, dim=-1) @ values"
FORWARD = "def forward(self, hidden_states, turn, mask):"
FED = "return hidden_states + self.feed_forward(self.feed_forward_norm(hidden_states))"
CALLED = "mixed = self.odd(normed, turn, mask)"
TURNS = (
    "for layer in self.layers:\n            hidden_states = layer(hidden_states, (angles.cos(), angles.sin()), mask)"
)

VARIANTS = {
    "softmax scale by position": Odd(
        after=f"{STEPS}\nquery = query * ((steps / self.config.calm_after + 1) ** 0.25)[:, None]",
        config={"calm_after": 16},
    ),
    "scale by the logarithm of the length": Odd(
        after=f"{STEPS}\nlonger = torch.log(steps) / math.log(self.config.segment_length)\n"
        "query = query * torch.clamp(longer, min=1.0)[:, None]",
        config={"segment_length": 12},
        replaced=(("import torch\n", "import math\n\nimport torch\n"),),
    ),
    "clamps with both signs": Odd(
        before="query = query.clamp(min=-self.config.qk_clip, max=self.config.qk_clip)\n"
        "key = torch.maximum(key.clamp(max=self.config.qk_clip), -0.5 * key.abs())",
        after="value = torch.where(value > 0, value.clamp(max=self.config.v_clip), value.clamp(min=-0.25) * 2)",
        config={"qk_clip": 0.75, "v_clip": 0.6},
    ),
    "pairs turned the other way": Odd(
        rotation="turn_pairs_back",
        after="query = query * self.config.query_gain",
        config={"query_gain": 1.25},
        replaced=(("class Norm(", PAIRS_BACK),),
    ),
    "norms of each head with weights and offsets": Odd(
        made="self.q_weight = nn.Parameter(torch.ones(self.heads, 1, self.head_dim))\n"
        "self.q_offset = nn.Parameter(torch.zeros(self.heads, 1, self.head_dim))\n"
        "self.k_weight = nn.Parameter(torch.ones(self.kv_heads, 1, self.head_dim))\n"
        "self.k_offset = nn.Parameter(torch.zeros(self.kv_heads, 1, 1))",
        before="query = query - query.mean(dim=-1, keepdim=True)\n"
        "query = query * torch.rsqrt(query.pow(2).mean(dim=-1, keepdim=True) + 1e-5) * self.q_weight + self.q_offset\n"
        "key = key / (key.abs().mean(dim=-1, keepdim=True) + 1e-5) * self.k_weight + self.k_offset",
    ),
    "one temperature for the heads of a group": Odd(
        made="self.warmth = nn.Parameter(torch.ones(self.kv_heads))",
        after="query = query * F.softplus(self.warmth).repeat_interleave(self.groups)[:, None, None]",
    ),
    "two scalings": Odd(
        made="self.scaling = nn.Parameter(torch.ones(1))",
        before="query = query * self.config.query_pre_scale ** -0.5\nkey = key * self.scaling * 1.75",
        after="query = query / (1e-3 + query.norm(dim=-1, keepdim=True)) * self.head_dim ** 0.5",
        config={"query_pre_scale": 24.0},
    ),
    "sinks, and v that is limited": Odd(
        made="self.sinks = nn.Parameter(torch.zeros(self.heads))",
        before="value = 1.5 * torch.tanh(value / 1.5)",
        replaced=(
            (
                SOFTMAX,
                "sinks = self.sinks[None, :, None, None].expand(*scores.shape[:-1], 1)\n"
                "        scores = torch.cat((scores + mask, sinks), dim=-1)\n"
                "        attended = F.softmax(scores, dim=-1)[..., :-1] @ values",
            ),
        ),
    ),
    "a soft cap of q and k, tanh by its exponentials": Odd(
        before="cap = self.config.qk_cap\nquery = cap * (2 * torch.sigmoid(2 * query / cap) - 1)\n"
        "grown = torch.exp(-2 * key.abs() / cap)\nkey = cap * torch.sign(key) * (1 - grown) / (1 + grown)",
        config={"qk_cap": 1.5},
    ),
    "a soft cap of the scores, tanh by its sigmoid": Odd(
        replaced=(
            (
                SOFTMAX,
                "cap = self.config.score_cap\n"
                "        scores = cap * (2 * torch.sigmoid(2 * scores / cap) - 1)\n"
                f"        {SOFTMAX}",
            ),
        ),
        config={"score_cap": 5.0},
    ),
    "gates of heads and of entries": Odd(
        made="self.head_gate = nn.Linear(config.hidden_size, self.heads, bias=True)\n"
        "self.entry_gate = nn.Linear(config.hidden_size, self.head_dim, bias=False)",
        behind="by_head = 2 * torch.sigmoid(self.head_gate(hidden_states)).unsqueeze(-1)\n"
        "by_entry = 1 + F.softplus(self.entry_gate(hidden_states)).unsqueeze(-2)\n"
        "attended = attended.view(*hidden_states.shape[:-1], self.heads, self.head_dim)\n"
        "attended = (attended * by_head / by_entry).flatten(-2)",
    ),
    "halves that are mixed": Odd(
        made="self.mixing = nn.Parameter(torch.ones(self.heads, 1, 1))",
        after="first, second = query.chunk(2, dim=-1)\n"
        "query = torch.cat((first + self.mixing * second, second - 0.25 * first), dim=-1)\n"
        "first, second = value.chunk(2, dim=-1)\n"
        "value = torch.cat((first * torch.sigmoid(second), second), dim=-1)",
        behind="attended = attended.view(*hidden_states.shape[:-1], self.heads, self.head_dim)\n"
        "first, second = attended.chunk(2, dim=-1)\nattended = torch.cat((second, first * second), dim=-1).flatten(-2)",
    ),
    "limits in an MLP": Odd(
        inner="gate, up = self.gate_proj(hidden_states), self.up_proj(hidden_states)\n"
        "limit = self.config.swiglu_limit\ngate = torch.minimum(gate, torch.full_like(gate, limit))\n"
        "up = limit * torch.tanh(up / limit)\n"
        "inner = gate * torch.sigmoid(self.config.swiglu_slope * gate) * (up + 1)",
        config={"swiglu_limit": 0.8, "swiglu_slope": 1.702},
    ),
    "a squared gate, and an offset for each entry of an MLP": Odd(
        mlp_made="self.offset = nn.Parameter(torch.zeros(config.intermediate_size))",
        inner="gate = F.relu(self.gate_proj(hidden_states) + self.offset) ** 2\n"
        "inner = gate * self.up_proj(hidden_states) / (1 + gate)",
    ),
    "values of the first layer in all others": Odd(
        made="self.share = nn.Parameter(torch.ones(1))",
        after="value = value if first is None else self.share * value + (1 - self.share) * first",
        replaced=(
            (FORWARD, "def forward(self, hidden_states, turn, mask, first=None):"),
            ("return self.o_proj(attended)", "return self.o_proj(attended), value if first is None else first"),
            (CALLED, CALLED.replace("mixed", "mixed, first", 1).replace("mask)", "mask, first)")),
            (FED, f"{FED}, first"),
            (
                TURNS,
                "first = None\n        for layer in self.layers:\n            hidden_states, first = layer("
                "hidden_states, (angles.cos(), angles.sin()), mask, first)",
            ),
        ),
    ),
    "alternating signs": Odd(
        after="sign = 1 - 2 * (torch.arange(self.head_dim) % 2).float()\nkey = key * sign\nquery = query.abs() * sign",
    ),
    "one attention less another, and a gate": replace(
        SUBTRACTED,
        made=f"self.gate = nn.Linear(config.hidden_size, self.heads * self.head_dim, bias=False)\n{SUBTRACTED.made}",
        behind="attended = attended * torch.tanh(self.gate(hidden_states))",
    ),
}
"""Every part of an attention or an MLP that has no idiom, one way or the other."""

SERVED = {**CARRIED, **SCALED, **OF_HEADS, **DIFFERENTIAL, **OF_EXPERTS, **VARIANTS}
