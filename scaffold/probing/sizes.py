"""The sizes of a probe: a config at small sizes which all differ, so that a size seen in a run names its key.

Which keys are sizes, and what the two probes set them to, is in the vocabulary; here is what holds between them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from scaffold.expressions.evaluate import PER_LAYER
from scaffold.vocabulary.lookup import at, key_of, replaced, spellings, value_of
from scaffold.vocabulary.rows import rows

FACTORS = (1.09375, 1.21875)
"""What a probe multiplies a number by that scales something, so that 1 does not hide that it is used."""
FIXED_FLOATS = (
    *("dropout", "initializer", "init_", "_std", "_coef", "jitter", "layerdrop", "pdrop"),
    *("rotary", "partial", "rope", "ratio", "prob", "fraction", "normalize"),
)
"""Parts of keys of numbers that inference does not use, that sizes are computed from, or that choose a form."""
ORIGINAL_LENGTH = (16, 18)
"""From which a longrope stretches; the tokens of a probe are fewer."""
ORIGINAL = "original_max_position_embeddings"
OF_SINGLE_LAYERS = {"head_dim": "global_head_dim", "num_kv_heads": "global_num_kv_heads"}
"""Role → whose probe sizes layers get for which a config states another value than for all."""
HEADS = {"num_kv_heads": "num_heads", "swa_num_kv_heads": "swa_num_heads", "global_num_kv_heads": "num_heads"}
"""Role of key-value heads → that of the heads which share them."""
NEARBY = re.compile(
    r"(?:.*_)?(?:last|local|recent|mem|memory|segment|cache|sink)_(?:.*_)?(?:length|len|size|window|tokens)"
)
"""Names of numbers of tokens that are seen or kept otherwise than those before them."""
NEAR = (8, 10)
"""Fewer tokens than a probe has, so that what happens beyond shows."""
TOKEN_IDS = re.compile(r"(?:.*_)?tokens?(?:_.*)?_(?:ids|indices|indexes|list)|(?:.*_)?token_?ids")
"""Names of lists of tokens: their numbers are those of the checkpoint's vocabulary."""
LIMITS = ("clip_", "_clip", "clamp", "swiglu_limit")
NOT_COMPUTED = ("quantization_config", "vision_config", "audio_config")
"""Configs inside of a config that say nothing of what a text decoder computes."""
LIMIT = (0.71, 0.83)
"""A limit on values that a probe's values reach, so that it shows."""


TABLES: tuple[Mapping[str, tuple[float, float]], ...] = (
    {},
    {"num_heads": (24, 16), "num_kv_heads": (6, 2), "head_dim": (20, 32)},
    {"head_dim": (64, 64), "num_heads": (6, 8), "num_kv_heads": (3, 2)},
    {"head_dim": (128, 128), "num_heads": (6, 8), "num_kv_heads": (3, 2)},
    {"hidden_size": (192, 320)},
    {"head_dim": (20, 40)},
)
"""What both probes set roles to where source goes by literals that the usual sizes do not fit, or refuses these: it
packs heads by the eight, halves them (the second table's numbers of heads are even), says how many entries a head has,
or has heads in an object of its config, where they stay as they are, which share a width of many factors. The last is
for parts of a head that turn, of which the others have no whole number (0.4 of it). Pairs of probes are counted
through: the second table has 2 and 3."""


def probe_value(role: str, which: int) -> float:
    """Return what a probe sets a role to: the first or the second of a pair.

    Raises:
        KeyError: no probe sets it.
    """
    pair, which = divmod(which, 2)
    probe = TABLES[pair % len(TABLES)].get(role) or rows()[role].probe
    if probe is None:
        raise KeyError(role)
    return probe[which]


def pairs(config: Mapping[str, Any]) -> list[int]:
    """Return the pairs of probes to try, by their numbers in `TABLES`.

    Where a part of each head turns, that is a whole number of pairs of entries in both, as it is in the checkpoint.

    Args:
        config: the checkpoint's text config.
    """
    rope = config.get("rope_parameters")
    inner = (rope, *rope.values()) if isinstance(rope, Mapping) else ()
    stated = (value_of("partial_rotary_factor", one) for one in (config, *inner) if isinstance(one, Mapping))
    parts = [one for one in stated if _is_number(one)]
    real: Any = value_of("head_dim", config) or (_head_dim(config) if key_of("num_heads", config) else None)
    parts = [part for part in parts if _is_number(real) and _turns(real, part)]
    suits = [
        pair for pair in range(len(TABLES))
        if all(_turns(probe_value("head_dim", 2 * pair + which), part) for which in (0, 1) for part in parts)
    ]  # fmt: skip
    usual = list(range(len(TABLES) - 1))
    return usual if 0 in suits or not suits else suits


