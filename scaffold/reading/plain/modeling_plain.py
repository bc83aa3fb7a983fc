"""The plain decoders, written down from the papers: what is read where a checkpoint of them has no source.

Nothing imports this file. It is read as any modeling source is, so that the same readers make the same spec of it. It
holds one decoder and, below, what tells each family apart. Modules are named as checkpoints name their tensors.

- The decoder with norms before each block: https://arxiv.org/abs/2002.04745, RMS norms https://arxiv.org/abs/1910.07467,
  rotations https://arxiv.org/abs/2104.09864, gated MLPs https://arxiv.org/abs/2002.05202, grouped queries
  https://arxiv.org/abs/2305.13245; together https://arxiv.org/abs/2302.13971 (Llama).
- Windows: https://arxiv.org/abs/2310.06825 (Mistral). Experts: https://arxiv.org/abs/2401.04088 (Mixtral).
- Biases, shared experts: https://arxiv.org/abs/2407.10671 (Qwen2). Norms of q and k: https://arxiv.org/abs/2505.09388
  (Qwen3).
- Longer contexts: https://arxiv.org/abs/2309.00071 (YaRN), https://arxiv.org/abs/2407.21783 (Llama 3).
"""

import math

import torch
from torch import nn
from transformers.activations import ACT2FN
from transformers.masking_utils import create_causal_mask, create_sliding_window_causal_mask


class RMSNorm(nn.Module):
    """``x / rms(x) * weight``."""

    def __init__(self, size, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x):
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps))


def llama3_frequencies(frequencies, rope):
    """Slow turns are slowed by the factor, fast ones are kept, those between are mixed."""
    turns = rope["original_max_position_embeddings"] * frequencies / (2 * math.pi)
    share = (turns - rope["low_freq_factor"]) / (rope["high_freq_factor"] - rope["low_freq_factor"])
    share = share.clamp(0, 1)
    return (1 - share) * frequencies / rope["factor"] + share * frequencies


