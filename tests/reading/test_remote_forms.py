"""Modeling source as labs ship it: of any year's transformers, in any form; what it computes is what counts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from scaffold.expressions.tree import Entries, key
from scaffold.feed_forwards.experts.spec import ExpertsSpec
from scaffold.mixers.grouped_query.spec import AttentionSpec, ProjectionSpec
from scaffold.reading.from_source import read_decoder
from scaffold.reading.present import decoder_facts
from scaffold.source.locate import find
from scaffold.source.python.errors import NotUnderstood
from tests.models.remote.build import CONFIG, Text, read, source
from tests.sampled import costly, sampled

SEPARATE = ProjectionSpec(("q_proj", "k_proj", "v_proj"))
BEGIN = """
def forward(self, x, attention_mask=None, position_ids=None, past_key_value=None, head_mask=None):
    batch, length, _ = x.shape
    q = self.q_proj(x).view(batch, length, self.heads, self.size).transpose(1, 2)
    k = self.k_proj(x).view(batch, length, self.kv_heads, self.size).transpose(1, 2)
    v = self.v_proj(x).view(batch, length, self.kv_heads, self.size).transpose(1, 2)
    cos, sin = self.rotary(v, length)
    q, k = turned(q, cos, sin), turned(k, cos, sin)
"""
FORMS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "fused, causal": {
        "forward": BEGIN
        + """
    out = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    return self.o_proj(out.transpose(1, 2).reshape(batch, length, -1))
