"""A decoder of the form that remote code has: written for transformers 4, with helpers that transformers 5 lacks."""

import math
import warnings
from typing import List, Optional, Tuple, Union

import torch
import torch.nn.functional as F
import torch.utils.checkpoint
from torch import nn
from torch.nn import CrossEntropyLoss
from transformers.activations import ACT2FN
from transformers.cache_utils import Cache, DynamicCache
from transformers.modeling_attn_mask_utils import _prepare_4d_causal_attention_mask
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast
from transformers.modeling_utils import PreTrainedModel
from transformers.pytorch_utils import is_torch_greater_or_equal_than_1_13
from transformers.utils import is_flash_attn_2_available, logging
from transformers.utils.import_utils import is_torch_fx_available

from .configuration_vela import VelaConfig

try:
    from flash_attn import flash_attn_func
    from flash_attn.bert_padding import index_first_axis, pad_input, unpad_input

    HAS_FLASH = True
except ImportError:
    HAS_FLASH = False

if is_torch_fx_available():
    if not is_torch_greater_or_equal_than_1_13:
        import torch.fx
    _prepare_4d_causal_attention_mask = torch.fx.wrap(_prepare_4d_causal_attention_mask)

logger = logging.get_logger(__name__)
# IMPORTS


class VelaNorm(nn.Module):
    def __init__(self, size, eps=1e-6):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x):
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps))


class VelaRotary(nn.Module):
    def __init__(self, dim, length, base):
        super().__init__()
        inverse = 1.0 / (base ** (torch.arange(0, dim, 2).float() / dim))
        self.register_buffer("inv_freq", inverse, persistent=False)
        freqs = torch.outer(torch.arange(length, dtype=inverse.dtype), inverse)
        table = torch.cat((freqs, freqs), dim=-1)
        self.register_buffer("cos_cached", table.cos().to(torch.get_default_dtype()), persistent=False)
        self.register_buffer("sin_cached", table.sin().to(torch.get_default_dtype()), persistent=False)

    def forward(self, x, seq_len):
        return self.cos_cached[:seq_len].to(x.dtype), self.sin_cached[:seq_len].to(x.dtype)


def rotate_half(x):
    first, second = x.chunk(2, dim=-1)
    return torch.cat((-second, first), dim=-1)


def turned(x, cos, sin):
    return x * cos + rotate_half(x) * sin


def repeat_kv(x, times):
    batch, heads, length, size = x.shape
    return x[:, :, None].expand(batch, heads, times, length, size).reshape(batch, heads * times, length, size)


class VelaAttention(nn.Module):
    def __init__(self, config: VelaConfig, layer_idx: Optional[int] = None):
        super().__init__()
        if layer_idx is None:
            logger.warning_once(f"{self.__class__.__name__} without layer_idx")
        self.heads, self.kv_heads = config.num_attention_heads, config.num_key_value_heads
        self.size = config.hidden_size // self.heads
        self.q_proj = nn.Linear(config.hidden_size, self.heads * self.size, bias=False)
        # PROJECTIONS
        self.k_proj = nn.Linear(config.hidden_size, self.kv_heads * self.size, bias=False)
        self.v_proj = nn.Linear(config.hidden_size, self.kv_heads * self.size, bias=False)
        # END
        self.o_proj = nn.Linear(self.heads * self.size, config.hidden_size, bias=False)
        self.rotary = VelaRotary(self.size, config.max_position_embeddings, config.rope_theta)
        self.reset_parameters()

    def reset_parameters(self):
        nn.init.kaiming_uniform_(self.q_proj.weight, a=math.sqrt(5))
        self.o_proj.weight.data.zero_()

    # FORWARD
    def forward(self, x, attention_mask=None, position_ids=None, past_key_value=None, head_mask=None):
        batch, length, _ = x.shape
        q = self.q_proj(x).view(batch, length, self.heads, self.size).transpose(1, 2)
        k = self.k_proj(x).view(batch, length, self.kv_heads, self.size).transpose(1, 2)
        v = self.v_proj(x).view(batch, length, self.kv_heads, self.size).transpose(1, 2)
        cos, sin = self.rotary(v, length)
        q, k = turned(q, cos[position_ids][:, None], sin[position_ids][:, None]), turned(k, cos, sin)
        k, v = repeat_kv(k, self.heads // self.kv_heads), repeat_kv(v, self.heads // self.kv_heads)
        weights = torch.matmul(q, k.transpose(2, 3)) / math.sqrt(self.size)
        if attention_mask is not None:
            weights = weights + attention_mask
        weights = F.softmax(weights, dim=-1, dtype=torch.float32).to(q.dtype)
        out = torch.matmul(weights, v).transpose(1, 2).reshape(batch, length, self.heads * self.size)
        return self.o_proj(out)

    # END


class VelaMLP(nn.Module):
    def __init__(self, config: VelaConfig):
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)
        self.act = ACT2FN[config.hidden_act]

    def forward(self, x):
        return self.down_proj(self.act(self.gate_proj(x)) * self.up_proj(x))


