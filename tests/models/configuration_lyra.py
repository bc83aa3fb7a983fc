"""The config of a made-up model; only read, never imported."""

from transformers import PreTrainedConfig


class LyraConfig(PreTrainedConfig):
    model_type = "lyra"
    default_theta = 10000.0

    vocab_size: int = 512
    hidden_size: int = 128
    intermediate_size: int = 320
    moe_intermediate_size: int = 96
    shared_expert_intermediate_size: int = 160
    num_hidden_layers: int = 4
    num_attention_heads: int = 4
    num_key_value_heads: int = 2
    head_dim: int = 64
    hidden_activation: str = "gelu_pytorch_tanh"
    max_position_embeddings: int = 1024
    rms_norm_eps: float = 1e-6
    rope_parameters: dict | None = None
    query_pre_attn_scalar: int = 96
    attn_logit_softcapping: float = 4.0
    sliding_window: int = 16
    layer_types: list | None = None
    num_experts: int = 8
    num_experts_per_tok: int = 3
    first_k_dense_replace: int = 1
    embedding_multiplier: float = 3.0
    tie_word_embeddings: bool = True
