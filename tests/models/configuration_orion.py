"""The config of a made-up model; only read, never imported."""

from transformers import PreTrainedConfig


class OrionConfig(PreTrainedConfig):
    model_type = "orion"
    default_theta = 20000.0

    vocab_size: int = 512
    hidden_size: int = 128
    moe_intermediate_size: int = 96
    num_hidden_layers: int = 4
    num_attention_heads: int = 4
    num_key_value_heads: int = 2
    head_dim: int = 64
    hidden_act: str = "silu"
    max_position_embeddings: int = 1024
    rms_norm_eps: float = 1e-6
    rope_parameters: dict | None = None
    no_rope_layers: list | None = None
    attention_bias: bool = True
    n_routed_experts: int = 8
    num_experts_per_tok: int = 3
    n_group: int = 4
    topk_group: int = 2
    norm_topk_prob: bool = True
    routed_scaling_factor: float = 2.5
    residual_multiplier: float = 0.6
    logits_scaling: float = 2.0
    tie_word_embeddings: bool = False
