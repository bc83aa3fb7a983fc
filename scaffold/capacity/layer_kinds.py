"""How configs say which layers keep what: a table of ways, each with its source and an example.

A way is a key and a function from its value to one word a layer. Adding a way is adding a row. Ways of `MIXERS` tell
which layers attend at all; ways of `WINDOWS` which of those slide; ways of `SHARED` which of them keep nothing, since
they read the keys and values of another layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scaffold.vocabulary.lookup import at

FULL, SLIDING, LINEAR, HYBRID = "full", "sliding", "linear", "hybrid"
"""All tokens; those of a window; a state of fixed size; all tokens and a state beside them."""
CROSS, NOTHING, SHARED_KV = "cross", "nothing", "shared"
"""Keys and values of another modality; nothing (no mixer at all); those of another layer."""
ATTENDING = frozenset((FULL, SLIDING, HYBRID))

Kinds = tuple[str, ...]
Told = Callable[[Any, int, Mapping[str, Any]], Kinds | None]
"""From a key's value, the number of layers and the whole config to a kind a layer; None if it does not tell."""


@dataclass(frozen=True)
class Way:
    """One way in which configs tell.

    Attributes:
        key: where; a dot leads into an object.
        told: see `Told`.
        source: where that meaning is written down.
        example: a config that tells in this way.
        kinds: what it tells.
        only_if: a switch that has to be on for the key to count.
    """

    key: str
    told: Told
    source: str
    example: Mapping[str, Any]
    kinds: Kinds
    only_if: str = ""

    def applies(self, config: Mapping[str, Any]) -> bool:
        """Return whether a config tells in this way."""
        return at(config, self.key) is not None and (not self.only_if or config.get(self.only_if) is True)


WORDS = {
    "full_attention": FULL, "attention": FULL, "global": FULL, "global_attention": FULL,
    "deepseek_sparse_attention": FULL, "sliding_attention": SLIDING, "chunked_attention": SLIDING, "local": SLIDING,
    "linear_attention": LINEAR, "conv": LINEAR, "mamba": LINEAR, "mamba2": LINEAR, "recurrent": LINEAR,
    "hybrid": HYBRID, "moe": NOTHING, "mlp": NOTHING,
}  # fmt: skip
"""transformers, configuration_utils.py: ``ALLOWED_LAYER_TYPES``. A word that is not here tells nothing of its layer."""
LETTERS = {"M": LINEAR, "*": FULL, "-": NOTHING, "E": NOTHING}
"""vLLM, transformers_utils/configs/nemotron_h.py: ``hybrid_override_pattern``."""
SPANS = {"L": SLIDING, "G": FULL}
"""transformers, exaone4/configuration_exaone4.py: ``sliding_window_pattern`` as a word."""


def _listed(words: Mapping[Any, str]) -> Told:
    """Return a way whose value has a word a layer."""

    def told(value: Any, num_layers: int, _config: Mapping[str, Any]) -> Kinds | None:
        if not isinstance(value, (list, str)) or len(value) != num_layers:
            return None
        kinds = tuple(words.get(one, "") if isinstance(one, (str, int)) else "" for one in value)
        return kinds if all(kinds) else None

    return told


