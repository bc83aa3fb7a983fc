"""Functions that transformers runs and the interpreter runs: test_library_cases.py compares the results.

``release`` is of transformers, as a checkpoint of its time states it; ``x`` is ``[1, 13, 6]``. A case that a release
does not know, by an import or an argument, is left out there.
"""

import torch
from transformers import PretrainedConfig
from transformers.activations import ACT2FN

STRETCHED = {"rope_type": "linear", "factor": 3.0}
BEYOND = {"rope_type": "dynamic", "factor": 3.0}
YARN = {"rope_type": "yarn", "factor": 4.0}
LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}
LONG = {
    "rope_type": "longrope",
    "factor": 2.0,
    "short_factor": [1.0, 1.5, 2.0, 2.5],
    "long_factor": [1.0, 1.5, 2.0, 2.5],
}


class CaseConfig(PretrainedConfig):
    model_type = "case"

    def __init__(
        self,
        hidden_size=32,
        num_attention_heads=4,
        head_dim=8,
        num_hidden_layers=2,
        max_position_embeddings=32,
        rope_theta=10000.0,
        rope_scaling=None,
        sliding_window=5,
        attention_chunk_size=4,
        **kwargs,
    ):
        self.hidden_size = hidden_size
        self.num_attention_heads = num_attention_heads
        self.head_dim = head_dim
        self.num_hidden_layers = num_hidden_layers
        self.max_position_embeddings = max_position_embeddings
        self.rope_theta = rope_theta
        self.rope_scaling = rope_scaling
        self.sliding_window = sliding_window
        self.attention_chunk_size = attention_chunk_size
        super().__init__(attn_implementation="eager", **kwargs)


def activations(release, x):
    names = ("silu", "swish", "gelu", "gelu_new", "gelu_fast", "gelu_pytorch_tanh", "relu", "relu2", "sigmoid", "tanh")
    return [ACT2FN[name](3 * x) for name in names]


def further_activations(release, x):
    names = ("quick_gelu", "gelu_10", "gelu_accurate", "gelu_python", "leaky_relu", "linear", "laplace")
    return [ACT2FN[name](9 * x) for name in (*names, "mish", "relu6")]


def activations_by_import(release, x):
    from transformers.activations import get_activation, quick_gelu

    clipped, known = get_activation("gelu_10"), ["gelu_10" in ACT2FN, "wren" in ACT2FN]
    return quick_gelu(x), clipped(9 * x), known


def masks_before_5(release, x):
    from transformers.masking_utils import (
        create_causal_mask,
        create_chunked_causal_mask,
        create_sliding_window_causal_mask,
    )

    index = torch.arange(x.shape[1])
    given = {"attention_mask": None, "cache_position": index, "past_key_values": None}
    makers = (create_causal_mask, create_sliding_window_causal_mask, create_chunked_causal_mask)
    return [make(config=CaseConfig(), input_embeds=x, **given) == 0 for make in makers]


def masks(release, x):
    from transformers.masking_utils import (
        create_causal_mask,
        create_chunked_causal_mask,
        create_sliding_window_causal_mask,
    )

    makers = (create_causal_mask, create_sliding_window_causal_mask, create_chunked_causal_mask)
    given = {"attention_mask": None, "past_key_values": None}
    return [make(config=CaseConfig(), inputs_embeds=x, **given) == 0 for make in makers]


def plain_frequencies_of_a_config(release, x):
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    return ROPE_INIT_FUNCTIONS["default"](CaseConfig(transformers_version=release), None)


def plain_frequencies_of_numbers(release, x):
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    return ROPE_INIT_FUNCTIONS["default"](None, None, base=500.0, dim=16)


def frequencies_that_are_stretched(release, x):
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    config = CaseConfig(rope_scaling=STRETCHED, transformers_version=release)
    return ROPE_INIT_FUNCTIONS["linear"](config, None)


def frequencies_beyond_the_trained_length(release, x):
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    config = CaseConfig(rope_scaling=BEYOND, transformers_version=release)
    return ROPE_INIT_FUNCTIONS["dynamic"](config, None, 48), ROPE_INIT_FUNCTIONS["dynamic"](config, None, 7)


def frequencies_of_llama3(release, x):
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    config = CaseConfig(rope_scaling=LLAMA3, transformers_version=release)
    return ROPE_INIT_FUNCTIONS["llama3"](config, None)


def frequencies_of_yarn(release, x):
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    config = CaseConfig(rope_scaling=YARN, transformers_version=release)
    return ROPE_INIT_FUNCTIONS["yarn"](config, None)


def frequencies_of_yarn_from_another_length(release, x):
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    config = CaseConfig(rope_scaling={**YARN, "original_max_position_embeddings": 16}, transformers_version=release)
    return ROPE_INIT_FUNCTIONS["yarn"](config, None)


def frequencies_of_longrope(release, x):
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    config = CaseConfig(rope_scaling=LONG, transformers_version=release)
    return ROPE_INIT_FUNCTIONS["longrope"](config, None, 7)


def layer_types_that_are_checked(release, x):
    from transformers.configuration_utils import layer_type_validation

    layer_type_validation(["full_attention", "sliding_attention"])
    return 2 * x
