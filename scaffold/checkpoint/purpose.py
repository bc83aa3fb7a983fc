"""What a model is for, as its architecture's name tells it and vLLM takes it: to write text, or for something else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

WRITES = ("ForCausalLM", "ForConditionalGeneration", "ChatModel", "LMHeadModel")
HEADS = ("LMHead", "CausalLM")
"""Words in a name of a class with a head that writes, whatever it ends in."""
OTHERS = (
    ("ForTextEncoding", "gives embeddings"),
    ("EmbeddingModel", "gives embeddings"),
    ("ForMaskedLM", "fills in masked tokens"),
    ("ForSequenceClassification", "classifies sequences"),
    ("ForTokenClassification", "classifies tokens"),
    ("ForAudioClassification", "classifies sounds"),
    ("ForImageClassification", "classifies images"),
    ("ForVideoClassification", "classifies videos"),
    ("ForQuestionAnswering", "marks answers in a text"),
    ("ForMultipleChoice", "chooses among answers"),
    ("ClassificationModel", "classifies"),
    ("ForRewardModeling", "scores answers"),
    ("RewardModel", "scores answers"),
    ("Model", "gives hidden states, which vLLM makes embeddings of"),
)
"""Endings of names, the first that fits counts (vLLM: config/model.py, ``_SUFFIX_TO_DEFAULTS``)."""
NOT_CAUSAL: Mapping[str, tuple[Any, ...]] = {"is_causal": (False,), "use_bidirectional_attention": (True, "all")}
"""Keys of configs → values with which every token sees those that come after it, as models that give embeddings have
them (vLLM: models/qwen2.py, ``attn_type``; transformers: models/gemma3, ``use_bidirectional_attention``)."""

ENCODER = "is_encoder_decoder"


def other_purpose(architecture: str) -> str:
    """Return what a model is for that does not write text; empty for one that does, or whose name does not tell."""
    if is_named_for_writing(architecture) or any(word in architecture for word in HEADS):
        return ""
    return next((purpose for ending, purpose in OTHERS if architecture.endswith(ending)), "")


def is_named_for_writing(architecture: str) -> bool:
    """Return whether a name says that the model writes text."""
    return architecture.endswith(WRITES)


def seen_ahead(text_config: Mapping[str, Any]) -> str:
    """Return the key of the config by which tokens see those that come after them; empty where none says so."""
    for key, values in NOT_CAUSAL.items():
        said = text_config.get(key)
        if any(type(said) is type(value) and said == value for value in values):
            return key
    return ""


def encoder_key(config: Mapping[str, Any], text_key: str) -> str:
    """Return where a config says that a decoder attends to an encoder of the same model; empty where it does not."""
    text = config[text_key] if text_key else {}
    places = ((ENCODER, config.get(ENCODER)), (f"{text_key}.{ENCODER}", text.get(ENCODER)))
    return next((place for place, value in places if value is True), "")