def _turns(size: float, part: float) -> bool:
    """Return whether this part of a head is a whole number of pairs of entries."""
    return abs(size * part / 2 - round(size * part / 2)) < 1e-6


def related(which: int) -> int:
    """Return the number of the probe of the same sizes but for key-value heads, as many as heads where they are."""
    return which % (2 * len(TABLES)) + 2 * len(TABLES)


def shrink(config: Mapping[str, Any], which: int = 0) -> dict[str, Any]:
    """Return the config at the sizes of a probe, by its number. All that is no size stays, layers too.

    Relations that source relies on are kept: hidden = heads × head size where it held, one KV head or as many as
    heads where it was so, experts a multiple of groups, one group where there was one. A size or count of 0 stays 0: it
    switches a part off.
    """
    keys = {row.role: key for row in rows().values() if row.probe and (key := key_of(row.role, config)) is not None}
    small = {keys[role]: value for role, value in _sizes(config, keys, which).items()}
    for role, first in keys.items():
        for key in spellings(role):  # a config may say a size twice, or its class copy it: source reads either
            if first in small and at(config, key) == at(config, first):
                small[key] = small[first]
    for row in rows().values():
        for key in row.keys if row.same_as else ():
            other = key_of(row.same_as or "", config)
            if other in small and at(config, key) == at(config, other):
                small[key] = small[other]
    factors = {key: _factor(key, value, which) for key, value in config.items() if key not in small}
    result = replaced({**config, **factors}, small)
    if {"qk_head_dim", "qk_nope_head_dim", "qk_rope_head_dim"} <= config.keys():
        result["qk_head_dim"] = result["qk_nope_head_dim"] + result["qk_rope_head_dim"]
    _stretch(result, config, which)
    _sections(result, config)
    _tokens(result, config)
    _single_layers(result, config, keys, which)
    rope = config.get("rope_parameters")
    if isinstance(rope, Mapping) and rope.get("llama_4_scaling_beta") is not None:
        result["rope_parameters"] = {**rope, "original_max_position_embeddings": (5, 3)[which % 2]}
    return result


def _sizes(config: Mapping[str, Any], keys: Mapping[str, str], which: int) -> dict[str, float]:
    """Return the probe's value of each role that the config has a number for.

    Args:
        config: the checkpoint's.
        keys: role → its key in the config.
        which: the first or the second probe.
    """
    real = {role: at(config, key) for role, key in keys.items()}
    real = {role: value for role, value in real.items() if _is_number(value)}
    small = {role: probe_value(role, which) if value else value for role, value in real.items()}
    heads, kv_heads, head_dim = (real.get(role) for role in ("num_heads", "num_kv_heads", "head_dim"))
    has_own_head_dim = "head_dim" in keys and not (heads and head_dim and heads * head_dim == real.get("hidden_size"))
    if "hidden_size" in real and "num_heads" in keys and not has_own_head_dim:
        small["hidden_size"] = probe_value("num_heads", which) * probe_value("head_dim", which)
    if "qk_rope_head_dim" in real and head_dim == real["qk_rope_head_dim"]:
        small["head_dim"] = small["qk_rope_head_dim"]
    if heads is not None and kv_heads is not None:
        if kv_heads == heads and ("kv_lora_rank" in keys or "multi_query" in config):
            small["num_kv_heads"] = small["num_heads"]
        if kv_heads == 1 and config.get("multi_query"):
            small["num_kv_heads"] = 1
    if which >= 2 * len(TABLES):
        same = {kv: of for kv, of in HEADS.items() if kv in small and real[kv] == real.get(of)}
        small |= {kv: small[of] for kv, of in same.items()}
    if real.get("num_groups", real.get("topk_group")) in (0, 1):
        small |= {role: real[role] for role in ("num_groups", "topk_group") if role in real}
    return small


