"""Blocks that we made up, with statements that no idiom is for: attention and MLPs of a decoder around them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from scaffold.feed_forwards import experts, mlp
from scaffold.mixers import grouped_query
from tests.models.around import write_around

ATTENTION = """\
class Mixer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.config = config
        self.heads, self.kv_heads = config.num_attention_heads, config.num_key_value_heads
        self.groups = self.heads // self.kv_heads
        self.head_dim = config.head_dim
        self.q_proj = nn.Linear(config.hidden_size, self.heads * self.head_dim, bias=False)
        self.k_proj = nn.Linear(config.hidden_size, self.kv_heads * self.head_dim, bias=False)
        self.v_proj = nn.Linear(config.hidden_size, self.kv_heads * self.head_dim, bias=False)
        self.o_proj = nn.Linear(self.heads * self.head_dim, config.hidden_size, bias=False)
        {made}

    def forward(self, hidden_states, turn, mask):
        shape = (*hidden_states.shape[:-1], -1, self.head_dim)
        query = self.q_proj(hidden_states).view(shape).transpose(1, 2)
        key = self.k_proj(hidden_states).view(shape).transpose(1, 2)
        value = self.v_proj(hidden_states).view(shape).transpose(1, 2)
        {before}
        query, key = {rotation}(query, turn), {rotation}(key, turn)
        {after}
        keys, values = (x.repeat_interleave(self.groups, dim=1) for x in (key, value))
        scores = query @ keys.transpose(-1, -2) * self.head_dim**-0.5
        attended = F.softmax(scores + mask, dim=-1) @ values
        attended = attended.transpose(1, 2).reshape(*hidden_states.shape[:-1], -1)
        {behind}
        return self.o_proj(attended)


def turn_back(x, turn):
    cos, sin = (torch.cat((part, part), dim=-1) for part in turn)
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((second, -first), dim=-1) * sin
"""
MLP = """\
class FeedForward(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.config = config
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)
        {made}

    def forward(self, hidden_states):
        {inner}
        return self.down_proj(inner)
"""
NOTHING = "pass"
SCORED = "weights = F.softmax(self.gate(hidden_states), dim=-1)"
ROUTER = "self.gate = nn.Linear(config.hidden_size, config.num_experts, bias=False)"
TOP_K = "self.top_k = config.num_experts_per_tok"


@dataclass(frozen=True)
class Odd:
    """What is odd about a decoder's blocks: statements, one line each, and keys of the config that they read.

    ``replaced`` are other texts of the source, each with what stands in its place; ``experts``: the feed-forward block
    is one of experts.
    """

    made: str = NOTHING
    before: str = NOTHING
    after: str = NOTHING
    behind: str = NOTHING
    rotation: str = "rotate"
    mlp_made: str = NOTHING
    inner: str = ""
    router_made: str = NOTHING
    router: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    replaced: tuple[tuple[str, str], ...] = ()
    experts: bool = False


CARRIED = {
    "limits and scales of heads": Odd(
        made="self.q_scale = nn.Parameter(torch.ones(self.heads, 1, 1))\n"
        "self.k_shift = nn.Parameter(torch.zeros(self.kv_heads, 1, self.head_dim))\n"
        "self.out_scale = nn.Parameter(torch.ones(self.heads * self.head_dim))",
        before="query = query * torch.sigmoid(self.q_scale)\n"
        "key = self.config.key_limit * torch.tanh((key + self.k_shift) / self.config.key_limit)",
        after="query = query * 1.5",
        behind="attended = F.silu(attended) * self.out_scale",
        config={"key_limit": 2.5},
    ),
    "turned the other way, then divided by the largest": Odd(
        rotation="turn_back",
        after="query = query / query.abs().amax(dim=-1, keepdim=True).clamp(min=1e-4) * self.config.query_gain\n"
        "value = value.pow(2) - value",
        config={"query_gain": 1.25},
    ),
    "gates of the input and of positions": Odd(
        made="self.gate = nn.Linear(config.hidden_size, self.heads, bias=True)\n"
        "self.warmth = nn.Linear(config.hidden_size, 1, bias=False)",
        after="steps = torch.arange(hidden_states.shape[1]).float() + 1\n"
        "query = query * (1 + 0.1 * torch.log(steps))[:, None] * torch.exp(self.warmth(hidden_states)).unsqueeze(1)",
        behind="gate = torch.tanh(self.gate(hidden_states))\n"
        "attended = (attended.view(*hidden_states.shape[:-1], self.heads, -1) * gate.unsqueeze(-1)).flatten(-2)",
    ),
    "constants, factors of KV heads, and numbered entries": Odd(
        made="self.most = 3**0.5\nself.temperature = nn.Parameter(torch.ones(self.kv_heads))",
        before="query = query * torch.exp(self.temperature).repeat_interleave(self.groups)[:, None, None]",
        after="query = torch.tanh(query / self.most) * (1 / 3)\n"
        "steps = torch.arange(0, self.head_dim, 2).repeat_interleave(2)\n"
        "key = key * torch.exp(-torch.arange(self.head_dim).float() / self.head_dim)\n"
        "key = key * torch.cos(0.1 * (steps % 5))",
    ),
    "clamped gate": Odd(
        mlp_made="self.slope = nn.Parameter(torch.ones(config.intermediate_size))",
        inner="gate = self.gate_proj(hidden_states).clamp(max=self.config.swiglu_limit)\n"
        "up = self.up_proj(hidden_states).clamp(min=-self.config.swiglu_limit, max=self.config.swiglu_limit)\n"
        "inner = (up + 1) * gate * torch.sigmoid(gate * self.slope)",
        config={"swiglu_limit": 0.9},
    ),
    "warmth of experts, and a limit of their logits": Odd(
        router_made="self.warmth = nn.Parameter(torch.ones(config.num_experts))",
        router="logits = logits * torch.exp(self.warmth)\n"
        "logits = self.config.router_cap * torch.tanh(logits / self.config.router_cap)",
        config={"router_cap": 1.75},
    ),
}
"""What is carried over, and served in tests of the engine."""


MADE_SCALES = "        self.feed_forward_norm = Norm("
MIXED = "hidden_states = hidden_states + mixed"
FED = "return hidden_states + self.feed_forward(self.feed_forward_norm(hidden_states))"
VECTOR = "nn.Parameter(torch.ones(config.hidden_size))"
NUMBER = "nn.Parameter(torch.ones(1))"
LAYER_SCALE = """\
class LayerScale(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(size))

    def forward(self, x):
        return x * self.gamma


