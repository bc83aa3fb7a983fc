"""Models that do not write text: vLLM has runners of its own for them, and nothing here is about that."""

from __future__ import annotations

from scaffold.checkpoint.drafts import PURPOSE, draft_of
from scaffold.checkpoint.purpose import is_named_for_writing, other_purpose, seen_ahead
from scaffold.checkpoint.read import Checkpoint
from scaffold.common.errors import CheckFailed
from scaffold.disagreements.vocabulary_rows import EMBEDDINGS, HEADS
from scaffold.roots.vllm_tree import BACKEND_DICT, MULTIMODAL_DICT, TEXT_DICT, Registered
from scaffold.strategy.protocol import Question

WRITING = (TEXT_DICT, MULTIMODAL_DICT, BACKEND_DICT)
"""Tables of the registry whose models write text."""
DRAFTS_DICT = "_SPECULATIVE_DECODING_MODELS"
BY_TABLE = {
    "_EMBEDDING_MODELS": "gives embeddings",
    "_LATE_INTERACTION_MODELS": "gives an embedding for each token",
    "_REWARD_MODELS": "scores answers",
    "_TOKEN_CLASSIFICATION_MODELS": "classifies tokens",
    "_SEQUENCE_CLASSIFICATION_MODELS": "classifies sequences",
}
"""Tables of the registry → what their models are for; some list models that write text a second time."""
POOLING = "serve it with vllm serve --runner pooling; if it does write text, correct {key} in config.json"
DRAFTING = "pass the model that it drafts for, and serve it with vllm serve --speculative-config"
BY_NAME = "{} is served under the pooling runner, by its name: for text, pass --runner generate to vllm serve"
SHOWN = 3


def check_writes_text(question: Question) -> None:
    """Check that the model writes text, by its architecture, its config, the registry and the files.

    Raises:
        CheckFailed: it is a model for something else: it has no head over the vocabulary, its tokens see those that
            come after them, or it drafts for another model.
    """
    checkpoint = question.reading.checkpoint
    entry = question.registry.get(checkpoint.architecture)
    draft = draft_of(checkpoint)
    if draft is not None:
        by = f"; {_served(entry, 'as a draft')}" if entry is not None and entry.table == DRAFTS_DICT else ""
        raise _other(checkpoint, PURPOSE, draft.evidence.where, f"{draft.shown}{by}", draft.used)
    if entry is not None and entry.table == DRAFTS_DICT:
        raise _other(checkpoint, PURPOSE, "architectures", _served(entry, "as a draft"), DRAFTING)
    key = seen_ahead(checkpoint.text_config)
    if key:
        purpose = f"has {key}: {str(checkpoint.text_config[key]).lower()}, so that a token sees those after it"
        raise _other(checkpoint, purpose, key, _served(entry), POOLING.format(key=key))
    purpose = _purpose(checkpoint, entry)
    if purpose:
        found = f"{_held(checkpoint)}; {_served(entry)}"
        raise _other(checkpoint, purpose, "architectures", found, POOLING.format(key="architectures"))


def purpose_notes(question: Question) -> tuple[str, ...]:
    """Return that vLLM takes a model that writes text for one that does not, by its architecture's name."""
    architecture = question.reading.checkpoint.architecture
    entry = question.registry.get(architecture)
    writes = not other_purpose(architecture) or (entry is not None and entry.table in WRITING)
    return () if writes else (BY_NAME.format(architecture),)


def _purpose(checkpoint: Checkpoint, entry: Registered | None) -> str:
    """Return what the model is for, by its name and where it is registered; empty where it writes text."""
    named = other_purpose(checkpoint.architecture)
    if entry is not None and entry.table in WRITING:
        return ""
    if entry is not None and not named and not is_named_for_writing(checkpoint.architecture):
        return BY_TABLE.get(entry.table, "")
    return "" if any(_is_head(name) for name in checkpoint.weights.forms) else named


def _is_head(name: str) -> bool:
    """Return whether it is the matrix of a head; a head of masked tokens has its bias and its layers there."""
    return name.split(".")[-2:] in [[head, "weight"] for head in HEADS]


def _held(checkpoint: Checkpoint) -> str:
    forms = checkpoint.weights.forms.items()
    own = [f"{name} {list(form.shape)}" for name, form in forms if _is_at_the_end(name)]
    return (
        f"the files hold {', '.join(own[:SHOWN])} and no head over the vocabulary" if own else "the files hold no head"
    )


def _served(entry: Registered | None, how: str = "under the pooling runner") -> str:
    by = f"with {entry.class_name} ({entry.module})" if entry else "by its name's ending"
    return f"vLLM serves it {by}, {how}"


def _other(checkpoint: Checkpoint, purpose: str, key: str, found: str, remedy: str) -> CheckFailed:
    return CheckFailed(
        f"{checkpoint.architecture} {purpose}, and does not write text: {found}",
        where=key if key in checkpoint.weights.forms else f"config.json, {key}",
        expected="a model that writes text: for others nothing is planned, and the gates have no question to ask",
        remedy=remedy,
    )


def _is_at_the_end(name: str) -> bool:
    """Return whether a tensor lies outside of the decoder, where a head does."""
    parts = name.split(".")
    return len(parts) == 2 and parts[0] not in (*EMBEDDINGS, "norm", "ln_f", "final_layernorm", "wpe")