def yarn_frequencies(frequencies, rope, size):
    """Pairs are mixed by their number, between the two at which so many turns fit into the original length."""
    ends = []
    for turns in (rope.get("beta_fast") or 32, rope.get("beta_slow") or 1):
        length = rope["original_max_position_embeddings"] / (turns * 2 * math.pi)
        ends.append(size * math.log(length) / (2 * math.log(rope["rope_theta"])))
    low, high = max(math.floor(ends[0]), 0), min(math.ceil(ends[1]), size - 1)
    if low == high:
        high = high + 0.001
    share = ((torch.arange(size // 2).float() - low) / (high - low)).clamp(0, 1)
    return share * frequencies / rope["factor"] + (1 - share) * frequencies


class Rotation(nn.Module):
    """Angles ``[tokens, head_dim]``, each twice, and the factor of the scaled kinds."""

    def __init__(self, config, size):
        super().__init__()
        rope = config.rope_parameters
        frequencies = rope["rope_theta"] ** (-torch.arange(0, size, 2).float() / size)
        self.scale = 1.0
        if rope["rope_type"] == "linear":
            frequencies = frequencies / rope["factor"]
        elif rope["rope_type"] == "llama3":
            frequencies = llama3_frequencies(frequencies, rope)
        elif rope["rope_type"] == "yarn":
            frequencies = yarn_frequencies(frequencies, rope, size)
            usual = 0.1 * math.log(rope["factor"]) + 1 if rope["factor"] > 1 else 1.0
            self.scale = rope.get("attention_factor") or usual
        elif rope["rope_type"] != "default":
            raise ValueError(rope["rope_type"])
        self.frequencies = nn.Buffer(frequencies, persistent=False)

    def forward(self, positions):
        angles = positions[:, None].float() * self.frequencies
        angles = torch.cat((angles, angles), -1)
        return angles.cos() * self.scale, angles.sin() * self.scale


def turn(x, cos, sin):
    """Turn entry ``i`` with entry ``i + head_dim / 2``."""
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat((-second, first), -1) * sin


def eager_attention_forward(query, key, value, mask, scale):
    """Attend; all are ``[batch, heads, tokens, head_dim]``, and each KV head serves as many heads in a row."""
    repeats = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(repeats, 1), value.repeat_interleave(repeats, 1)
    scores = query @ key.transpose(2, 3) * scale + mask
    return (scores.softmax(-1) @ value).transpose(1, 2)


class Attention(nn.Module):
    """Grouped-query attention."""

    def __init__(self, config, size, qkv_bias=False, o_bias=False, qk_norm=False):
        super().__init__()
        hidden, heads = config.hidden_size, config.num_attention_heads
        kv_heads = getattr(config, "num_key_value_heads", None) or heads
        self.size, self.qk_norm = size, qk_norm
        self.q_proj = nn.Linear(hidden, heads * size, bias=qkv_bias)
        self.k_proj = nn.Linear(hidden, kv_heads * size, bias=qkv_bias)
        self.v_proj = nn.Linear(hidden, kv_heads * size, bias=qkv_bias)
        self.o_proj = nn.Linear(heads * size, hidden, bias=o_bias)
        if qk_norm:
            self.q_norm = RMSNorm(size, config.rms_norm_eps)
            self.k_norm = RMSNorm(size, config.rms_norm_eps)

    def forward(self, x, rotation, mask):
        batch, tokens = x.shape[0], x.shape[1]
        query = self.q_proj(x).view(batch, tokens, -1, self.size)
        key = self.k_proj(x).view(batch, tokens, -1, self.size)
        value = self.v_proj(x).view(batch, tokens, -1, self.size)
        if self.qk_norm:
            query, key = self.q_norm(query), self.k_norm(key)
        query, key = turn(query.transpose(1, 2), *rotation), turn(key.transpose(1, 2), *rotation)
        out = eager_attention_forward(query, key, value.transpose(1, 2), mask, self.size**-0.5)
        return self.o_proj(out.reshape(batch, tokens, -1))


class Mlp(nn.Module):
    """``down(act(gate(x)) * up(x))``."""

    def __init__(self, config, inner, bias=False):
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, inner, bias=bias)
        self.up_proj = nn.Linear(config.hidden_size, inner, bias=bias)
        self.down_proj = nn.Linear(inner, config.hidden_size, bias=bias)
        self.act = ACT2FN[config.hidden_act]

    def forward(self, x):
        return self.down_proj(self.act(self.gate_proj(x)) * self.up_proj(x))


class NumberedMlp(nn.Module):
    """The same, under the names of Mixtral's experts."""

    def __init__(self, config, inner):
        super().__init__()
        self.w1 = nn.Linear(config.hidden_size, inner, bias=False)
        self.w2 = nn.Linear(inner, config.hidden_size, bias=False)
        self.w3 = nn.Linear(config.hidden_size, inner, bias=False)
        self.act = ACT2FN[config.hidden_act]

    def forward(self, x):
        return self.w2(self.act(self.w1(x)) * self.w3(x))


class Experts(nn.Module):
    """The sum of the experts with the highest share of a softmax over all, and of a shared one with a gate."""

    def __init__(self, config, experts, renormalize, shared=None):
        super().__init__()
        self.gate = nn.Linear(config.hidden_size, len(experts), bias=False)
        self.experts = nn.ModuleList(experts)
        self.top_k, self.renormalize, self.has_shared = config.num_experts_per_tok, renormalize, shared is not None
        if self.has_shared:
            self.shared_expert = shared
            self.shared_expert_gate = nn.Linear(config.hidden_size, 1, bias=False)

    def forward(self, x):
        weights, chosen = self.gate(x).softmax(-1).topk(self.top_k, -1)
        if self.renormalize:
            weights = weights / weights.sum(-1, keepdim=True)
        out = torch.zeros_like(x)
        for number, expert in enumerate(self.experts):
            out = out + (weights * (chosen == number)).sum(-1, keepdim=True) * expert(x)
        if self.has_shared:
            out = out + torch.sigmoid(self.shared_expert_gate(x)) * self.shared_expert(x)
        return out


class Layer(nn.Module):
    """A norm before each block, the sum after it."""

    def __init__(self, config, attention, feed_forward_name, feed_forward):
        super().__init__()
        self.self_attn = attention
        self.feed_forward_name = feed_forward_name
        setattr(self, feed_forward_name, feed_forward)
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(self, x, rotation, mask):
        x = x + self.self_attn(self.input_layernorm(x), rotation, mask)
        return x + getattr(self, self.feed_forward_name)(self.post_attention_layernorm(x))


class Decoder(nn.Module):
    """Embedding, layers, norm."""

    def __init__(self, config, layers, size, windowed):
        super().__init__()
        self.config, self.windowed = config, windowed
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(layers)
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.rotation = Rotation(config, size)

    def forward(self, input_ids):
        x = self.embed_tokens(input_ids)
        positions = torch.arange(x.shape[1])
        asked = {"config": self.config, "inputs_embeds": x, "attention_mask": None}
        full = create_causal_mask(**asked)
        window = create_sliding_window_causal_mask(**asked) if True in self.windowed else None
        rotation = self.rotation(positions)
        for layer, is_windowed in zip(self.layers, self.windowed):
            x = layer(x, rotation, window if is_windowed else full)
        return self.norm(x)


class PlainForCausalLM(nn.Module):
    """A decoder with its head. What follows says, family by family, what its parts are."""

    feed_forward_name = "mlp"

    def __init__(self, config):
        super().__init__()
        numbers = range(config.num_hidden_layers)
        size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        layers = [
            Layer(config, self.attention(config, size), self.feed_forward_name, self.feed_forward(config, number))
            for number in numbers
        ]
        self.model = Decoder(config, layers, size, [self.is_windowed(config, number) for number in numbers])
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    def forward(self, input_ids, use_cache=False):
        return self.lm_head(self.model(input_ids))

    def attention(self, config, size):
        return Attention(config, size)

    def feed_forward(self, config, number):
        return Mlp(config, config.intermediate_size)

    def is_windowed(self, config, number):
        return False


class LlamaForCausalLM(PlainForCausalLM):
    """Biases if the config says so."""

    def attention(self, config, size):
        return Attention(config, size, qkv_bias=config.attention_bias, o_bias=config.attention_bias)

    def feed_forward(self, config, number):
        return Mlp(config, config.intermediate_size, bias=config.mlp_bias)


class MistralForCausalLM(PlainForCausalLM):
    """A window in each layer, if the config has one."""

    def is_windowed(self, config, number):
        return config.sliding_window is not None


class MixtralForCausalLM(MistralForCausalLM):
    """Mistral with experts."""

    feed_forward_name = "block_sparse_moe"

    def feed_forward(self, config, number):
        experts = [NumberedMlp(config, config.intermediate_size) for _ in range(config.num_local_experts)]
        return Experts(config, experts, renormalize=True)


class Qwen2ForCausalLM(PlainForCausalLM):
    """Biases on q, k and v; a window in the layers that the config names."""

    def attention(self, config, size):
        return Attention(config, size, qkv_bias=True)

    def is_windowed(self, config, number):
        return config.layer_types[number] == "sliding_attention"


class Qwen3ForCausalLM(Qwen2ForCausalLM):
    """Norms of q and k; biases if the config says so."""

    def attention(self, config, size):
        return Attention(config, size, qkv_bias=config.attention_bias, o_bias=config.attention_bias, qk_norm=True)


def experts_or_mlp(config, number, shared_size):
    """Return the experts of a layer, or the MLP of one that has none."""
    if number in config.mlp_only_layers or (number + 1) % config.decoder_sparse_step != 0:
        return Mlp(config, config.intermediate_size)
    count = getattr(config, "num_experts", None) or config.num_local_experts
    experts = [Mlp(config, config.moe_intermediate_size) for _ in range(count)]
    shared = None if shared_size is None else Mlp(config, shared_size)
    return Experts(config, experts, renormalize=config.norm_topk_prob, shared=shared)


class Qwen2MoeForCausalLM(PlainForCausalLM):
    """Experts beside a shared one with a gate; biases on q, k and v if the config says so."""

    def attention(self, config, size):
        return Attention(config, size, qkv_bias=config.qkv_bias)

    def feed_forward(self, config, number):
        return experts_or_mlp(config, number, config.shared_expert_intermediate_size)


class Qwen3MoeForCausalLM(PlainForCausalLM):
    """Experts; norms of q and k; biases if the config says so."""

    def attention(self, config, size):
        return Attention(config, size, qkv_bias=config.attention_bias, o_bias=config.attention_bias, qk_norm=True)

    def feed_forward(self, config, number):
        return experts_or_mlp(config, number, None)