class VelaLayer(nn.Module):
    def __init__(self, config: VelaConfig, layer_idx: int):
        super().__init__()
        self.self_attn = VelaAttention(config, layer_idx)
        self.mlp = VelaMLP(config)
        self.input_layernorm = VelaNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = VelaNorm(config.hidden_size, config.rms_norm_eps)

    def forward(self, x, **kwargs):
        if "padding_mask" in kwargs:
            warnings.warn("Passing `padding_mask` is deprecated.")
        x = x + self.self_attn(self.input_layernorm(x), **kwargs)
        return x + self.mlp(self.post_attention_layernorm(x))


class VelaPreTrainedModel(PreTrainedModel):
    config_class = VelaConfig
    base_model_prefix = "model"
    supports_gradient_checkpointing = True

    def _init_weights(self, module):
        if isinstance(module, nn.Linear):
            module.weight.data.normal_(mean=0.0, std=self.config.initializer_range)


class VelaModel(VelaPreTrainedModel):
    def __init__(self, config: VelaConfig):
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size, config.pad_token_id)
        self.layers = nn.ModuleList([VelaLayer(config, number) for number in range(config.num_hidden_layers)])
        self.norm = VelaNorm(config.hidden_size, config.rms_norm_eps)
        self.gradient_checkpointing = False
        self.post_init()

    def forward(self, input_ids=None, attention_mask=None, position_ids=None, past_key_values=None, use_cache=None):
        use_cache = use_cache if use_cache is not None else self.config.use_cache
        batch, length = input_ids.shape
        past = 0
        if use_cache:
            if not isinstance(past_key_values, (type(None), Cache)):
                past_key_values = DynamicCache.from_legacy_cache(past_key_values)
            past = past_key_values.get_usable_length(length)
        if position_ids is None:
            position_ids = torch.arange(past, length + past, dtype=torch.long, device=input_ids.device).unsqueeze(0)
        x = self.embed_tokens(input_ids)
        # MASK
        mask = _prepare_4d_causal_attention_mask(attention_mask, (batch, length), x, past)
        # END
        head_mask = self.get_head_mask(None, self.config.num_hidden_layers)
        for number, layer in enumerate(self.layers):
            if self.gradient_checkpointing and self.training:
                x = self._gradient_checkpointing_func(layer.__call__, x, mask, position_ids)
            else:
                x = layer(x, attention_mask=mask, position_ids=position_ids, head_mask=head_mask[number])
        torch.cuda.empty_cache()
        return BaseModelOutputWithPast(last_hidden_state=self.norm(x))


class VelaForCausalLM(VelaPreTrainedModel):
    def __init__(self, config: VelaConfig):
        super().__init__(config)
        self.model = VelaModel(config)
        # HEAD
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        # END
        self.post_init()

    def forward(self, input_ids=None, attention_mask=None, labels=None, use_cache=None):
        hidden = self.model(input_ids, attention_mask, use_cache=use_cache)[0]
        logits = self.lm_head(hidden).float()
        loss = None
        if labels is not None:
            loss = CrossEntropyLoss()(logits.view(-1, self.config.vocab_size), labels.view(-1))
        return CausalLMOutputWithPast(loss=loss, logits=logits)


# CLASSES
