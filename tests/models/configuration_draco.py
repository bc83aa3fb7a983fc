"""The config of a made-up model; only read, never imported."""

from transformers import PreTrainedConfig


class DracoMixConfig(PreTrainedConfig):
    model_type = "draco_mix"
    base_config_key = "mix_config"

    clip_values: float = 2.0


class DracoConfig(PreTrainedConfig):
    model_type = "draco"
    default_theta = 10000.0
    sub_configs = {"mix_config": DracoMixConfig}
    attribute_map = {"num_attention_heads": "n_heads"}

    vocab_size: int = 512
    hidden_size: int = 128
    moe_intermediate_size: int = 96
    num_hidden_layers: int = 4
    n_heads: int = 4
    num_key_value_heads: int = 2
    head_dim: int = 32
    max_position_embeddings: int = 1024
    rms_norm_eps: float = 1e-6
    rope_parameters: dict | None = None
    sliding_window: int = 16
    layer_types: list | None = None
    num_experts: int = 8
    num_experts_per_tok: int = 3
    mix_config: DracoMixConfig | dict | None = None
    tie_word_embeddings: bool = False

    def __post_init__(self, **kwargs):
        if self.mix_config is None:
            self.mix_config = DracoMixConfig()
        elif isinstance(self.mix_config, dict):
            self.mix_config = DracoMixConfig(**self.mix_config)
        wide = kwargs.pop("wide_head_dim", 64)
        if "per_layer_config" not in kwargs and self.layer_types:
            sizes = {"head_dim": wide, "num_key_value_heads": 1}
            kinds = enumerate(self.layer_types)
            kwargs["per_layer_config"] = {index: sizes for index, kind in kinds if kind == "full_attention"}
        super().__post_init__(**kwargs)
