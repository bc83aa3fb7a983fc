"""A model that we made up, in the manner of modeling files: read by us; only a twin whose user trusts it runs it."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn
from transformers import PreTrainedModel
from transformers.activations import ACT2FN
from transformers.masking_utils import create_causal_mask
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from .configuration_nova import NovaConfig


class NovaNorm(nn.Module):
    def __init__(self, size, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x):
        scale = 1.0 / torch.sqrt((x * x).sum(-1, keepdim=True) / x.shape[-1] + self.eps)
        return x * scale * self.weight


class NovaGatedBlock(nn.Module):
    def __init__(self, config, inner=None):
        super().__init__()
        inner = inner or config.intermediate_size
        self.gate_proj = nn.Linear(config.hidden_size, inner, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, inner, bias=False)
        self.down_proj = nn.Linear(inner, config.hidden_size, bias=False)
        self.act = ACT2FN[config.hidden_act]

    def forward(self, x):
        gate, up = self.gate_proj(x), self.up_proj(x)
        return self.down_proj(up * self.act(gate))


def turn(x, cos, sin):
    even, odd = x[..., ::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, odd * cos + even * sin), dim=-1).flatten(-2)


def eager_attention_forward(module, query, key, value, attention_mask, scaling, **kwargs):
    key = key.repeat_interleave(module.groups, dim=1)
    value = value.repeat_interleave(module.groups, dim=1)
    scores = query @ key.transpose(-1, -2) * scaling
    if attention_mask is not None:
        scores = scores + attention_mask
    out = F.softmax(scores, dim=-1, dtype=torch.float32).to(query.dtype) @ value
    return out.transpose(1, 2).contiguous(), None


class NovaAttention(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.config = config
        self.groups = config.num_attention_heads // config.num_key_value_heads
        self.head_dim = config.head_dim
        self.q_proj = nn.Linear(config.hidden_size, config.num_attention_heads * self.head_dim, bias=config.qkv_bias)
        self.k_proj = nn.Linear(config.hidden_size, config.num_key_value_heads * self.head_dim, bias=config.qkv_bias)
        self.v_proj = nn.Linear(config.hidden_size, config.num_key_value_heads * self.head_dim, bias=config.qkv_bias)
        self.o_proj = nn.Linear(config.num_attention_heads * self.head_dim, config.hidden_size, bias=False)

    def forward(self, hidden_states, position_embeddings, attention_mask=None, **kwargs):
        shape = (*hidden_states.shape[:-1], -1, self.head_dim)
        query = self.q_proj(hidden_states).view(shape).transpose(1, 2)
        key = self.k_proj(hidden_states).view(shape).transpose(1, 2)
        value = self.v_proj(hidden_states).view(shape).transpose(1, 2)
        cos, sin = position_embeddings
        query, key = turn(query, cos, sin), turn(key, cos, sin)
        attend: Callable = ALL_ATTENTION_FUNCTIONS.get_interface(
            self.config._attn_implementation, eager_attention_forward
        )
        out, _ = attend(self, query, key, value, attention_mask, scaling=self.head_dim**-0.5)
        return self.o_proj(out.reshape(*hidden_states.shape[:-1], -1))


class NovaLayer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.norm_in = NovaNorm(config.hidden_size, config.rms_norm_eps)
        self.attention = NovaAttention(config, layer_idx)
        self.norm_out = NovaNorm(config.hidden_size, config.rms_norm_eps)
        self.ffn = NovaGatedBlock(config)

    def forward(self, hidden_states, position_embeddings, attention_mask=None):
        hidden_states = hidden_states + self.attention(self.norm_in(hidden_states), position_embeddings, attention_mask)
        return hidden_states + self.ffn(self.norm_out(hidden_states))


class NovaModel(PreTrainedModel):
    config_class = NovaConfig

    def __init__(self, config: NovaConfig):
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([NovaLayer(config, i) for i in range(config.num_hidden_layers)])
        self.norm = NovaNorm(config.hidden_size, config.rms_norm_eps)
        self.post_init()

    def forward(self, input_ids, use_cache=None, **kwargs):
        hidden_states = self.embed_tokens(input_ids)
        positions = torch.arange(input_ids.shape[1], dtype=torch.float)
        theta = self.config.rope_parameters["rope_theta"]
        steps = torch.arange(0, self.config.head_dim, 2, dtype=torch.float)
        angles = torch.outer(positions, theta ** (-steps / self.config.head_dim))
        mask = create_causal_mask(
            config=self.config, inputs_embeds=hidden_states, attention_mask=None, past_key_values=None
        )
        for layer in self.layers:
            hidden_states = layer(hidden_states, (angles.cos(), angles.sin()), mask)
        return BaseModelOutputWithPast(last_hidden_state=self.norm(hidden_states))


class NovaForCausalLM(PreTrainedModel):
    config_class = NovaConfig

    def __init__(self, config):
        super().__init__(config)
        self.model = NovaModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def forward(self, input_ids, **kwargs):
        outputs = self.model(input_ids=input_ids, **kwargs)
        return CausalLMOutputWithPast(logits=self.lm_head(outputs.last_hidden_state))