def _stretch(small: dict[str, Any], config: Mapping[str, Any], which: int) -> None:
    """Keep what the lengths of longrope say: their ratio, and factors for as many frequencies as a head has.

    The older spelling is what config classes of remote code check and read.
    """
    length = key_of("max_position_embeddings", config)
    for key in ("rope_parameters", "rope_scaling"):
        rope = config.get(key)
        if not isinstance(rope, Mapping) or "short_factor" not in rope or length is None:
            continue
        stated = rope.get(ORIGINAL) or config.get(ORIGINAL)
        small[key] = {**rope, **({ORIGINAL: ORIGINAL_LENGTH[which % 2]} if ORIGINAL in rope else {})}
        for name in ("short_factor", "long_factor"):
            count = len(rope[name]) * _turning(small, config) // _turning(config, config)
            small[key][name] = list(rope[name])[:count]
        small[length] = ORIGINAL_LENGTH[which % 2] * config[length] // (stated or config[length])
        if config.get(ORIGINAL) is not None:
            small[ORIGINAL] = ORIGINAL_LENGTH[which % 2]


def _single_layers(small: dict[str, Any], config: Mapping[str, Any], keys: Mapping[str, str], which: int) -> None:
    """Keep which layers have other sizes than all have; a size of which there are three kinds stays as it is."""
    stated = config.get(PER_LAYER)
    if not isinstance(stated, Mapping):
        return
    result = {layer: dict(own) for layer, own in stated.items()}
    for role, second in OF_SINGLE_LAYERS.items():
        key = keys.get(role, role)
        others = {own[key] for own in stated.values() if key in own} - {config.get(key)}
        for own in result.values() if len(others) == 1 else ():
            if key in own:
                own[key] = probe_value(second, which) if own[key] in others else small[key]
    small[PER_LAYER] = result


def _sections(small: dict[str, Any], config: Mapping[str, Any]) -> None:
    """Keep that the sections of mrope (time, height, width) make up what turns of half a head."""
    rope = small.get("rope_parameters")
    sections = rope.get("mrope_section") if isinstance(rope, Mapping) else None
    if not isinstance(sections, (list, tuple)) or len(sections) < 2 or not all(map(_is_number, sections)):
        return
    count = sum(sections) * _head_dim(small) // _head_dim(config)
    others = [max(1, section * count // sum(sections)) for section in sections[1:]]
    if count > sum(others):
        small["rope_parameters"] = {**small["rope_parameters"], "mrope_section": [count - sum(others), *others]}


def _tokens(small: dict[str, Any], config: Mapping[str, Any]) -> None:
    """Keep the tokens that the config lists inside of the vocabulary: source uses them as rows of tables."""
    size = value_of("vocab_size", small)
    for name, ids in config.items():
        if size and isinstance(ids, list) and TOKEN_IDS.fullmatch(name) and all(type(one) is int for one in ids):
            small[name] = [one % int(size) for one in ids]


def _head_dim(config: Mapping[str, Any]) -> int:
    """Return the entries of a head: as they are stated, or the hidden size's share."""
    stated = value_of("head_dim", config)
    return int(stated or value_of("hidden_size", config) // value_of("num_heads", config))


def _turning(sizes: Mapping[str, Any], config: Mapping[str, Any]) -> int:
    """Return the entries of a head of which some turn: of latent attention only those that have no part in it."""
    rotary = value_of("qk_rope_head_dim", sizes) if value_of("kv_lora_rank", config) else None
    return int(rotary or _head_dim(sizes))


def _factor(key: str, value: Any, which: int) -> Any:
    """Return what a probe has for a number that scales or limits something; any other value as it is.

    A config inside of the config has such numbers, too.
    """
    if isinstance(value, Mapping) and key.endswith("_config") and key not in NOT_COMPUTED:
        return {name: _factor(str(name), one, which) for name, one in value.items()}
    if not _is_number(value):
        return value
    if isinstance(value, int) and value > 0 and NEARBY.fullmatch(key):
        return NEAR[which % 2]
    if value and any(part in key for part in LIMITS):
        return LIMIT[which % 2]
    if isinstance(value, float) and not any(part in key for part in FIXED_FLOATS):
        return value * (FACTORS[which % 2] + 0.001 * (sum(map(ord, key)) % 89))
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
