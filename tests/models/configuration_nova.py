"""The config of the made-up model: read by us; only a twin whose user trusts it runs it."""

from transformers import PreTrainedConfig


class NovaConfig(PreTrainedConfig):
    model_type = "nova"
    default_theta = 10000.0

    vocab_size: int = 96
    hidden_size: int = 48
    intermediate_size: int = 72
    num_hidden_layers: int = 3
    num_attention_heads: int = 4
    num_key_value_heads: int = 2
    head_dim: int = 8
    hidden_act: str = "silu"
    max_position_embeddings: int = 128
    rms_norm_eps: float = 1e-5
    rope_parameters: dict | None = None
    qkv_bias: bool = True
    tie_word_embeddings: bool = False