"""
    },
    "fused, with the mask of the model": {
        "forward": BEGIN
        + """
    k, v = repeat_kv(k, self.heads // self.kv_heads), repeat_kv(v, self.heads // self.kv_heads)
    out = F.scaled_dot_product_attention(query=q, key=k, value=v, attn_mask=attention_mask, dropout_p=0.0)
    return self.o_proj(out.transpose(1, 2).reshape(batch, length, -1))
"""
    },
    "einops, and a kernel of flash_attn": {
        "imports": "from einops import rearrange, repeat\nfrom flash_attn import flash_attn_func as attend",
        "forward": """
def forward(self, x, attention_mask=None, position_ids=None, past_key_value=None, head_mask=None):
    q = rearrange(self.q_proj(x), "b s (h d) -> b s h d", h=self.heads)
    k = rearrange(self.k_proj(x), "b s (h d) -> b s h d", h=self.kv_heads)
    v = rearrange(self.v_proj(x), "b s (h d) -> b s h d", d=self.size)
    cos, sin = (rearrange(table, "s d -> s 1 d") for table in self.rotary(v, x.shape[1]))
    q, k = turned(q, cos, sin), turned(k, cos, sin)
    k = repeat(k, "b s h d -> b s (h g) d", g=self.heads // self.kv_heads)
    v = repeat(v, "b s h d -> b s (h g) d", g=self.heads // self.kv_heads)
    return self.o_proj(rearrange(attend(q, k, v, causal=True), "... h d -> ... (h d)"))
""",
    },
    "einsum, tokens before heads, and a mask of -10000": {
        "forward": """
def forward(self, x, attention_mask=None, position_ids=None, past_key_value=None, head_mask=None):
    batch, length, _ = x.shape
    cos, sin = (table[None, :, None] for table in self.rotary(x, length))
    q = turned(self.q_proj(x).view(batch, length, self.heads, self.size), cos, sin)
    k = turned(self.k_proj(x).view(batch, length, self.kv_heads, self.size), cos, sin)
    v = self.v_proj(x).view(batch, length, self.kv_heads, self.size)
    k, v = (one.repeat_interleave(self.heads // self.kv_heads, 2) for one in (k, v))
    scores = torch.einsum("bthd,bshd->bhts", q, k * self.size**-0.5)
    scores = scores + torch.triu(torch.full((length, length), -10000.0), 1)
    return self.o_proj(torch.einsum("bhts,bshd->bthd", scores.softmax(-1), v).flatten(2))
"""
    },
    "einsum of groups, keys first": {
        "forward": """
def forward(self, x, attention_mask=None, position_ids=None, past_key_value=None, head_mask=None):
    batch, length, _ = x.shape
    cos, sin = (table[None, :, None] for table in self.rotary(x, length))
    q = turned(self.q_proj(x).view(batch, length, self.heads, self.size), cos, sin)
    q = q.unflatten(2, (self.kv_heads, -1))
    k = turned(self.k_proj(x).view(batch, length, self.kv_heads, self.size), cos, sin)
    v = self.v_proj(x).view(batch, length, self.kv_heads, self.size)
    scores = torch.einsum("bskd, btkgd -> bkgts", k, q) * self.size**-0.5 + attention_mask[:, :, None]
    out = torch.einsum("bkgts,bskd->btkgd", scores.softmax(-1), v)
    return self.o_proj(out.flatten(2))
"""
    },
    "head by head": {
        "forward": BEGIN
        + """
    scores = [q[:, n] @ k[:, n // (self.heads // self.kv_heads)].transpose(1, 2) for n in range(self.heads)]
    outs = []
    for n, score in enumerate(scores):
        score = score / math.sqrt(self.size) + attention_mask[0]
        outs.append(score.softmax(dim=-1) @ v[:, n // (self.heads // self.kv_heads)])
    return self.o_proj(torch.cat(outs, dim=-1))
"""
    },
    "dynamic scalings, which do nothing up to the trained length": {
        "projections": """
self.k_proj = nn.Linear(config.hidden_size, self.kv_heads * self.size, bias=False)
self.v_proj = nn.Linear(config.hidden_size, self.kv_heads * self.size, bias=False)
self.trained, self.base = config.max_position_embeddings, config.rope_theta
steps = [math.log(n, self.trained) if n > self.trained else 1 for n in range(1, 400)]
self.register_buffer("logn", torch.tensor(steps)[None, :, None, None], persistent=False)
""",
        "forward": """
def ntk_alpha(self, length):
    return max(2 ** math.ceil(math.log(length / self.trained, 2) + 1) - 1, 1)

def forward(self, x, attention_mask=None, position_ids=None, past_key_value=None, head_mask=None):
    batch, length, _ = x.shape
    q = self.q_proj(x).view(batch, length, self.heads, self.size)
    k = self.k_proj(x).view(batch, length, self.kv_heads, self.size)
    v = self.v_proj(x).view(batch, length, self.kv_heads, self.size)
    base = self.base * self.ntk_alpha(length) ** (self.size / (self.size - 2))
    inverse = 1.0 / (base ** (torch.arange(0, self.size, 2, device=x.device).float() / self.size))
    table = torch.outer(torch.arange(length), inverse)
    cos, sin = (torch.cat((one, one), -1)[None, :, None].half() for one in (table.cos(), table.sin()))
    q, k = turned(q.float(), cos, sin), turned(k.float(), cos, sin)
    q = q * self.logn[:, :length].type_as(q).expand_as(q)
    q, k, v = (one.permute(0, 2, 1, 3) for one in (q, k, v))
    out = F.scaled_dot_product_attention(q, k, v, attn_mask=attention_mask, enable_gqa=True)
    return self.o_proj(out.transpose(1, 2).flatten(2))
""",
    },
    "the sequence first": {
        "forward": """
def forward(self, x, attention_mask=None, position_ids=None, past_key_value=None, head_mask=None):
    x = x.transpose(0, 1).contiguous()
    length, batch, _ = x.shape
    q = self.q_proj(x).view(length, batch, self.heads, self.size)
    k = self.k_proj(x).view(length, batch, self.kv_heads, self.size)
    v = self.v_proj(x).view(length, batch, self.kv_heads, self.size)
    cos, sin = self.rotary(v, length)
    q, k = turned(q, cos[:, None, None], sin[:, None, None]), turned(k, cos[:, None, None], sin[:, None, None])
    k = k.repeat_interleave(self.heads // self.kv_heads, dim=2)
    v = v.repeat_interleave(self.heads // self.kv_heads, dim=2)
    q, k, v = (one.reshape(length, batch * self.heads, self.size).transpose(0, 1) for one in (q, k, v))
    scores = torch.empty(batch * self.heads, length, length, dtype=q.dtype, device=torch.cuda.current_device())
    scores = torch.baddbmm(scores, q, k.transpose(1, 2), beta=0.0, alpha=1.0 / math.sqrt(self.size))
    mask = torch.ones(length, length, dtype=torch.bool).triu(1)
    weights = scores.view(batch, self.heads, length, length).masked_fill(mask, -10000.0).softmax(dim=-1)
    out = torch.bmm(weights.view(batch * self.heads, length, length), v)
    out = out.view(batch, self.heads, length, self.size).permute(2, 0, 1, 3).reshape(length, batch, -1)
    return self.o_proj(out).transpose(0, 1)
"""
    },
}


def attention(directory: Path, transformers: Path, config: dict[str, Any] | None = None, **parts: str) -> AttentionSpec:
    found = read(directory, transformers, config, **parts).layer.mixer
    assert isinstance(found, AttentionSpec)
    return found


@pytest.mark.parametrize("form", sampled(FORMS, every=3))
def test_attention_is_the_same_in_any_form(form: str, tmp_path: Path, transformers_source: Path) -> None:
    found = attention(tmp_path, transformers_source, **FORMS[form])
    assert found.projection == SEPARATE
    assert (found.num_heads.key, found.num_kv_heads.key) == ("num_attention_heads", "num_key_value_heads")
    assert found.window is None
    assert found.rope is not None
    assert found.rope.style == "neox"


PAIRS = "self.kv = nn.Linear(config.hidden_size, 2 * self.kv_heads * self.size, bias=False)"
PER_HEAD = """
def forward(self, x, attention_mask=None, position_ids=None, past_key_value=None, head_mask=None):
    batch, length, _ = x.shape
    q = self.q_proj(x).view(batch, length, self.heads, self.size).transpose(1, 2)
    k, v = {split}
    cos, sin = self.rotary(v, length)
    q, k = turned(q, cos, sin), turned(k, cos, sin)
    out = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    return self.o_proj(out.transpose(1, 2).reshape(batch, length, -1))
"""


@pytest.mark.parametrize(
    ("split", "groups", "order"),
    [
        (
            "self.kv(x).view(batch, length, self.kv_heads, 2 * self.size).transpose(1, 2).chunk(2, dim=-1)",
            "num_kv_heads",
            (0, 1),
        ),
        ("self.kv(x).view(batch, length, 2, self.kv_heads, self.size).permute(2, 0, 3, 1, 4)", 1, (0, 1)),
        ("self.kv(x).view(batch, length, 2, self.kv_heads, self.size).permute(2, 0, 3, 1, 4).flip(0)", 1, (1, 0)),
    ],
)
def test_keys_and_values_of_one_layer(
    split: str, groups: int | str, order: tuple[int, ...], tmp_path: Path, transformers_source: Path
) -> None:
    parts = {"projections": PAIRS, "forward": PER_HEAD.format(split=split)}
    found = attention(tmp_path, transformers_source, **parts)
    assert found.projection == ProjectionSpec(("q_proj", "kv", "kv"), kv_groups=groups, kv_order=order)


UNIT_HEAD = """
class UnitHead(nn.Module):
    def __init__(self, hidden, vocabulary):
        super().__init__()
        self.weight = nn.Parameter(torch.empty((vocabulary, hidden)))
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        self.first = True

    def forward(self, x):
{body}
"""
ONCE = """
        if self.first:
            self.first = False
            self.weight.data = F.normalize(self.weight)
        return F.linear(x, self.weight)
"""


@pytest.mark.parametrize(
    ("body", "is_unit"),
    [
        (ONCE, True),
        ("        return F.linear(x, F.normalize(self.weight))", True),
        ("        return F.linear(x, self.weight)", False),
    ],
)
def test_a_head_with_rows_of_length_one(body: str, is_unit: bool, tmp_path: Path, transformers_source: Path) -> None:
    parts = {
        "head": "self.lm_head = UnitHead(config.hidden_size, config.vocab_size)",
        "classes": UNIT_HEAD.format(body=body),
    }
    assert read(tmp_path, transformers_source, **parts).head_unit_rows is is_unit


@pytest.mark.parametrize(
    "body",
    [
        "        self.weight.data = self.weight * 2\n        return F.linear(x, self.weight)",
        "        self.weight.mul_(1.5)\n        return F.linear(x, self.weight)",
        "        return F.linear(x, F.normalize(self.weight, dim=0))",
    ],
)
def test_a_head_of_another_weight_than_the_saved_one_is_a_hole(
    body: str, tmp_path: Path, transformers_source: Path
) -> None:
    parts = {
        "head": "self.lm_head = UnitHead(config.hidden_size, config.vocab_size)",
        "classes": UNIT_HEAD.format(body=body),
    }
    with pytest.raises(NotUnderstood):
        read(tmp_path, transformers_source, **parts)


def test_a_parameter_that_is_written_to_as_the_model_runs_is_a_hole(tmp_path: Path, transformers_source: Path) -> None:
    forward = "def forward(self, x, **_):\n    self.q_proj.weight.mul_(2.0)\n" + BEGIN.split("\n", 2)[2]
    forward += "    out = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)\n"
    forward += "    return self.o_proj(out.transpose(1, 2).reshape(batch, length, -1))\n"
    with pytest.raises(NotUnderstood, match="which the model writes to as it runs"):
        read(tmp_path, transformers_source, forward=forward)


def test_an_error_of_sizes_that_never_fit_holds_nothing_of_what_was_made(
    tmp_path: Path, transformers_source: Path
) -> None:
    forward = FORMS["fused, causal"]["forward"].replace("self.heads, self.size)", "7, 11)", 1)
    with pytest.raises(NotUnderstood, match="'view' with these arguments") as caught:
        read(tmp_path, transformers_source, forward=forward)
    assert caught.value.__cause__ is not None
    assert caught.value.__cause__.__traceback__ is None


WAITS = """
if torch.all(attention_mask):
    raise ValueError("nothing to hide")
mask = torch.where(attention_mask.bool(), 0.0, -1e9)
"""


def test_a_mask_that_the_caller_has_to_give_is_causal(tmp_path: Path, transformers_source: Path) -> None:
    found = read(tmp_path, transformers_source, mask=WAITS)
    assert isinstance(found.layer.mixer, AttentionSpec)
    assert found.layer.mixer.window is None
    assert found.given_mask
    assert any(fact.name == "attention mask" for fact in decoder_facts(found))


def test_attention_that_sees_all_tokens_is_a_hole(tmp_path: Path, transformers_source: Path) -> None:
    with pytest.raises(NotUnderstood, match="neither causal nor a sliding window"):
        read(tmp_path, transformers_source, mask="mask = None")


def test_a_mask_that_the_model_saves_is_left_out(tmp_path: Path, transformers_source: Path) -> None:
    parts = {
        "head": "self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)\n"
        'self.register_buffer("table", torch.arange(4))',
        "projections": 'self.register_buffer("seen", torch.tril(torch.ones(4, 4, dtype=torch.bool)))\n'
        "self.k_proj = nn.Linear(config.hidden_size, self.kv_heads * self.size, bias=False)\n"
        "self.v_proj = nn.Linear(config.hidden_size, self.kv_heads * self.size, bias=False)",
    }
    found = read(tmp_path, transformers_source, **parts)
    assert found.buffers == ("model.layers.{layer}.self_attn.seen", "table")


SCALED = {"rope_scaling": {"type": "dynamic", "alpha": 1000.0}}
ALPHA = """
base = config.rope_theta * config.rope_scaling["alpha"] ** (self.size / (self.size - 2))
self.scaled = VelaRotary(self.size, config.max_position_embeddings, base)
self.k_proj = nn.Linear(config.hidden_size, self.kv_heads * self.size, bias=False)
self.v_proj = nn.Linear(config.hidden_size, self.kv_heads * self.size, bias=False)
"""


def test_scaling_that_a_config_class_of_transformers_4_keeps(tmp_path: Path, transformers_source: Path) -> None:
    forward = FORMS["fused, causal"]["forward"].replace("self.rotary(v, length)", "self.scaled(v, length)")
    found = attention(tmp_path, transformers_source, SCALED, projections=ALPHA, forward=forward)
    assert found.rope is not None
    assert found.rope.parameters == key("rope_parameters")


def test_a_scaling_that_is_not_used_leaves_the_theta_where_transformers_puts_it(
    tmp_path: Path, transformers_source: Path
) -> None:
    scaling = {"rope_scaling": {"type": "stretched", "factor": 4.0, "original_max_position_embeddings": 128}}
    found = attention(tmp_path, transformers_source, scaling)
    assert found.rope is not None
    assert found.rope.parameters == Entries((("rope_theta", key("rope_parameters", "rope_theta")),))


EXPERTS = """
class Expert(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.first = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.second = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)
        self.third = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)

    def forward(self, x):
        return self.second(F.gelu(self.first(x)) * self.third(x))


class LayerOfExperts(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.self_attn = VelaAttention(config, layer_idx)
        self.router = nn.Linear(config.hidden_size, config.num_experts, bias=False)
        self.moe = nn.ModuleList([Expert(config) for _ in range(config.num_experts)])
        self.input_layernorm = VelaNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = VelaNorm(config.hidden_size, config.rms_norm_eps)
        self.top_k = config.num_experts_per_tok

    def forward(self, x, **kwargs):
        x = x + self.self_attn(self.input_layernorm(x), **kwargs)
        taken = self.post_attention_layernorm(x).view(-1, x.shape[-1])
        weights, chosen = torch.topk(F.softmax(self.router(taken), dim=1), self.top_k, dim=-1)
        out = torch.zeros_like(taken)
        for number, expert in enumerate(self.moe):
            token, place = torch.where(chosen == number)
            if token.numel():
                out.index_add_(0, token, expert(taken[token.tolist()]) * weights[token, place, None])
        return x + out.view(x.shape)


VelaLayer = LayerOfExperts
"""


@costly
def test_a_router_and_experts_that_the_layer_itself_calls(tmp_path: Path, transformers_source: Path) -> None:
    config = {"num_experts": 6, "num_experts_per_tok": 2}
    found = read(tmp_path, transformers_source, config, classes=EXPERTS).layer.feed_forward
    assert isinstance(found, ExpertsSpec)
    assert (found.name, found.experts_name, found.router.name) == ("", "moe", "router")
    assert (found.gate_name, found.up_name) == ("{expert}.first.weight", "{expert}.third.weight")
    assert found.router.top_k.key == "num_experts_per_tok"


KEEPS_LOSS = """
class Choosing(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.router = nn.Linear(config.hidden_size, config.num_experts, bias=False)
        self.experts = nn.ModuleList([Expert(config) for _ in range(config.num_experts)])
        self.top_k = config.num_experts_per_tok

    def forward(self, x):
        taken = x.view(-1, x.shape[-1])
        shares = F.softmax(self.router(taken), dim=-1)
        weights, chosen = torch.topk(shares, self.top_k, dim=-1)
        out = torch.zeros_like(taken)
        for number, expert in enumerate(self.experts):
            token, place = torch.where(chosen == number)
            out.index_add_(0, token, expert(taken[token]) * weights[token, place, None])
        self.loss = shares.new_zeros(1).squeeze()
        return out.view(x.shape)


VelaMLP = Choosing
"""


@costly
def test_experts_of_a_layer_that_keeps_its_loss(tmp_path: Path, transformers_source: Path) -> None:
    # No other layer stands in for one that leaves a trace: it is read, and its experts called, while the model runs.
    config = {"num_experts": 6, "num_experts_per_tok": 2}
    classes = EXPERTS.partition("class LayerOfExperts")[0] + KEEPS_LOSS
    found = read(tmp_path, transformers_source, config, classes=classes).layer.feed_forward
    assert isinstance(found, ExpertsSpec)
    assert found.router.top_k.key == "num_experts_per_tok"


def test_attention_of_a_model_of_transformers_4(tmp_path: Path, transformers_source: Path) -> None:
    imports = "from transformers.models.llama.modeling_llama import LlamaAttention, LlamaFlashAttention2"
    classes = """
ATTENTION = {"eager": LlamaAttention, "flash_attention_2": LlamaFlashAttention2}


class Old(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.self_attn = ATTENTION[config._attn_implementation](config=config, layer_idx=layer_idx)
        self.mlp = VelaMLP(config)
        self.input_layernorm = VelaNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = VelaNorm(config.hidden_size, config.rms_norm_eps)

    def forward(self, x, attention_mask=None, position_ids=None, **kwargs):
        out, _, _ = self.self_attn(self.input_layernorm(x), attention_mask=attention_mask, position_ids=position_ids)
        x = x + out
        return x + self.mlp(self.post_attention_layernorm(x))


VelaLayer = Old
"""
    found = attention(tmp_path, transformers_source, {"attention_bias": False}, imports=imports, classes=classes)
    assert found.projection == SEPARATE
    assert found.rope is not None


def test_attention_of_todays_transformers_does_not_stand_in_for_that_of_an_earlier_one(
    tmp_path: Path, transformers_source: Path
) -> None:
    parts = {"imports": "from transformers.models.llama.modeling_llama import LlamaAttention"}
    parts["classes"] = "VelaAttention = LlamaAttention\n"
    with pytest.raises(NotUnderstood):
        read(tmp_path, transformers_source, {"attention_bias": False}, **parts)


OF_THE_LIBRARY = """
class Rotary(nn.Module):
    def __init__(self, config):
        super().__init__()
        kind = "default" if config.rope_scaling is None else config.rope_scaling["rope_type"]
        inverse, self.factor = ROPE_INIT_FUNCTIONS[kind](config, None)
        self.register_buffer("inv_freq", inverse, persistent=False)

    def forward(self, x, length):
        angles = torch.arange(length)[:, None] * self.inv_freq
        table = torch.cat((angles, angles), dim=-1)
        return table.cos() * self.factor, table.sin() * self.factor
"""
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}
LONGER = {**YARN, "factor": 2.0}
"""The trained length of the config is four times the original one: what counted before 4.56."""
LONG = {"rope_type": "longrope", "factor": 4.0, "short_factor": [1.0] * 4, "long_factor": [2.0] * 4}
ROPE_IMPORT = "from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS"


def scaled(directory: Path, transformers: Path, imports: str, config: dict[str, Any]) -> AttentionSpec:
    parts = {"imports": f"{ROPE_IMPORT}\n{imports}", "classes": OF_THE_LIBRARY}
    parts["projections"] = ALPHA.partition("self.k_proj")[2].join(["self.table = Rotary(config)\nself.k_proj", ""])
    parts["forward"] = FORMS["fused, causal"]["forward"].replace("self.rotary(v, length)", "self.table(v, length)")
    return attention(directory, transformers, config, **parts)


@pytest.mark.parametrize(
    ("imports", "config"),
    [
        ("", {}),
        ("", {"rope_scaling": {"rope_type": "linear", "factor": 2.0}}),
        ("from transformers.masking_utils import create_causal_mask", {"rope_scaling": YARN}),
        ("", {"rope_scaling": YARN, "transformers_version": "4.55.4"}),
        ("", {"rope_scaling": LONGER, "transformers_version": "4.56.2"}),
    ],
)
def test_rotations_by_functions_of_the_library(
    imports: str, config: dict[str, Any], tmp_path: Path, transformers_source: Path
) -> None:
    assert scaled(tmp_path, transformers_source, imports, config).rope is not None


@pytest.mark.parametrize(
    "config",
    [
        {"rope_scaling": YARN},
        {"rope_scaling": YARN, "transformers_version": "4.44.2"},
        {"rope_scaling": LONGER, "transformers_version": "4.55.4"},
        {"rope_scaling": {**LONG, "original_max_position_embeddings": 32}, "transformers_version": "4.57.1"},
    ],
)
def test_rotations_that_releases_compute_in_different_ways_are_a_hole(
    config: dict[str, Any], tmp_path: Path, transformers_source: Path
) -> None:
    with pytest.raises(NotUnderstood, match="computed in another way"):
        scaled(tmp_path, transformers_source, "", config)


def test_modules_that_no_text_goes_through_are_left_out(tmp_path: Path, transformers_source: Path) -> None:
    more = """
self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
self.heads = nn.ModuleList([VelaLayer(config, number) for number in range(2)])
self.gate = nn.Linear(config.hidden_size, 1)
"""
    assert read(tmp_path, transformers_source, head=more).unused == ("heads", "gate")


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (
            "range(config.num_hidden_layers)])",
            "range(config.num_hidden_layers + 1)])",
            "a list of layers that holds other modules, too (model.layers: 3 for 2 layers)",
        ),
    ],
)
def test_what_is_odd_about_a_list_of_layers_is_said(
    old: str, new: str, what: str, tmp_path: Path, transformers_source: Path
) -> None:
    found = source(tmp_path, transformers_source)
    text = (tmp_path / "modeling_vela.py").read_text().replace("head_mask[number]", "None")
    assert old in text
    (tmp_path / "modeling_vela.py").write_text(text.replace(old, new))
    again = find("VelaForCausalLM", "vela", CONFIG["auto_map"], tmp_path, transformers_source)
    assert again is not None
    assert found.class_name == again.class_name
    with pytest.raises(NotUnderstood, match=re.escape(what)):
        read_decoder(again, Text(CONFIG))  # type: ignore[arg-type]
