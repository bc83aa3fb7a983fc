"""Functions that transformers runs and the interpreter runs: test_library_cases.py compares the results.

``config`` is of small numbers, with the scaling that ``cases.py`` has for a case; ``x`` is ``[1, 13, 6]``. A case that
a release does not know, by an import or an argument, is left out there.
"""

import torch
from transformers.activations import ACT2FN


def activations(config, x):
    names = ("silu", "swish", "gelu", "gelu_new", "gelu_fast", "gelu_pytorch_tanh", "relu", "relu2", "sigmoid", "tanh")
    return [ACT2FN[name](3 * x) for name in names]


def further_activations(config, x):
    return [ACT2FN[name](3 * x) for name in ("quick_gelu", "gelu_accurate", "linear", "laplace")]


def masks_before_5(config, x):
    from transformers.masking_utils import (
        create_causal_mask,
        create_chunked_causal_mask,
        create_sliding_window_causal_mask,
    )

    index = torch.arange(x.shape[1])
    given = {"attention_mask": None, "cache_position": index, "past_key_values": None}
    makers = (create_causal_mask, create_sliding_window_causal_mask, create_chunked_causal_mask)
    return [make(config=config, input_embeds=x, **given) == 0 for make in makers]


def masks(config, x):
    from transformers.masking_utils import (
        create_causal_mask,
        create_chunked_causal_mask,
        create_sliding_window_causal_mask,
    )

    makers = (create_causal_mask, create_sliding_window_causal_mask, create_chunked_causal_mask)
    given = {"attention_mask": None, "past_key_values": None}
    return [make(config=config, inputs_embeds=x, **given) == 0 for make in makers]


def plain_frequencies_of_a_config(config, x):
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    return ROPE_INIT_FUNCTIONS["default"](config, None)


def plain_frequencies_of_numbers(config, x):
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    return ROPE_INIT_FUNCTIONS["default"](None, None, base=500.0, dim=16)


def frequencies_that_are_stretched(config, x):
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    return ROPE_INIT_FUNCTIONS["linear"](config, None)


def frequencies_beyond_the_trained_length(config, x):
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    return ROPE_INIT_FUNCTIONS["dynamic"](config, None, 48), ROPE_INIT_FUNCTIONS["dynamic"](config, None, 7)


def frequencies_of_llama3(config, x):
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    return ROPE_INIT_FUNCTIONS["llama3"](config, None)


def frequencies_of_yarn(config, x):
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    return ROPE_INIT_FUNCTIONS["yarn"](config, None)


def frequencies_of_yarn_from_another_length(config, x):
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    return ROPE_INIT_FUNCTIONS["yarn"](config, None)


def frequencies_of_longrope(config, x):
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    return ROPE_INIT_FUNCTIONS["longrope"](config, None, 7)
