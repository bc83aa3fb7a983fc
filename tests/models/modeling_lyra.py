"""A model that we made up: sandwich norms, q, k and v per group in one layer, a gate on heads, experts in some layers."""

import torch
import torch.nn.functional as F
from torch import nn
from transformers import PreTrainedModel
from transformers.activations import ACT2FN
from transformers.masking_utils import create_causal_mask, create_sliding_window_causal_mask
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast

from .configuration_lyra import LyraConfig


class LyraNorm(nn.Module):
    def __init__(self, size, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(size))
        self.eps = eps

    def forward(self, x):
        return F.rms_norm(x, (x.shape[-1],), eps=self.eps) * (1.0 + self.weight)


def turn(x, cos, sin):
    """Rotate as many of the first entries as there are angles for."""
    size = cos.shape[-1]
    one, two, rest = x[..., :size], x[..., size : 2 * size], x[..., 2 * size :]
    return torch.cat((one * cos - two * sin, two * cos + one * sin, rest), dim=-1)


class LyraAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.kv_heads = config.num_key_value_heads
        self.per_group = config.num_attention_heads // self.kv_heads
        self.head_dim = config.head_dim
        self.scale = config.query_pre_attn_scalar**-0.5
        self.cap = config.attn_logit_softcapping
        self.qkv = nn.Linear(config.hidden_size, self.kv_heads * (self.per_group + 2) * self.head_dim, bias=False)
        self.head_gate = nn.Linear(config.hidden_size, config.num_attention_heads, bias=True)
        self.out = nn.Linear(config.num_attention_heads * self.head_dim, config.hidden_size, bias=False)

    def forward(self, x, cos, sin, mask):
        batch, length = x.shape[:2]
        groups = self.qkv(x).view(batch, length, self.kv_heads, self.per_group + 2, self.head_dim)
        q = groups[:, :, :, :-2].reshape(batch, length, -1, self.head_dim).transpose(1, 2)
        k, v = groups[:, :, :, -2].transpose(1, 2), groups[:, :, :, -1].transpose(1, 2)
        q, k = turn(q, cos, sin), turn(k, cos, sin)
        k, v = k.repeat_interleave(self.per_group, dim=1), v.repeat_interleave(self.per_group, dim=1)
        scores = torch.tanh(q @ k.transpose(-1, -2) * self.scale / self.cap) * self.cap
        if mask is not None:
            scores = scores + mask
        out = (F.softmax(scores, dim=-1) @ v).transpose(1, 2)
        out = out * torch.sigmoid(self.head_gate(x)).unsqueeze(-1)
        return self.out(out.reshape(batch, length, -1))


class LyraMLP(nn.Module):
    def __init__(self, config, inner):
        super().__init__()
        self.gate = nn.Linear(config.hidden_size, inner, bias=False)
        self.up = nn.Linear(config.hidden_size, inner, bias=False)
        self.down = nn.Linear(inner, config.hidden_size, bias=False)
        self.act = ACT2FN[config.hidden_activation]

    def forward(self, x):
        return self.down(self.act(self.gate(x)) * self.up(x))


class LyraExperts(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.top_k = config.num_experts_per_tok
        count, inner, hidden = config.num_experts, config.moe_intermediate_size, config.hidden_size
        self.router = nn.Linear(hidden, count, bias=False)
        self.gate_up_proj = nn.Parameter(torch.empty(count, 2 * inner, hidden))
        self.down_proj = nn.Parameter(torch.empty(count, hidden, inner))
        self.shared = LyraMLP(config, config.shared_expert_intermediate_size)
        self.shared_gate = nn.Linear(hidden, 1, bias=False)
        self.act = ACT2FN[config.hidden_activation]

    def forward(self, x):
        shape = x.shape
        x = x.view(-1, shape[-1])
        best, chosen = torch.topk(self.router(x), self.top_k, dim=-1)
        best = F.softmax(best, dim=-1)
        routed = torch.zeros_like(x)
        for expert in range(self.gate_up_proj.shape[0]):
            share = torch.where(chosen == expert, best, torch.zeros_like(best)).sum(-1, keepdim=True)
            gate, up = F.linear(x, self.gate_up_proj[expert]).chunk(2, dim=-1)
            routed = routed + share * F.linear(self.act(gate) * up, self.down_proj[expert])
        return (routed + torch.sigmoid(self.shared_gate(x)) * self.shared(x)).view(shape)


class LyraLayer(nn.Module):
    def __init__(self, config, index):
        super().__init__()
        size, eps = config.hidden_size, config.rms_norm_eps
        self.before_mix, self.after_mix = LyraNorm(size, eps), LyraNorm(size, eps)
        self.before_feed, self.after_feed = LyraNorm(size, eps), LyraNorm(size, eps)
        self.mix = LyraAttention(config)
        dense = index < config.first_k_dense_replace
        self.feed = LyraMLP(config, config.intermediate_size) if dense else LyraExperts(config)

    def forward(self, x, cos, sin, mask):
        x = x + self.after_mix(self.mix(self.before_mix(x), cos, sin, mask))
        return x + self.after_feed(self.feed(self.before_feed(x)))


class LyraModel(PreTrainedModel):
    config_class = LyraConfig

    def __init__(self, config):
        super().__init__(config)
        self.tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.blocks = nn.ModuleList([LyraLayer(config, i) for i in range(config.num_hidden_layers)])
        self.last = LyraNorm(config.hidden_size, config.rms_norm_eps)
        self.post_init()

    def forward(self, input_ids, **kwargs):
        x = self.tokens(input_ids) * self.config.embedding_multiplier
        rope = self.config.rope_parameters
        size = int(self.config.head_dim * rope["partial_rotary_factor"])
        powers = torch.arange(0, size, 2, dtype=torch.float) / size
        positions = torch.arange(input_ids.shape[1], dtype=torch.float)
        angles = torch.outer(positions, 1.0 / rope["rope_theta"] ** powers)
        makers = {"full_attention": create_causal_mask, "sliding_attention": create_sliding_window_causal_mask}
        asked = {"config": self.config, "inputs_embeds": x, "attention_mask": None, "past_key_values": None}
        masks = {name: make(**asked) for name, make in makers.items()}
        for block, kind in zip(self.blocks, self.config.layer_types):
            x = block(x, angles.cos(), angles.sin(), masks[kind])
        return BaseModelOutputWithPast(last_hidden_state=self.last(x))


class LyraForCausalLM(PreTrainedModel):
    config_class = LyraConfig
    _tied_weights_keys = {"head.weight": "model.tokens.weight"}

    def __init__(self, config):
        super().__init__(config)
        self.model = LyraModel(config)
        self.head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def get_input_embeddings(self):
        return self.model.tokens

    def get_output_embeddings(self):
        return self.head

    def forward(self, input_ids, **kwargs):
        return CausalLMOutputWithPast(logits=self.head(self.model(input_ids, **kwargs).last_hidden_state))