def _repeated(words: Mapping[Any, str]) -> Told:
    """Return a way whose value has a word a layer, from the start again where it ends."""

    def told(value: Any, num_layers: int, config: Mapping[str, Any]) -> Kinds | None:
        if not isinstance(value, (list, str)) or not value:
            return None
        whole = value * -(-num_layers // len(value))
        return _listed(words)(whole[:num_layers], num_layers, config)

    return told


def _numbers(inside: str, outside: str, first: int = 0) -> Told:
    """Return a way whose value has the numbers of layers, counted from ``first``."""

    def told(value: Any, num_layers: int, _config: Mapping[str, Any]) -> Kinds | None:
        if not isinstance(value, list) or not all(type(n) is int and first <= n < num_layers + first for n in value):
            return None
        return tuple(inside if layer + first in value else outside for layer in range(num_layers))

    return told


def _each(inside: str, outside: str) -> Told:
    """Return a way whose value is a period: the last layer of each is ``inside``."""

    def told(value: Any, num_layers: int, _config: Mapping[str, Any]) -> Kinds | None:
        if type(value) is not int or value < 1:
            return None
        return tuple(inside if (layer + 1) % value == 0 else outside for layer in range(num_layers))

    return told


def _with_offset(value: Any, num_layers: int, config: Mapping[str, Any]) -> Kinds | None:
    offset = config.get("attn_layer_offset")
    if type(value) is not int or value < 1 or type(offset) is not int:
        return None
    return tuple(FULL if layer % value == offset else LINEAR for layer in range(num_layers))


def _groups(value: Any, num_layers: int, _config: Mapping[str, Any]) -> Kinds | None:
    """Tell of groups whose last layer attends; so do all layers behind the last whole group."""
    if type(value) is not int or value < 1:
        return None
    whole = num_layers // value * value
    return tuple(FULL if (n + 1) % value == 0 or n >= whole else LINEAR for n in range(num_layers))


def _steps(value: Any, num_layers: int, config: Mapping[str, Any]) -> Kinds | None:
    if type(value) is not int or value < 1:
        return None
    if num_layers <= value // 2:
        return (*(LINEAR,) * (num_layers - 1), FULL)
    return tuple(FULL if layer % value == value // 2 else LINEAR for layer in range(num_layers))


def _blocks(value: Any, num_layers: int, _config: Mapping[str, Any]) -> Kinds | None:
    if not isinstance(value, list) or len(value) != num_layers:
        return None
    kinds = [_block(block) for block in value]
    return None if None in kinds else tuple(kind for kind in kinds if kind)


def _block(block: Any) -> str | None:
    attention = block.get("attention") if isinstance(block, Mapping) else None
    if not isinstance(attention, Mapping):
        return None
    return NOTHING if attention.get("no_op") or attention.get("replace_with_linear") else FULL


def _state_space(value: Any, num_layers: int, config: Mapping[str, Any]) -> Kinds | None:
    """Tell of a model of nothing but state-space layers; with a number of attention heads it is a hybrid."""
    hybrid = any(config.get(key) is not None for key in ("num_attention_heads", "num_key_value_heads"))
    if hybrid or type(value) is not int or value < 1 or any(way.applies(config) for way in MIXERS[:-1]):
        return None
    return (LINEAR,) * num_layers


def _from_layer(value: Any, num_layers: int, _config: Mapping[str, Any]) -> Kinds | None:
    if type(value) is not int or value < 0:
        return None
    return tuple(FULL if layer < value else SLIDING for layer in range(num_layers))


def _last(value: Any, num_layers: int, _config: Mapping[str, Any]) -> Kinds | None:
    if type(value) is not int or not 0 <= value < num_layers:
        return None
    return (*(FULL,) * (num_layers - value), *(SHARED_KV,) * value)


def _first_of_group(value: Any, num_layers: int, _config: Mapping[str, Any]) -> Kinds | None:
    if type(value) is not int or value < 1:
        return None
    return tuple(SHARED_KV if layer % value else FULL for layer in range(num_layers))


def _groups_of_numbers(value: Any, num_layers: int, config: Mapping[str, Any]) -> Kinds | None:
    if not isinstance(value, list) or not all(isinstance(group, list) and group for group in value):
        return None
    return _numbers(SHARED_KV, FULL)([layer for group in value for layer in group[1:]], num_layers, config)


_F, _S, _L, _N = FULL, SLIDING, LINEAR, NOTHING
MIXERS = (
    Way("layer_types", _listed(WORDS), "transformers: ALLOWED_LAYER_TYPES",
        {"layer_types": ["linear_attention", "sliding_attention", "full_attention"]}, (_L, _S, _F)),
    Way("layers_block_type", _listed(WORDS), "transformers: NemotronHConfig, Zamba2Config",
        {"layers_block_type": ["mamba", "hybrid", "moe", "attention"]}, (_L, HYBRID, _N, _F)),
    Way("block_types", _repeated(WORDS), "transformers: RecurrentGemmaConfig",
        {"block_types": ["recurrent", "attention"], "num_hidden_layers": 3}, (_L, _F, _L)),
    Way("attention_layers", _listed(WORDS), "transformers: GPTNeoConfig",
        {"attention_layers": ["global", "local"]}, (_F, _S)),
    Way("hybrid_override_pattern", _listed(LETTERS), "vLLM: NemotronHConfig",
        {"hybrid_override_pattern": "M-M*E"}, (_L, _N, _L, _F, _N)),
    Way("attn_type_list", _listed({1: FULL, 0: LINEAR}), "vLLM: minimax_text_01.py",
        {"attn_type_list": [0, 0, 1]}, (_L, _L, _F)),
    Way("attn_layer_period", _with_offset, "transformers: JambaConfig",
        {"attn_layer_period": 4, "attn_layer_offset": 1, "num_hidden_layers": 6}, (_L, _F, _L, _L, _L, _F)),
    Way("attn_layer_indices", _numbers(FULL, LINEAR), "transformers: BambaConfig",
        {"attn_layer_indices": [2], "num_hidden_layers": 3}, (_L, _L, _F)),
    Way("full_attn_idxs", _numbers(FULL, LINEAR), "transformers: Lfm2Config",
        {"full_attn_idxs": [0, 2], "num_hidden_layers": 3}, (_F, _L, _F)),
    Way("linear_attn_config.full_attn_layers", _numbers(FULL, LINEAR, first=1), "vLLM: KimiLinearConfig, from 1",
        {"linear_attn_config": {"full_attn_layers": [2]}, "num_hidden_layers": 3}, (_L, _F, _L)),
    Way("full_attention_interval", _each(FULL, LINEAR), "transformers: Qwen3NextConfig",
        {"full_attention_interval": 2, "num_hidden_layers": 4}, (_L, _F, _L, _F)),
    Way("layer_group_size", _groups, "vLLM: bailing_moe_linear.py",
        {"layer_group_size": 2, "num_hidden_layers": 5}, (_L, _F, _L, _F, _F)),
    Way("mamba_step", _steps, "vLLM: plamo2.py", only_if="mamba_enabled",
        example={"mamba_step": 2, "mamba_enabled": True, "num_hidden_layers": 3}, kinds=(_L, _F, _L)),
    Way("block_configs", _blocks, "vLLM: nemotron_nas.py",
        {"block_configs": [{"attention": {"no_op": True}}, {"attention": {"no_op": False}}]}, (_N, _F)),
    Way("cross_attention_layers", _numbers(CROSS, FULL), "transformers: MllamaTextConfig",
        {"cross_attention_layers": [1], "num_hidden_layers": 3}, (_F, CROSS, _F)),
    Way("state_size", _state_space, "transformers: MambaConfig",
        {"state_size": 16, "num_hidden_layers": 2}, (_L, _L)),
)  # fmt: skip
WINDOWS = (
    Way("sliding_window_pattern", _each(FULL, SLIDING), "transformers: Gemma3TextConfig, Cohere2Config",
        {"sliding_window_pattern": 3, "num_hidden_layers": 4}, (_S, _S, _F, _S)),
    Way("sliding_window_pattern", _repeated(SPANS), "transformers: Exaone4Config",
        {"sliding_window_pattern": "LG", "num_hidden_layers": 3}, (_S, _F, _S)),
    Way("global_attn_every_n_layers", _each(FULL, SLIDING), "transformers: AfmoeConfig",
        {"global_attn_every_n_layers": 2, "num_hidden_layers": 4}, (_S, _F, _S, _F)),
    Way("hybrid_layer_pattern", _listed({0: FULL, 1: SLIDING}), "vLLM: mimo_v2.py",
        {"hybrid_layer_pattern": [0, 1, 1]}, (_F, _S, _S)),
    Way("global_attn_idx", _numbers(FULL, SLIDING), "modeling_hymba.py",
        {"global_attn_idx": [0], "num_hidden_layers": 3}, (_F, _S, _S)),
    Way("max_window_layers", _from_layer, "transformers: Qwen2Config", only_if="use_sliding_window",
        example={"max_window_layers": 2, "use_sliding_window": True, "num_hidden_layers": 3}, kinds=(_F, _F, _S)),
)  # fmt: skip
SHARED = (
    Way("num_kv_shared_layers", _last, "transformers: Gemma3nTextConfig",
        {"num_kv_shared_layers": 2, "num_hidden_layers": 3}, (_F, SHARED_KV, SHARED_KV)),
    Way("cla_share_factor", _first_of_group, "vLLM: hunyuan_v1.py", only_if="use_cla",
        example={"cla_share_factor": 2, "use_cla": True, "num_hidden_layers": 3}, kinds=(_F, SHARED_KV, _F)),
    Way("kv_reuse_group", _groups_of_numbers, "modeling_hymba.py",
        {"kv_reuse_group": [[0, 1]], "num_hidden_layers": 3}, (_F, SHARED_KV, _F)),
)  # fmt: skip
ONE_EACH = ("layer_types", "layers_block_type", "hybrid_override_pattern", "block_configs")
"""Keys whose value has one entry a layer, so that its length is the number of layers where the config has none."""
UNKNOWN_WAYS = ("compress_ratios", "compress_rates", "mb_per_layer", "yoco_cross_layers", "efficient_attention_config")
"""Keys of caches for which there is no arithmetic here: DeepSeek-V4's compressed ones, SambaY's shared ones, others."""


@dataclass(frozen=True)
class LayerKinds:
    """What each layer keeps, the keys that tell it, and whether it is known which layers slide."""

    kinds: Kinds
    keys: tuple[str, ...]
    windows_told: bool


def layer_kinds(config: Mapping[str, Any], num_layers: int | None) -> LayerKinds | str:
    """Return what each layer keeps by a text config, or which key leaves it open.

    ``num_layers`` is None where the config has no number: then a list with an entry a layer tells it.
    """
    for key in UNKNOWN_WAYS:
        if config.get(key):
            return f"there is no arithmetic for the cache that {key} stands for"
    mixers = [way for way in MIXERS if way.applies(config)]
    if num_layers is None:
        lists = [value for value in (at(config, key) for key in ONE_EACH) if isinstance(value, (list, str)) and value]
        if not lists:
            return "the config has no number of layers"
        num_layers = len(lists[0])
    told = _told(mixers, config, num_layers)
    if isinstance(told, str):
        return told
    kinds = next(iter(told.values())) if told else (FULL,) * num_layers
    if any([k in ATTENDING for k in other] != [k in ATTENDING for k in kinds] for other in told.values()):
        return f"{' and '.join(told)} tell of different layers that attend"
    spans = {} if any(SLIDING in other for other in told.values()) else _spans(config, num_layers)
    for which in spans.values():
        kinds = tuple(SLIDING if kind == FULL and span == SLIDING else kind for kind, span in zip(kinds, which))
    shared = _told([way for way in SHARED if way.applies(config)], config, num_layers)
    if isinstance(shared, str):
        return shared
    for which in shared.values():
        kinds = tuple(SHARED_KV if share == SHARED_KV else kind for kind, share in zip(kinds, which))
    return LayerKinds(kinds, (*told, *spans, *shared), SLIDING in kinds or bool(spans))


def _spans(config: Mapping[str, Any], num_layers: int) -> dict[str, Kinds]:
    """Return the first of `WINDOWS` that tells; where none does, no layer is known to slide."""
    for way in WINDOWS:
        kinds = way.told(at(config, way.key), num_layers, config) if way.applies(config) else None
        if kinds is not None:
            return {way.key: kinds}
    return {}


def _told(ways: Sequence[Way], config: Mapping[str, Any], num_layers: int) -> dict[str, Kinds] | str:
    """Return key → kinds; a key that is there and does not tell is said, as it may stand for any kind."""
    found: dict[str, Kinds] = {}
    for way in ways:
        kinds = way.told(at(config, way.key), num_layers, config)
        if kinds is not None:
            found[way.key] = kinds
        elif way.told is not _state_space:
            return f"{way.key} does not tell what each of {num_layers} layers keeps"
    return found
