"""A config shrunk to toy size, so that what it tells apart stays apart. Standard library alone: the target runs it too.

Kept as they are: head sizes and all that counts in them (rotary dimensions, latent ranks of MLA), rope, activations,
multipliers, switches. Made smaller: numbers of layers, heads, experts and tokens, inner sizes, windows. Each kind of
layer stays, the first expert layer too, and heads per KV head.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

Config = dict[str, Any]

LAYERS = ("num_hidden_layers", "n_layer", "num_layers", "n_layers")
HIDDEN = ("hidden_size", "n_embd", "d_model")
HEADS = ("num_attention_heads", "n_head", "n_heads", "num_heads", "attention_heads")
KV_HEADS = ("num_key_value_heads", "num_kv_heads", "multi_query_group_num")
HEAD_DIM = ("head_dim", "kv_channels", "attention_head_dim")
INNER = ("intermediate_size", "ffn_dim", "n_inner", "dff", "ffn_hidden_size", "intermediate_size_mlp")
SMALL_INNER = ("moe_intermediate_size", "expert_ffn_hidden_size", "shared_expert_intermediate_size",
               "shared_intermediate_size", "dense_intermediate_size", "expert_intermediate_size")  # fmt: skip
EXPERTS = ("num_experts", "n_routed_experts", "num_local_experts", "moe_num_experts")
TOP_K = ("num_experts_per_tok", "moe_topk", "moe_top_k", "moe_k", "top_k", "num_experts_per_token")
SHARED = ("n_shared_experts", "num_shared_experts", "moe_num_shared_experts", "num_shared_expert", "zero_expert_num")
GROUPS, TOP_GROUPS = "n_group", "topk_group"
WINDOWS = ("sliding_window", "window_size", "sliding_window_size", "attention_window_size", "local_attention_window")
CHUNK = "attention_chunk_size"
LENGTHS = ("max_position_embeddings", "n_positions", "max_seq_len", "max_sequence_length", "seq_length", "n_ctx")
PERIODS = ("sliding_window_pattern", "no_rope_layer_interval", "decoder_sparse_step", "moe_layer_freq",
           "moe_layer_interval", "interleave_moe_layer_step", "global_attn_every_n_layers")  # fmt: skip
FIRST_DENSE = ("first_k_dense_replace", "num_dense_layers", "moe_layer_start_index")
INDICES = ("mlp_only_layers", "moe_layers", "full_attn_idxs")
"""Lists of layer numbers."""
PREDICTION = ("num_nextn_predict_layers", "num_mtp_layers", "mtp_num_layers")
VOCABULARY = 512
LONGEST = 1024
WINDOW = 16
PROMPT_TOKENS = 48
MOST_LAYERS = 12


def shrink(config: Mapping[str, Any]) -> Config:
    """Return the small config. Keys that it does not know stay as they are."""
    small = {key: value for key, value in config.items() if key != "quantization_config"}
    layers = _first(config, LAYERS)
    if layers is not None:
        _shrink_layers(small, config, layers)
    _shrink_heads(small, config)
    _shrink_inner(small)
    _shrink_experts(small)
    _shrink_tokens(small)
    for key in PREDICTION:
        if isinstance(small.get(key), int):
            small[key] = 0
    return small


def prompt_tokens(config: Mapping[str, Any]) -> int:
    """Return how long a prompt has to be to leave the windows and the first chunk of attention behind."""
    chunk = config.get(CHUNK)
    return PROMPT_TOKENS + (chunk if isinstance(chunk, int) else 0)


def _first(config: Mapping[str, Any], keys: tuple[str, ...]) -> int | None:
    return next((config[key] for key in keys if isinstance(config.get(key), int)), None)


def _set(small: Config, keys: tuple[str, ...], value: int) -> None:
    for key in keys:
        if isinstance(small.get(key), int) and not isinstance(small[key], bool):
            small[key] = value


def _shrink_layers(small: Config, config: Mapping[str, Any], count: int) -> None:
    """Keep the first layer of each kind, in their order, and the layers before the first with experts."""
    lists = {
        key: value
        for key, value in config.items()
        if isinstance(value, list) and len(value) == count and key not in INDICES
    }
    dense = next((key for key in FIRST_DENSE if isinstance(config.get(key), int) and config[key] > 0), None)
    period = math.lcm(*(p for key in PERIODS if isinstance(p := config.get(key), int) and 0 < p <= MOST_LAYERS))
    wanted = min(max(4, period if period <= MOST_LAYERS else 4), count)
    kept: list[int] = []
    seen: set[Any] = set()
    for index in range(count):
        kind = tuple(repr(value[index]) for value in lists.values() if len({repr(v) for v in value}) <= MOST_LAYERS)
        if kind not in seen:
            seen.add(kind)
            kept.append(index)
    if len(kept) <= MOST_LAYERS:  # all kinds, then as many of the first layers as are still wanted
        kept = sorted({*kept, *[i for i in range(count) if i not in kept][: max(0, wanted - len(kept))]})
    else:
        kept = list(range(wanted))
    _set(small, LAYERS, len(kept))
    for key, value in lists.items():
        small[key] = [value[index] for index in kept]
    if dense is not None and config[dense] < count:
        small[dense] = 1
    if isinstance(config.get("max_window_layers"), int):
        small["max_window_layers"] = len(kept) // 2 if config["max_window_layers"] < count else len(kept)
    if isinstance(config.get("moe_layer_end_index"), int):
        small["moe_layer_end_index"] = len(kept) - 1
    for key in INDICES:
        _shrink_indices(small, key, count, len(kept))


def _shrink_indices(small: Config, key: str, count: int, kept: int) -> None:
    """Shrink a list of layer numbers: some in, some out, as before."""
    value = small.get(key)
    if not isinstance(value, list) or not value or not all(isinstance(index, int) for index in value):
        return
    inside = [index for index in value if index < kept]
    everywhere = len(set(value)) >= count
    if everywhere or (inside and len(inside) < kept):
        small[key] = inside
    else:
        small[key] = [0] if not inside else inside[:-1]


def _shrink_heads(small: Config, config: Mapping[str, Any]) -> None:
    heads, hidden = _first(config, HEADS), _first(config, HIDDEN)
    if heads is None or hidden is None:
        return
    kv_heads = _first(config, KV_HEADS) or heads
    per_kv = max(1, heads // kv_heads)
    if per_kv > 8:  # as many heads at one KV head cost more than they show; odd stays odd
        per_kv = 5 if per_kv % 2 else 4
    new_kv = min(kv_heads, 4 if per_kv == 1 else 2)
    new_heads = new_kv * per_kv if kv_heads < heads else new_kv
    head_dim = _first(config, HEAD_DIM)
    if hidden % heads == 0 and head_dim in (None, hidden // heads):  # the code may rely on it
        new_hidden = new_heads * (hidden // heads)
    else:
        new_hidden = max(32, round(new_heads * hidden / heads / 32) * 32)
    _set(small, HEADS, new_heads)
    _set(small, KV_HEADS, new_kv)
    _set(small, HIDDEN, new_hidden)
    if config.get("word_embed_proj_dim") == hidden:
        small["word_embed_proj_dim"] = new_hidden
    if isinstance(config.get("q_lora_rank"), int):
        small["q_lora_rank"] = min(config["q_lora_rank"], 192)


def _shrink_inner(small: Config) -> None:
    for keys, largest in ((INNER, 320), (SMALL_INNER, 96)):
        for key in keys:
            value = small.get(key)
            if isinstance(value, int) and not isinstance(value, bool):
                small[key] = min(value, largest)
            elif isinstance(value, list):
                small[key] = [min(v, largest) if isinstance(v, int) else v for v in value]


def _shrink_experts(small: Config) -> None:
    experts = _first(small, EXPERTS)
    if experts is None or experts < 2:
        return
    groups, top_groups = small.get(GROUPS), small.get(TOP_GROUPS)
    if isinstance(groups, int) and groups > 1:
        small[GROUPS] = 4 if experts % 4 == 0 and groups >= 4 else 2
        if isinstance(top_groups, int):
            small[TOP_GROUPS] = min(top_groups, small[GROUPS] // 2) if top_groups < groups else small[GROUPS]
    _set(small, EXPERTS, min(experts, 8))
    for key in TOP_K:
        if isinstance(small.get(key), int) and not isinstance(small[key], bool):
            small[key] = min(small[key], 3)
    for key in SHARED:
        if isinstance(small.get(key), int):
            small[key] = min(small[key], 2)


def _shrink_tokens(small: Config) -> None:
    for key, value in list(small.items()):
        if not isinstance(value, int) or isinstance(value, bool):
            continue
        if key.startswith("vocab_size"):
            small[key] = min(value, VOCABULARY)
        elif key in WINDOWS and value > WINDOW:
            small[key] = WINDOW
        elif key == CHUNK and value > 128:
            small[key] = 128  # vLLM's chunks are whole blocks of its cache, which are as long on a CPU
        elif key in LENGTHS:
            small[key] = min(value, LONGEST)
    for key, value in list(small.items()):
        if key.endswith(("_token_id", "_token_ids")):
            small[key] = _within(value)


def _within(value: Any) -> Any:
    """Return token ids of the small vocabulary."""
    if isinstance(value, list):
        return [_within(item) for item in value]
    return value % VOCABULARY if isinstance(value, int) else value
