"""What a model is for, as its architecture's name tells it and vLLM takes it: to write text, or for something else."""

from __future__ import annotations

WRITES = ("ForCausalLM", "ForConditionalGeneration", "ChatModel", "LMHeadModel")
OTHERS = (
    ("ForTextEncoding", "gives embeddings"),
    ("EmbeddingModel", "gives embeddings"),
    ("ForSequenceClassification", "classifies sequences"),
    ("ForTokenClassification", "classifies tokens"),
    ("ForQuestionAnswering", "marks answers in a text"),
    ("ClassificationModel", "classifies"),
    ("ForRewardModeling", "scores answers"),
    ("RewardModel", "scores answers"),
    ("Model", "gives hidden states, which vLLM makes embeddings of"),
)
"""Endings of names, the first that fits counts (vLLM: config/model.py, ``_SUFFIX_TO_DEFAULTS``)."""


def other_purpose(architecture: str) -> str:
    """Return what a model is for that does not write text; empty for one that does, or whose name does not tell."""
    if architecture.endswith(WRITES):
        return ""
    return next((purpose for ending, purpose in OTHERS if architecture.endswith(ending)), "")
