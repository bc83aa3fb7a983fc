"""Llama's attention as transformers 4.36 to 4.47 had it, which makes its rotations itself: what it computes.

Nothing imports this file. It is read as any modeling source is, for remote code that takes the class from there
(src/transformers/models/llama/modeling_llama.py of those releases).
"""

import math

import torch
from torch import nn


def rotate_half(x):
    """``(first, second)`` → ``(-second, first)``."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat((-second, first), dim=-1)


class LlamaAttention(nn.Module):
    """Grouped-query attention with rotations of ``rope_theta``."""

    def __init__(self, config, layer_idx=None):
        super().__init__()
        if config.rope_scaling is not None:
            raise NotImplementedError("scaled rotations of an earlier release")
        self.num_heads, self.num_key_value_heads = config.num_attention_heads, config.num_key_value_heads
        self.head_dim = getattr(config, "head_dim", None) or config.hidden_size // self.num_heads
        hidden, bias = config.hidden_size, config.attention_bias
        self.q_proj = nn.Linear(hidden, self.num_heads * self.head_dim, bias=bias)
        self.k_proj = nn.Linear(hidden, self.num_key_value_heads * self.head_dim, bias=bias)
        self.v_proj = nn.Linear(hidden, self.num_key_value_heads * self.head_dim, bias=bias)
        self.o_proj = nn.Linear(self.num_heads * self.head_dim, hidden, bias=bias)
        entries = torch.arange(0, self.head_dim, 2) / self.head_dim
        self.register_buffer("inverse_frequencies", 1.0 / (config.rope_theta**entries), persistent=False)

    def forward(
        self,
        hidden_states,
        attention_mask=None,
        position_ids=None,
        past_key_value=None,
        output_attentions=False,
        use_cache=False,
        cache_position=None,
        position_embeddings=None,
        **kwargs,
    ):
        """Return the output, no weights, and the cache as it was."""
        batch, length, _ = hidden_states.shape
        q = self.q_proj(hidden_states).view(batch, length, self.num_heads, self.head_dim).transpose(1, 2)
        k = self.k_proj(hidden_states).view(batch, length, self.num_key_value_heads, self.head_dim).transpose(1, 2)
        v = self.v_proj(hidden_states).view(batch, length, self.num_key_value_heads, self.head_dim).transpose(1, 2)
        if position_embeddings is None:
            angles = position_ids[:, :, None] * self.inverse_frequencies
            table = torch.cat((angles, angles), dim=-1)
            cos, sin = table.cos()[:, None], table.sin()[:, None]
        else:
            cos, sin = (one[:, None] for one in position_embeddings)
        q, k = q * cos + rotate_half(q) * sin, k * cos + rotate_half(k) * sin
        k = k.repeat_interleave(self.num_heads // self.num_key_value_heads, dim=1)
        v = v.repeat_interleave(self.num_heads // self.num_key_value_heads, dim=1)
        weights = torch.matmul(q, k.transpose(2, 3)) / math.sqrt(self.head_dim)
        if attention_mask is not None:
            weights = weights + attention_mask[:, :, :, :length]
        out = torch.matmul(nn.functional.softmax(weights, dim=-1), v).transpose(1, 2).reshape(batch, length, -1)
        return self.o_proj(out), None, past_key_value
