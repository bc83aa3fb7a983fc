"""A model that we made up: learned positions, transposed weights, both blocks in parallel, a head with a bias."""

import torch
import torch.nn.functional as F
from torch import nn
from transformers import PreTrainedModel
from transformers.activations import ACT2FN
from transformers.masking_utils import create_causal_mask
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast
from transformers.pytorch_utils import Conv1D

from .configuration_vega import VegaConfig


class VegaBlock(nn.Module):
    def __init__(self, config):
        super().__init__()
        size = config.n_embd
        self.heads, self.head_dim = config.n_head, size // config.n_head
        self.ln = nn.LayerNorm(size, eps=config.layer_norm_epsilon)
        self.attn = VegaAttention(config)
        self.mlp = VegaMLP(config)

    def forward(self, x, mask):
        normed = self.ln(x)
        return self.mlp(normed) + x + self.attn(normed, mask)


class VegaAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.heads, self.head_dim = config.n_head, config.n_embd // config.n_head
        self.c_attn = Conv1D(3 * config.n_embd, config.n_embd)
        self.c_proj = Conv1D(config.n_embd, config.n_embd)

    def forward(self, x, mask):
        batch, length = x.shape[:2]
        # values lie before keys
        q, v, k = self.c_attn(x).view(batch, length, 3, self.heads, self.head_dim).permute(2, 0, 3, 1, 4).unbind(0)
        scores = q @ k.transpose(-1, -2) / self.head_dim**0.5
        if mask is not None:
            scores = scores + mask
        return self.c_proj((F.softmax(scores, dim=-1) @ v).transpose(1, 2).reshape(batch, length, -1))


class VegaMLP(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.c_fc = Conv1D(config.n_inner, config.n_embd)
        self.c_proj = Conv1D(config.n_embd, config.n_inner)
        self.act = ACT2FN[config.activation_function]

    def forward(self, x):
        return self.c_proj(self.act(self.c_fc(x)))


class VegaModel(PreTrainedModel):
    config_class = VegaConfig

    def __init__(self, config):
        super().__init__(config)
        self.wte = nn.Embedding(config.vocab_size, config.n_embd)
        self.wpe = nn.Embedding(config.n_positions + 2, config.n_embd)
        self.h = nn.ModuleList([VegaBlock(config) for _ in range(config.n_layer)])
        self.ln_f = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        self.post_init()

    def forward(self, input_ids, **kwargs):
        positions = torch.arange(input_ids.shape[1]).unsqueeze(0)
        x = self.wte(input_ids) + self.wpe(positions + 2)
        mask = create_causal_mask(config=self.config, inputs_embeds=x, attention_mask=None, past_key_values=None)
        for block in self.h:
            x = block(x, mask)
        return BaseModelOutputWithPast(last_hidden_state=self.ln_f(x))


class VegaForCausalLM(PreTrainedModel):
    config_class = VegaConfig

    def __init__(self, config):
        super().__init__(config)
        self.transformer = VegaModel(config)
        self.lm_head = nn.Linear(config.n_embd, config.vocab_size)
        self.post_init()

    def forward(self, input_ids, **kwargs):
        return CausalLMOutputWithPast(logits=self.lm_head(self.transformer(input_ids, **kwargs).last_hidden_state))
