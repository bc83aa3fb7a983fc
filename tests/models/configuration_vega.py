"""The config of a made-up model; only read, never imported."""

from transformers import PreTrainedConfig


class VegaConfig(PreTrainedConfig):
    model_type = "vega"
    attribute_map = {
        "hidden_size": "n_embd",
        "num_attention_heads": "n_head",
        "num_hidden_layers": "n_layer",
        "max_position_embeddings": "n_positions",
    }

    vocab_size: int = 512
    n_embd: int = 128
    n_head: int = 4
    n_layer: int = 3
    n_positions: int = 1024
    n_inner: int = 320
    activation_function: str = "relu"
    layer_norm_epsilon: float = 1e-5
    tie_word_embeddings: bool = False