class Norm("""
SCALED = {
    "vectors of the layer": Odd(
        replaced=(
            (MADE_SCALES, f"        self.gamma, self.beta = {VECTOR}, {VECTOR}\n{MADE_SCALES}"),
            (MIXED, "hidden_states = hidden_states + self.gamma * mixed"),
            (FED, FED.replace("self.feed_forward(", "self.beta * self.feed_forward(")),
        )
    ),
    "numbers on both sides of a sum": Odd(
        replaced=(
            (MADE_SCALES, f"        self.gamma, self.beta = {NUMBER}, {NUMBER}\n{MADE_SCALES}"),
            (MIXED, "hidden_states = self.beta * hidden_states + mixed * self.gamma"),
        )
    ),
    "numbers without axes": Odd(
        replaced=(
            (MADE_SCALES, f"        self.gamma = nn.Parameter(torch.tensor(0.5))\n{MADE_SCALES}"),
            (FED, FED.replace("self.feed_forward(", "self.gamma * self.feed_forward(")),
        )
    ),
    "modules of their own": Odd(
        replaced=(
            ("class Norm(", LAYER_SCALE),
            (
                MADE_SCALES,
                "        self.ls1, self.ls2 = LayerScale(config.hidden_size), LayerScale(config.hidden_size)\n"
                + MADE_SCALES,
            ),
            (MIXED, "hidden_states = hidden_states + self.ls1(mixed)"),
            (FED, "return hidden_states + self.ls2(self.feed_forward(self.feed_forward_norm(hidden_states)))"),
        )
    ),
    "at the end of blocks": Odd(
        made=f"self.gamma = {VECTOR}",
        inner="inner = F.silu(self.gate_proj(hidden_states)) * self.up_proj(hidden_states)",
        mlp_made=f"self.gamma = {VECTOR}",
        replaced=(
            ("return self.o_proj(attended)", "return self.o_proj(attended) * self.gamma"),
            ("return self.down_proj(inner)", "return self.gamma * self.down_proj(inner)"),
        ),
    ),
}
"""Learned scales on branches of a layer."""
EACH_HEAD = """\
class EachHead(nn.Module):
    def __init__(self, size, heads, eps):
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(size, eps=eps, bias=False) for _ in range(heads)])

    def forward(self, x):
        return torch.cat([norm(head) for norm, head in zip(self.norms, torch.split(x, 1, dim=1))], dim=1)


