"""The boundary of ``config.json``: keys that this tool uses have the type that they are used as.

A key that is not in the table is not looked at. ``null`` stands for a key that is not there. Sizes may be lists with a
value per layer, as some published configs have them (``intermediate_size`` of Gemma 3n).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from scaffold.checkpoint.text import shown
from scaffold.common.errors import CheckpointError

MAX_COUNT = 2**40
"""No size of a model is larger; products of two of them stay far from what a number can be."""
MAX_LAYERS = 10_000
"""Much is made per layer; no published model has a tenth of it."""
TEXT_CONFIGS = ("text_config", "llm_config", "language_config")
NESTED = (*TEXT_CONFIGS, "vision_config", "audio_config", "thinker_config")
LAYERS = ("num_hidden_layers", "n_layer", "num_layers", "n_layers")


PER_LAYER = ("num_attention_heads", "num_key_value_heads", "num_kv_heads", "head_dim")


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < MAX_COUNT


def _is_size(value: Any) -> bool:
    return _is_count(value) and value > 0


def _is_layers(value: Any) -> bool:
    return _is_size(value) and value <= MAX_LAYERS


def _is_number(value: Any) -> bool:
    if type(value) is int:
        return abs(value) < MAX_COUNT
    return type(value) is float and math.isfinite(value)


def _or_list(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: holds(value) or (isinstance(value, list) and all(v is None or holds(v) for v in value))


Check = tuple[Callable[[Any], bool], str]
SIZE: Check = (_is_size, f"a whole number from 1 to {MAX_COUNT:,}")
LAYER_COUNT: Check = (_is_layers, f"a whole number from 1 to {MAX_LAYERS:,}")
SIZES: Check = (_or_list(_is_size), f"a whole number from 1 to {MAX_COUNT:,}, or a list of them")
COUNTS: Check = (_or_list(_is_count), "a whole number from 0, or a list of them")
WINDOW: Check = (_or_list(lambda v: _is_count(v) or v == -1), "a whole number, or a list of them")
NUMBER: Check = (_is_number, "a finite number")
FLAG: Check = (lambda value: isinstance(value, bool), "true or false")
WORD: Check = (lambda value: isinstance(value, str), "a word")
WORDS: Check = (
    lambda value: isinstance(value, list) and all(isinstance(v, str) for v in value),
    "a list of words",
)
OBJECT: Check = (lambda value: isinstance(value, dict), "an object")
DTYPE: Check = (lambda value: isinstance(value, (str, dict)), "a data type such as 'bfloat16'")

CONFIG: Mapping[str, Check] = (
    dict.fromkeys(("hidden_size", "n_embd", "d_model", "vocab_size"), SIZE)
    | dict.fromkeys(LAYERS, LAYER_COUNT)
    | dict.fromkeys(
        ("num_attention_heads", "n_head", "num_heads", "n_heads", "num_key_value_heads", "num_kv_heads", "n_head_kv",
         "head_dim", "intermediate_size", "n_inner", "moe_intermediate_size", "max_position_embeddings", "n_positions"),
        SIZES,
    )
    | dict.fromkeys(
        ("n_routed_experts", "num_experts", "num_local_experts", "num_experts_per_tok", "n_shared_experts", "n_group",
         "topk_group", "first_k_dense_replace", "moe_layer_freq", "kv_lora_rank", "q_lora_rank", "qk_rope_head_dim",
         "qk_nope_head_dim", "v_head_dim", "num_nextn_predict_layers"),
        COUNTS,
    )
    | {"sliding_window": WINDOW}
    | dict.fromkeys(
        ("rope_theta", "rms_norm_eps", "layer_norm_eps", "norm_eps", "layer_norm_epsilon", "partial_rotary_factor",
         "routed_scaling_factor", "attn_logit_softcapping", "final_logit_softcapping", "query_pre_attn_scalar"),
        NUMBER,
    )
    | dict.fromkeys(("tie_word_embeddings", "attention_bias", "norm_topk_prob", "use_sliding_window"), FLAG)
    | dict.fromkeys(("model_type", "hidden_act", "scoring_func", "topk_method"), WORD)
    | {"layer_types": WORDS, "architectures": WORDS, "dtype": DTYPE, "torch_dtype": DTYPE}
    | dict.fromkeys(("rope_scaling", "rope_parameters", "quantization_config", "compression_config", *NESTED), OBJECT)
)  # fmt: skip
"""Key → what its value is. Keys of the text config and of the config around it."""

ROPE: Mapping[str, Check] = dict.fromkeys(
    ("rope_theta", "factor", "partial_rotary_factor", "original_max_position_embeddings", "attention_factor",
     "beta_fast", "beta_slow", "mscale", "mscale_all_dim", "low_freq_factor", "high_freq_factor"),
    NUMBER,
) | dict.fromkeys(("rope_type", "type"), WORD)  # fmt: skip
QUANTIZATION: Mapping[str, Check] = {
    "quant_method": WORD, "fmt": WORD, "format": WORD, "activation_scheme": WORD, "bits": COUNTS, "w_bit": COUNTS,
    "group_size": WINDOW, "q_group_size": WINDOW, "weight_block_size": SIZES, "config_groups": OBJECT, "desc_act": FLAG,
}  # fmt: skip


def check_config(config: Mapping[str, Any]) -> None:
    """Check the types of all keys that are used.

    Raises:
        CheckpointError: a value has another type.
    """
    for where, part, table in _parts(config):
        for key, (holds, expected) in table.items():
            value = part.get(key)
            if value is not None and not holds(value):
                raise wrong(f"{where}{key}", value, expected)
        _check_lists(where, part)


def _check_lists(where: str, part: Mapping[str, Any]) -> None:
    """Check that a list of heads has a number for each layer."""
    layers = next((part[key] for key in LAYERS if part.get(key) is not None), None)
    for key in PER_LAYER if layers is not None else ():
        value = part.get(key)
        if isinstance(value, list) and len(value) != layers:
            raise wrong(f"{where}{key}", value, f"a number, or a list of {layers}, one for each layer")


def wrong(key: str, value: Any, expected: str) -> CheckpointError:
    """Return the error of a value that is not what it should be."""
    return CheckpointError(
        shown(value),
        where=f"config.json, {key}",
        expected=expected,
        remedy="correct config.json, or download it again",
    )


def _parts(config: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Check]]]:
    """Yield each object of the config that is used: where it is, itself, and the table for it."""
    yield "", config, CONFIG
    for key in NESTED:
        if isinstance(config.get(key), dict):
            yield f"{key}.", config[key], CONFIG if key in TEXT_CONFIGS else {}
    for where, part in (("", config), *((f"{k}.", config[k]) for k in TEXT_CONFIGS if isinstance(config.get(k), dict))):
        for key in ("rope_parameters", "rope_scaling"):
            rope = part.get(key)
            if isinstance(rope, dict):
                yield f"{where}{key}.", rope, ROPE
                for kind, inner in rope.items():  # an object per kind of layer (Gemma 3)
                    if isinstance(inner, dict):
                        yield f"{where}{key}.{shown(kind)}.", inner, ROPE
        for key in ("quantization_config", "compression_config"):
            if isinstance(part.get(key), dict):
                yield f"{where}{key}.", part[key], QUANTIZATION
