"""A model that we made up: norms over all of q and k after the rotation, sinks, experts one by one, multipliers."""

import torch
import torch.nn.functional as F
from torch import nn
from transformers import PreTrainedModel
from transformers.activations import ACT2FN
from transformers.masking_utils import create_causal_mask
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast

from .configuration_orion import OrionConfig


class OrionRMSNorm(nn.Module):
    def __init__(self, size, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.variance_epsilon = eps

    def forward(self, x):
        return self.weight * x / (x.square().mean(-1, keepdim=True) + self.variance_epsilon).sqrt()


def turn(x, cos, sin):
    pairs = x.unflatten(-1, (-1, 2))
    even, odd = pairs[..., 0], pairs[..., 1]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)


class OrionAttention(nn.Module):
    def __init__(self, config, turns):
        super().__init__()
        self.head_dim, self.turns = config.head_dim, turns
        heads, kv_heads, bias = config.num_attention_heads, config.num_key_value_heads, config.attention_bias
        self.groups = heads // kv_heads
        self.q_proj = nn.Linear(config.hidden_size, heads * self.head_dim, bias=bias)
        self.k_proj = nn.Linear(config.hidden_size, kv_heads * self.head_dim, bias=bias)
        self.v_proj = nn.Linear(config.hidden_size, kv_heads * self.head_dim, bias=bias)
        self.o_proj = nn.Linear(heads * self.head_dim, config.hidden_size, bias=False)
        self.q_norm = OrionRMSNorm(heads * self.head_dim, config.rms_norm_eps)
        self.k_norm = OrionRMSNorm(kv_heads * self.head_dim, config.rms_norm_eps)
        self.sinks = nn.Parameter(torch.zeros(heads))

    def forward(self, x, cos, sin, mask):
        heads = (*x.shape[:2], -1, self.head_dim)
        q, k = self.q_proj(x).view(heads).transpose(1, 2), self.k_proj(x).view(heads).transpose(1, 2)
        v = self.v_proj(x).view(heads).transpose(1, 2)
        if self.turns:
            q, k = turn(q, cos, sin), turn(k, cos, sin)
        q = self.q_norm(q.transpose(1, 2).flatten(2)).view(heads).transpose(1, 2)
        k = self.k_norm(k.transpose(1, 2).flatten(2)).view(heads).transpose(1, 2)
        k, v = k.repeat_interleave(self.groups, dim=1), v.repeat_interleave(self.groups, dim=1)
        scores = q @ k.transpose(-1, -2) * self.head_dim**-0.5
        if mask is not None:
            scores = scores + mask
        sinks = self.sinks.view(1, -1, 1, 1).expand(scores.shape[0], -1, scores.shape[2], 1)
        weights = F.softmax(torch.cat((scores, sinks), dim=-1), dim=-1)[..., :-1]
        return self.o_proj((weights @ v).transpose(1, 2).reshape(*x.shape[:2], -1))


class OrionExpert(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.w1 = nn.Linear(config.hidden_size, config.moe_intermediate_size, bias=False)
        self.w2 = nn.Linear(config.moe_intermediate_size, config.hidden_size, bias=False)
        self.w3 = nn.Linear(config.hidden_size, config.moe_intermediate_size, bias=False)
        self.act = ACT2FN[config.hidden_act]

    def forward(self, x):
        return self.w2(self.act(self.w1(x)) * self.w3(x))


class OrionRouter(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.weight = nn.Parameter(torch.empty(config.n_routed_experts, config.hidden_size))
        self.correction = nn.Parameter(torch.zeros(config.n_routed_experts))

    def forward(self, x):
        config = self.config
        scores = torch.sigmoid(F.linear(x, self.weight))
        choice = scores + self.correction
        grouped = choice.view(-1, config.n_group, config.n_routed_experts // config.n_group)
        worth = grouped.topk(2, dim=-1)[0].sum(dim=-1)
        best = worth.topk(config.topk_group, dim=-1)[1]
        kept = torch.zeros_like(worth).scatter(1, best, 1.0).unsqueeze(-1).expand(grouped.shape).reshape(choice.shape)
        chosen = choice.masked_fill(kept == 0.0, float("-inf")).topk(config.num_experts_per_tok, dim=-1)[1]
        weights = scores.gather(1, chosen)
        if config.norm_topk_prob:
            weights = weights / weights.sum(dim=-1, keepdim=True)
        return weights * config.routed_scaling_factor, chosen


class OrionExperts(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.router = OrionRouter(config)
        self.experts = nn.ModuleList([OrionExpert(config) for _ in range(config.n_routed_experts)])

    def forward(self, x):
        shape = x.shape
        x = x.view(-1, shape[-1])
        weights, chosen = self.router(x)
        out = torch.zeros_like(x)
        for number, expert in enumerate(self.experts):
            share = (weights * (chosen == number)).sum(-1, keepdim=True)
            out = out + share * expert(x)
        return out.view(shape)


class OrionLayer(nn.Module):
    def __init__(self, config, turns):
        super().__init__()
        self.attn_norm = OrionRMSNorm(config.hidden_size, config.rms_norm_eps)
        self.attn = OrionAttention(config, turns)
        self.moe_norm = OrionRMSNorm(config.hidden_size, config.rms_norm_eps)
        self.moe = OrionExperts(config)
        self.factor = config.residual_multiplier

    def forward(self, x, cos, sin, mask):
        x = x + self.factor * self.attn(self.attn_norm(x), cos, sin, mask)
        return x + self.factor * self.moe(self.moe_norm(x))


class OrionModel(PreTrainedModel):
    config_class = OrionConfig

    def __init__(self, config):
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([OrionLayer(config, bool(turns)) for turns in config.no_rope_layers])
        self.norm = OrionRMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_init()

    def forward(self, input_ids, **kwargs):
        x = self.embed_tokens(input_ids)
        size, theta = self.config.head_dim, self.config.rope_parameters["rope_theta"]
        frequencies = theta ** (-torch.arange(0, size, 2, dtype=torch.float) / size)
        angles = torch.arange(input_ids.shape[1], dtype=torch.float)[:, None] * frequencies
        mask = create_causal_mask(config=self.config, inputs_embeds=x, attention_mask=None, past_key_values=None)
        for layer in self.layers:
            x = layer(x, angles.cos(), angles.sin(), mask)
        return BaseModelOutputWithPast(last_hidden_state=self.norm(x))


class OrionForCausalLM(PreTrainedModel):
    config_class = OrionConfig

    def __init__(self, config):
        super().__init__(config)
        self.model = OrionModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def forward(self, input_ids, **kwargs):
        logits = self.lm_head(self.model(input_ids, **kwargs).last_hidden_state)
        return CausalLMOutputWithPast(logits=logits / self.config.logits_scaling)
