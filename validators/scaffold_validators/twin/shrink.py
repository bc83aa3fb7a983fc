"""A config shrunk to toy size, so that what it tells apart stays apart. Standard library alone: the target runs it too.

Kept as they are: head sizes and all that counts in them (rotary dimensions, latent ranks of MLA), rope, activations,
multipliers, switches. Made smaller: numbers of layers, heads, experts and tokens, inner sizes, windows. Each kind of
layer stays, the first expert layer too, and heads per KV head.

Which keys are which is the vocabulary's to say. It comes as a value: role → its row, with the ``keys`` that it goes by
(``a.b`` is the key ``b`` of an object ``a``), and ``twin``: the largest value, or a name of ``RULES``.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

Config = dict[str, Any]
Vocabulary = Mapping[str, Mapping[str, Any]]

RULES = (
    *("num_layers", "hidden_size", "num_heads", "num_kv_heads", "num_groups", "topk_group", "top_k", "period"),
    *("first_expert_layer", "last_expert_layer", "first_window_layer", "layer_numbers"),
)
"""What ``twin`` of a row may name: a rule of this file, where one number does not tell."""
TOP_K = 3
PROMPT_TOKENS = 48
MOST_LAYERS = 12


def shrink(config: Mapping[str, Any], vocabulary: Vocabulary) -> Config:
    """Return the small config. Keys that the vocabulary does not have stay as they are."""
    small = copy.deepcopy({key: value for key, value in config.items() if key != "quantization_config"})
    layers = first(config, _keys(vocabulary, "num_layers"))
    if layers is not None:
        _shrink_layers(small, config, vocabulary, layers)
    _shrink_heads(small, config, vocabulary)
    _shrink_experts(small, config, vocabulary)
    for row in vocabulary.values():
        for key in row["keys"] if isinstance(row["twin"], int) else ():
            _put(small, key, _at_most(_at(small, key), row["twin"]))
    _keep_four_times(small, config, vocabulary)
    for row in vocabulary.values():
        other = vocabulary[row["same_as"]]["keys"] if row["same_as"] else ()
        for key in row["keys"] if other else ():
            if _at(config, key) is not None and _at(config, key) == first(config, other):
                _put(small, key, first(small, other))
    _shrink_token_ids(small, vocabulary)
    return small


def overridden(config: Mapping[str, Any], overrides: Mapping[str, Any]) -> Config:
    """Return a config as ``vllm serve --hf-overrides`` would have it: what is an object on both sides is joined."""
    joined = dict(config)
    for key, value in overrides.items():
        own = joined.get(key)
        both = isinstance(own, Mapping) and isinstance(value, Mapping)
        joined[key] = overridden(own, value) if both else value  # type: ignore[arg-type]
    return joined


def prompt_tokens(config: Mapping[str, Any], vocabulary: Vocabulary) -> int:
    """Return how long a prompt has to be to leave the windows and the first chunk of attention behind."""
    return PROMPT_TOKENS + (first(config, _keys(vocabulary, "attention_chunk_size")) or 0)


def first(config: Mapping[str, Any], keys: tuple[str, ...]) -> int | None:
    """Return the first whole number that a config has under some keys."""
    return next((value for key in keys if isinstance(value := _at(config, key), int)), None)


def _keys(vocabulary: Vocabulary, role: str) -> tuple[str, ...]:
    return tuple(vocabulary[role]["keys"])


def _ruled(vocabulary: Vocabulary, rule: str) -> tuple[str, ...]:
    """Return the keys of all roles that have a rule."""
    return tuple(key for row in vocabulary.values() if row["twin"] == rule for key in row["keys"])


def _at(config: Mapping[str, Any], key: str) -> Any:
    value: Any = config
    for name in key.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _put(small: Config, key: str, value: Any) -> None:
    """Set the value under a key, in place, if there is one."""
    *objects, name = key.split(".")
    inner = _at(small, ".".join(objects)) if objects else small
    if isinstance(inner, dict) and inner.get(name) is not None:
        inner[name] = value


def _set(small: Config, keys: tuple[str, ...], value: int) -> None:
    """Set the whole numbers under these keys."""
    for key in keys:
        if type(_at(small, key)) is int:
            _put(small, key, value)


def _at_most(value: Any, largest: int) -> Any:
    if isinstance(value, list):
        return [_at_most(item, largest) for item in value]
    return min(value, largest) if type(value) is int else value


def _shrink_layers(small: Config, config: Mapping[str, Any], vocabulary: Vocabulary, count: int) -> None:
    """Keep the first layer of each kind, in their order, and the layers before the first with experts."""
    numbers = _ruled(vocabulary, "layer_numbers")
    lists = {
        key: value
        for key, value in config.items()
        if isinstance(value, list) and len(value) == count and key not in numbers
    }
    periods = [_at(config, key) for key in _ruled(vocabulary, "period")]
    period = math.lcm(*(p for p in periods if isinstance(p, int) and 0 < p <= MOST_LAYERS))
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
    _set(small, _keys(vocabulary, "num_layers"), len(kept))
    for key, value in lists.items():
        small[key] = [value[index] for index in kept]
    dense = next((key for key in _ruled(vocabulary, "first_expert_layer") if (first(config, (key,)) or 0) > 0), None)
    if dense is not None and _at(config, dense) < count:
        _put(small, dense, 1)
    for key in _ruled(vocabulary, "first_window_layer"):
        start = first(config, (key,))
        if start is not None:
            _put(small, key, len(kept) // 2 if start < count else len(kept))
    _set(small, _ruled(vocabulary, "last_expert_layer"), len(kept) - 1)
    for key in numbers:
        _shrink_numbers(small, key, count, len(kept))


def _shrink_numbers(small: Config, key: str, count: int, kept: int) -> None:
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


def _shrink_heads(small: Config, config: Mapping[str, Any], vocabulary: Vocabulary) -> None:
    heads, hidden = (first(config, _keys(vocabulary, role)) for role in ("num_heads", "hidden_size"))
    if heads is None or hidden is None:
        return
    kv_heads = first(config, _keys(vocabulary, "num_kv_heads")) or heads
    per_kv = max(1, heads // kv_heads)
    if per_kv > 8:  # as many heads at one KV head cost more than they show; odd stays odd
        per_kv = 5 if per_kv % 2 else 4
    new_kv = min(kv_heads, 4 if per_kv == 1 else 2)
    new_heads = new_kv * per_kv if kv_heads < heads else new_kv
    head_dim = first(config, _keys(vocabulary, "head_dim"))
    if hidden % heads == 0 and head_dim in (None, hidden // heads):  # the code may rely on it
        new_hidden = new_heads * (hidden // heads)
    else:
        new_hidden = max(32, round(new_heads * hidden / heads / 32) * 32)
    for role, value in (("num_heads", new_heads), ("num_kv_heads", new_kv), ("hidden_size", new_hidden)):
        _set(small, _keys(vocabulary, role), value)


def _keep_four_times(small: Config, config: Mapping[str, Any], vocabulary: Vocabulary) -> None:
    """Keep an inner size that is four times the hidden size what it is: there is code that relies on it."""
    hidden, new = (first(values, _keys(vocabulary, "hidden_size")) for values in (config, small))
    for key in _keys(vocabulary, "intermediate_size"):
        if hidden is not None and new is not None and _at(config, key) == 4 * hidden:
            _put(small, key, 4 * new)


def _shrink_experts(small: Config, config: Mapping[str, Any], vocabulary: Vocabulary) -> None:
    """Shrink groups and choices; without experts ``top_k`` is one of sampling, and stays."""
    experts = first(config, _keys(vocabulary, "num_experts"))
    if experts is None or experts < 2:
        return
    groups, top_groups = (first(config, _keys(vocabulary, role)) for role in ("num_groups", "topk_group"))
    if groups is not None and groups > 1:
        new_groups = 4 if experts % 4 == 0 and groups >= 4 else 2
        _set(small, _keys(vocabulary, "num_groups"), new_groups)
        if top_groups is not None:
            new = min(top_groups, new_groups // 2) if top_groups < groups else new_groups
            _set(small, _keys(vocabulary, "topk_group"), new)
    for key in _keys(vocabulary, "top_k"):
        _put(small, key, _at_most(_at(config, key), TOP_K))


def _shrink_token_ids(small: Config, vocabulary: Vocabulary) -> None:
    tokens = vocabulary["vocab_size"]["twin"]
    for key, value in list(small.items()):
        if key.endswith(("_token_id", "_token_ids")):
            small[key] = _within(value, tokens)


def _within(value: Any, tokens: int) -> Any:
    """Return token ids of the small vocabulary."""
    if isinstance(value, list):
        return [_within(item, tokens) for item in value]
    return value % tokens if isinstance(value, int) else value
