"""What a model is for, judged by its architecture's name as vLLM does: to generate text, or for something else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DECODERS = ("ForCausalLM", "LMHeadModel")
"""Suffixes of classes that are a text decoder with its head."""
WRITES = (*DECODERS, "ForConditionalGeneration", "ChatModel")
"""Suffixes of classes that generate text, of whatever they are given."""
HEADS = ("LMHead", "CausalLM")
"""Words in the name of a class with a head that generates text, whatever its suffix."""
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
"""Suffixes of names; the first match counts (vLLM: config/model.py, ``_SUFFIX_TO_DEFAULTS``)."""
NOT_CAUSAL: Mapping[str, tuple[Any, ...]] = {"is_causal": (False,), "use_bidirectional_attention": (True, "all")}
"""Keys of configs → values with which every token sees those that come after it, as embedding models have
them (vLLM: models/qwen2.py, ``attn_type``; transformers: models/gemma3, ``use_bidirectional_attention``)."""

ENCODER = "is_encoder_decoder"


def other_purpose(architecture: str) -> str:
    """Return the purpose of a model that does not generate text; empty for others, and if its name does not tell."""
    if is_named_for_writing(architecture) or any(word in architecture for word in HEADS):
        return ""
    return next((purpose for ending, purpose in OTHERS if architecture.endswith(ending)), "")


def is_named_for_a_decoder(name: str) -> bool:
    """Return whether a class's name says that it is a text decoder with its head."""
    return name.endswith(DECODERS)


def is_named_for_writing(architecture: str) -> bool:
    """Return whether a name says that the model generates text."""
    return architecture.endswith(WRITES)


def seen_ahead(text_config: Mapping[str, Any]) -> str:
    """Return the key of the config that lets tokens see those that come after them; empty if there is none."""
    for key, values in NOT_CAUSAL.items():
        said = text_config.get(key)
        if any(type(said) is type(value) and said == value for value in values):
            return key
    return ""


def encoder_key(config: Mapping[str, Any], text_key: str) -> str:
    """Return where a config says that a decoder attends to an encoder of the same model; empty if it does not."""
    text = config[text_key] if text_key else {}
    places = ((ENCODER, config.get(ENCODER)), (f"{text_key}.{ENCODER}", text.get(ENCODER)))
    return next((place for place, value in places if value is True), "")