class Norm("""
OF_HEADS = {
    "norms of single heads, in modules": Odd(
        made="self.q_norm = EachHead(self.head_dim, self.heads, config.rms_norm_eps)\n"
        "self.k_norm = EachHead(self.head_dim, self.kv_heads, config.rms_norm_eps)",
        before="query, key = self.q_norm(query), self.k_norm(key)",
        replaced=(("class Norm(", EACH_HEAD),),
    ),
    "norms of single heads, vectors in a list": Odd(
        made="self.q_norms = nn.ModuleList([Norm(self.head_dim, config.rms_norm_eps) for _ in range(self.heads)])\n"
        "self.k_norms = nn.ModuleList([Norm(self.head_dim, config.rms_norm_eps) for _ in range(self.kv_heads)])",
        after="query = torch.stack([norm(query[:, i]) for i, norm in enumerate(self.q_norms)], dim=1)\n"
        "key = torch.stack([norm(key[:, i]) for i, norm in enumerate(self.k_norms)], dim=1)",
    ),
    "q and its gates as two blocks": Odd(
        behind="attended = attended * torch.sigmoid(gate)",
        replaced=(
            (
                "self.q_proj = nn.Linear(config.hidden_size, self.heads",
                "self.q_proj = nn.Linear(config.hidden_size, 2 * self.heads",
            ),
            (
                "        query = self.q_proj(hidden_states).view(shape)",
                "        query, gate = self.q_proj(hidden_states).chunk(2, dim=-1)\n        query = query.view(shape)",
            ),
        ),
    ),
}
"""What is odd about heads, and needs no statement of the source."""
SUBTRACTED = Odd(
    made="import math\n"
    "self.initial = 0.8 - 0.6 * math.exp(-0.3 * layer_idx)\n"
    "self.first_q, self.first_k = (nn.Parameter(torch.ones(self.head_dim)) for _ in range(2))\n"
    "self.second_q, self.second_k = (nn.Parameter(torch.ones(self.head_dim)) for _ in range(2))\n"
    "self.pair_norm = Norm(2 * self.head_dim, config.rms_norm_eps)",
    replaced=(
        (
            "        attended = F.softmax(scores + mask, dim=-1) @ values\n",
            "        halves = [half.repeat(1, 2, 1, 1) for half in value.chunk(2, dim=1)]\n"
            "        halves = [half.repeat_interleave(self.groups, dim=1) for half in halves]\n"
            "        both = torch.cat([F.softmax(scores + mask, dim=-1) @ half for half in halves], dim=-1)\n"
            "        first, second = both.chunk(2, dim=1)\n"
            "        factor = torch.exp(torch.sum(self.first_q * self.first_k)) + self.initial\n"
            "        factor = factor - torch.exp(torch.sum(self.second_q * self.second_k))\n"
            "        attended = (1 - self.initial) * self.pair_norm(first - factor * second)\n",
        ),
    ),
)
BOTH = "both = torch.cat([F.softmax(scores + mask, dim=-1) @ half for half in halves], dim=-1)"
AT_ONCE = "both = F.softmax(scores + mask, dim=-1) @ torch.cat(halves, dim=-1)"
DIFFERENTIAL = {
    "one attention less another": SUBTRACTED,
    "one attention less another, over both halves of the values at once": replace(
        SUBTRACTED, replaced=tuple((line, lines.replace(BOTH, AT_ONCE)) for line, lines in SUBTRACTED.replaced)
    ),
}
"""Two attentions over the same q and k."""
ROUTED = "            out = out + weight[..., None] * expert(hidden_states)"
WITH_IDENTITIES = (
    (
        ROUTER,
        "self.most, self.zeros = config.num_experts, config.zero_expert_num\n"
        "        self.gate = nn.Linear(config.hidden_size, self.most + self.zeros, bias=False)\n"
        "        self.shift = nn.Parameter(torch.zeros(self.most + self.zeros))\n"
        "        self.factor = config.routed_scaling_factor",
    ),
    (
        "chosen = torch.topk(weights, self.top_k, dim=-1).indices",
        "chosen = torch.topk(weights + self.shift, self.top_k, dim=-1).indices\n"
        "        weights = weights * self.factor",
    ),
    (
        ROUTED,
        f"{ROUTED}\n"
        "        for number in range(self.most, self.most + self.zeros):\n"
        "            weight = weights[..., number] * (chosen == number).any(-1)\n"
        "            out = out + weight[..., None] * hidden_states",
    ),
)
"""Experts of which some give a token itself, as they are written behind the others."""
NORM = "Norm(config.hidden_size, config.rms_norm_eps)"
TWICE = (
    (f"self.mixer_norm = {NORM}", f"self.mixer_norm = nn.ModuleList([{NORM}, {NORM}])"),
    ("OddMixer(config, layer_idx)\n", "nn.ModuleList([OddMixer(config, layer_idx) for _ in range(2)])\n"),
    (
        f"self.feed_forward_norm = {NORM}",
        f"self.feed_forward_norm = nn.ModuleList([{NORM}, {NORM}])\n"
        "        self.dense = nn.ModuleList([Expert(config), Expert(config)])",
    ),
    ("normed = self.mixer_norm(hidden_states)", "normed = self.mixer_norm[0](hidden_states)"),
    ("mixed = self.odd(normed, turn, mask)", "mixed = self.odd[0](normed, turn, mask)"),
    (
        FED,
        "normed = self.feed_forward_norm[0](hidden_states)\n"
        "        routed = self.feed_forward(normed)\n"
        "        hidden_states = hidden_states + self.dense[0](normed)\n"
        "        hidden_states = hidden_states + self.odd[1](self.mixer_norm[1](hidden_states), turn, mask)\n"
        "        hidden_states = hidden_states + self.dense[1](self.feed_forward_norm[1](hidden_states))\n"
        "        return hidden_states + routed",
    ),
)
"""A layer with two attentions, each with a dense block behind it, and experts beside all that follows the first one."""
OF_EXPERTS = {
    "identity experts, with a correction and a factor": Odd(
        experts=True, replaced=WITH_IDENTITIES, config={"zero_expert_num": 4, "routed_scaling_factor": 1.75}
    ),
    "identity experts beside two attentions, and two dense blocks": Odd(
        experts=True,
        replaced=(*WITH_IDENTITIES, *TWICE),
        config={"zero_expert_num": 4, "routed_scaling_factor": 1.75},
    ),
    "experts with gate and up as two blocks of a layer": Odd(
        experts=True,
        replaced=(
            (
                "        self.gate_proj = nn.Linear(config.hidden_size, config.moe_intermediate_size, bias=False)\n"
                "        self.up_proj = nn.Linear(config.hidden_size, config.moe_intermediate_size, bias=False)\n",
                "        self.w13 = nn.Linear(config.hidden_size, 2 * config.moe_intermediate_size, bias=False)\n",
            ),
            (
                "return self.down_proj(F.silu(self.gate_proj(hidden_states)) * self.up_proj(hidden_states))",
                "gate, up = self.w13(hidden_states).chunk(2, dim=-1)\n        return self.w2(F.silu(gate) * up)",
            ),
            ("self.down_proj", "self.w2"),
        ),
    ),
    "experts of which each is given the weighted token": Odd(
        experts=True,
        replaced=(
            ("F.softmax(self.gate(hidden_states), dim=-1)", "torch.sigmoid(self.gate(hidden_states))"),
            ("weight[..., None] * expert(hidden_states)", "expert(weight[..., None] * hidden_states)"),
        ),
    ),
}
"""What is odd about experts, and needs no statement of the source."""


def write_odd(directory: Path, odd: Odd, layers: int = 2) -> Path:
    """Write a checkpoint with random weights."""
    parts = {name: getattr(odd, name) for name in ("made", "before", "after", "behind")}
    source = ATTENTION.replace("{rotation}", odd.rotation)
    for name, lines in parts.items():
        source = source.replace(f"{{{name}}}", lines.replace("\n", "\n        "))
    mixer = replace(grouped_query.EXAMPLE, source=source, config={**grouped_query.EXAMPLE.config, **odd.config})
    block = experts.EXAMPLE if odd.experts else mlp.EXAMPLE
    if odd.inner:
        text = MLP.replace("{made}", odd.mlp_made).replace("{inner}", odd.inner.replace("\n", "\n        "))
        block = replace(block, source=text)
    if odd.router:
        made = "".join(f"\n        {line}" for line in odd.router_made.split("\n"))
        lines = "\n        ".join(["logits = self.gate(hidden_states)", *odd.router.split("\n")])
        scored = f"{lines}\n        weights = F.softmax(logits, dim=-1)"
        source = experts.EXAMPLE.source.replace(SCORED, scored).replace(ROUTER, ROUTER + made)
        block = replace(experts.EXAMPLE, source=source.replace(TOP_K, f"self.config = config\n        {TOP_K}"))
    return write_around(directory, {"odd": mixer}, ["odd"] * layers, block, odd.replaced)
