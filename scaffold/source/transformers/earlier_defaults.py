"""Defaults of transformers' own config classes that were others in transformers 4, or that only its classes had.

Remote code is often made of such a class, ``from transformers import LlamaConfig``, and what it reads of it may be in
no ``config.json``. Most of it is in today's class, or follows from its ``rope_parameters`` (``config_rope.earlier``).
The rest is here, from src/transformers/models/*/configuration_*.py: ``tests/bench/source/earlier_defaults.py`` compares
it with releases.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from scaffold.source.python.errors import NotUnderstood

TIED = "tie_word_embeddings"
CHANGED: dict[str, dict[str, Any]] = {
    "CohereConfig": {"rope_theta": 10_000.0},
    "DeepseekV2Config": {"vocab_size": 32_000},
    "FalconH1Config": {"rope_theta": 100_000.0},
    "Glm4vTextConfig": {TIED: False},
    "KyutaiSpeechToTextConfig": {"rope_theta": 100_000.0},
    "Olmo3Config": {"rope_theta": 10_000.0},
    "PersimmonConfig": {"rope_theta": 25_000.0},
    "Qwen2VLTextConfig": {TIED: False},
    "Qwen2_5OmniTextConfig": {TIED: False},
    "Qwen2_5_VLTextConfig": {TIED: False},
    "Qwen3OmniMoeTextConfig": {TIED: False},
    "Qwen3VLMoeTextConfig": {TIED: False, "rope_theta": 5_000_000.0},
    "Qwen3VLTextConfig": {TIED: False, "rope_theta": 5_000_000.0},
}
"""By class: what transformers 4 (4.44 to 4.57, as far as they have the class) takes and transformers 5 does not."""
GONE: dict[str, dict[str, Any]] = {
    "DeepseekV2Config": {"aux_loss_alpha": 0.001, "seq_aux": True},
    "Emu3TextConfig": {"attention_bias": False, "mlp_bias": False},
    "GemmaConfig": {"hidden_activation": None},
    "JambaConfig": {"num_logits_to_keep": 1, "sliding_window": None},
    "Phi3Config": {"partial_rotary_factor": 1.0},
    "Qwen3VLMoeTextConfig": {"norm_topk_prob": True},
}
"""By class: what is no name of today's, which keeps it as it is where ``config.json`` has it."""
MOVED: dict[str, dict[str, str]] = {
    "GPTNeoXConfig": {"rotary_emb_base": "rope_theta", "rotary_pct": "partial_rotary_factor"},
    "GPTNeoXJapaneseConfig": {"rotary_emb_base": "rope_theta", "rotary_pct": "partial_rotary_factor"},
}
"""By class: what today's class keeps in ``rope_parameters`` alone, and its name there."""
FIRST_OF_TODAY = 5
"""The major version from which on today's defaults are taken."""


def gone(classes: Iterable[str], beside: Mapping[str, Any]) -> dict[str, Any]:
    """Return what only classes of transformers 4 had; what is said of classes that come first counts.

    Args:
        classes: names of transformers' classes.
        beside: what is in ``rope_parameters`` (see ``config_rope.earlier``).
    """
    found: dict[str, Any] = {}
    for name in classes:
        moved = {old: beside[new] for old, new in MOVED.get(name, {}).items() if new in beside}
        found = GONE.get(name, {}) | moved | found
    return found


def completed(classes: Iterable[str], given: Mapping[str, Any], stated: Any) -> dict[str, Any]:
    """Return what classes are given, with the defaults that they had in the release that is stated.

    Args:
        classes: names of transformers' classes.
        given: values by key.
        stated: ``transformers_version`` of ``config.json``; None or empty where it states none.

    Raises:
        NotUnderstood: a default that is needed depends on the release, and none is stated.
    """
    result = dict(given)
    major = str(stated or "").partition(".")[0]
    for name in classes:
        for key, value in CHANGED.get(name, {}).items():
            if key in result or (key == "rope_theta" and "rope_parameters" in result):
                continue
            if not major.isdigit():
                raise NotUnderstood(
                    f"the default of {key!r} of transformers' {name}, which is {value!r} before transformers "
                    f"{FIRST_OF_TODAY}.0 and another later: config.json has neither the key nor transformers_version",
                    "config.json",
                )
            if int(major) < FIRST_OF_TODAY:
                result[key] = value
    return result
