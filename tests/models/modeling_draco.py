"""A model that we made up: a module of mixer and norms, values normed, keys as values, experts in rows, a last factor."""

import torch
import torch.nn.functional as F
from torch import nn
from transformers import PreTrainedModel
from transformers.masking_utils import create_causal_mask, create_sliding_window_causal_mask
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast

from .configuration_draco import DracoConfig


class DracoNorm(nn.Module):
    def __init__(self, size, eps, scaled=True):
        super().__init__()
        self.eps = eps
        self.scaled = scaled
        if scaled:
            self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x):
        normed = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)
        return normed * self.weight if self.scaled else normed


def turn(x, cos, sin):
    one, two = x.chunk(2, dim=-1)
    return torch.cat((one * cos - two * sin, two * cos + one * sin), dim=-1)


class DracoAttention(nn.Module):
    """Full layers have wider heads, fewer of k, and no projection of v: it is what that of k gives."""

    def __init__(self, config, index):
        super().__init__()
        own = config.per_layer_config[index]
        self.size, self.kv_heads = own.head_dim, own.num_key_value_heads
        self.repeats = config.num_attention_heads // self.kv_heads
        self.limit = config.mix_config.clip_values
        self.q_proj = nn.Linear(config.hidden_size, config.num_attention_heads * self.size, bias=False)
        self.k_proj = nn.Linear(config.hidden_size, self.kv_heads * self.size, bias=False)
        self.v_proj = None
        if config.layer_types[index] == "sliding_attention":
            self.v_proj = nn.Linear(config.hidden_size, self.kv_heads * self.size, bias=False)
        self.q_norm = DracoNorm(self.size, config.rms_norm_eps)
        self.k_norm = DracoNorm(self.size, config.rms_norm_eps)
        self.v_norm = DracoNorm(self.size, config.rms_norm_eps, scaled=False)
        self.out = nn.Linear(config.num_attention_heads * self.size, config.hidden_size, bias=False)

    def forward(self, x, cos, sin, mask):
        shape = (*x.shape[:2], -1, self.size)
        q, k = (layer(x).clamp(-self.limit, self.limit).view(shape) for layer in (self.q_proj, self.k_proj))
        v = k if self.v_proj is None else self.v_proj(x).clamp(-self.limit, self.limit).view(shape)
        q = turn(self.q_norm(q).transpose(1, 2), cos, sin)
        k = turn(self.k_norm(k).transpose(1, 2), cos, sin).repeat_interleave(self.repeats, dim=1)
        v = self.v_norm(v).transpose(1, 2).repeat_interleave(self.repeats, dim=1)
        scores = q @ k.transpose(-1, -2) * self.size**-0.5
        if mask is not None:
            scores = scores + mask
        out = (F.softmax(scores, dim=-1) @ v).transpose(1, 2)
        return self.out(out.reshape(*x.shape[:2], -1))


class DracoMix(nn.Module):
    def __init__(self, config, index):
        super().__init__()
        self.norm_1 = DracoNorm(config.hidden_size, config.rms_norm_eps)
        self.attn = DracoAttention(config, index)
        self.norm_2 = DracoNorm(config.hidden_size, config.rms_norm_eps)

    def forward(self, x, cos, sin, mask):
        x = x + self.attn(self.norm_1(x), cos, sin, mask)
        return x, self.norm_2(x)


class DracoRows(nn.Module):
    """Weights of all experts, one after the other."""

    def __init__(self, config):
        super().__init__()
        self.shape = (config.num_experts, config.moe_intermediate_size, config.hidden_size)
        rows = config.num_experts * config.moe_intermediate_size
        self.w1 = nn.Parameter(torch.empty(rows, config.hidden_size))
        self.v1 = nn.Parameter(torch.empty(rows, config.hidden_size))
        self.w2 = nn.Parameter(torch.empty(rows, config.hidden_size))

    def forward(self, x, expert):
        w1, v1, w2 = (rows.view(self.shape)[expert] for rows in (self.w1, self.v1, self.w2))
        return (F.silu(x @ w1.T) * (x @ v1.T)) @ w2


class DracoExperts(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.top_k = config.num_experts_per_tok
        self.count = config.num_experts
        self.router = nn.Linear(config.hidden_size, config.num_experts, bias=False)
        self.all = DracoRows(config)

    def forward(self, x):
        shape = x.shape
        x = x.view(-1, shape[-1])
        best, chosen = torch.topk(F.softmax(self.router(x), dim=-1), self.top_k, dim=-1)
        best = best / best.sum(-1, keepdim=True)
        routed = torch.zeros_like(x)
        for expert in range(self.count):
            share = torch.where(chosen == expert, best, torch.zeros_like(best)).sum(-1, keepdim=True)
            routed = routed + share * self.all(x, expert)
        return routed.view(shape)


class DracoLayer(nn.Module):
    def __init__(self, config, index):
        super().__init__()
        self.mix = DracoMix(config, index)
        self.experts_of_layer = DracoExperts(config)
        self.register_buffer("last_factor", torch.ones(1))

    def forward(self, x, cos, sin, mask):
        x, normed = self.mix(x, cos, sin, mask)
        x = x + self.experts_of_layer(normed)
        return x * self.last_factor


class DracoModel(PreTrainedModel):
    config_class = DracoConfig

    def __init__(self, config):
        super().__init__(config)
        self.tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.blocks = nn.ModuleList([DracoLayer(config, i) for i in range(config.num_hidden_layers)])
        self.last = DracoNorm(config.hidden_size, config.rms_norm_eps)
        self.post_init()

    def forward(self, input_ids, **kwargs):
        x = self.tokens(input_ids)
        positions = torch.arange(input_ids.shape[1], dtype=torch.float)
        makers = {"full_attention": create_causal_mask, "sliding_attention": create_sliding_window_causal_mask}
        asked = {"config": self.config, "inputs_embeds": x, "attention_mask": None, "past_key_values": None}
        masks = {name: make(**asked) for name, make in makers.items()}
        for block, kind in zip(self.blocks, self.config.layer_types):
            size = block.mix.attn.size
            powers = torch.arange(0, size, 2, dtype=torch.float) / size
            angles = torch.outer(positions, 1.0 / self.config.rope_parameters["rope_theta"] ** powers)
            x = block(x, angles.cos(), angles.sin(), masks[kind])
        return BaseModelOutputWithPast(last_hidden_state=self.last(x))


class DracoForCausalLM(PreTrainedModel):
    config_class = DracoConfig

    def __init__(self, config):
        super().__init__(config)
        self.model = DracoModel(config)
        self.head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def get_input_embeddings(self):
        return self.model.tokens

    def get_output_embeddings(self):
        return self.head

    def forward(self, input_ids, **kwargs):
        return CausalLMOutputWithPast(logits=self.head(self.model(input_ids, **kwargs).last_hidden_state))
