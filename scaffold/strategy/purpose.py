"""Models that do not write text: vLLM has a runner of its own for them, and nothing here is about that."""

from __future__ import annotations

from scaffold.checkpoint.purpose import other_purpose
from scaffold.common.errors import CheckFailed
from scaffold.disagreements.vocabulary_rows import EMBEDDINGS, HEADS
from scaffold.roots.vllm_tree import BACKEND_DICT, MULTIMODAL_DICT, TEXT_DICT
from scaffold.strategy.protocol import Question

WRITING = (TEXT_DICT, MULTIMODAL_DICT, BACKEND_DICT)
"""Tables of the registry whose models write text."""
SHOWN = 3


def check_writes_text(question: Question) -> None:
    """Check that the model writes text, by its architecture, the registry and the files.

    Raises:
        CheckFailed: it is a model for something else, which has no head over the vocabulary.
    """
    checkpoint = question.reading.checkpoint
    architecture = checkpoint.architecture
    purpose, entry = other_purpose(architecture), question.registry.get(architecture)
    names = checkpoint.weights.forms
    heads = [name for name in names if name.split(".")[-2:-1] and name.split(".")[-2] in HEADS]
    if not purpose or heads or (entry is not None and entry.table in WRITING):
        return
    own = [f"{name} {list(form.shape)}" for name, form in names.items() if _is_at_the_end(name)]
    held = (
        f"the files hold {', '.join(own[:SHOWN])} and no head over the vocabulary" if own else "the files hold no head"
    )
    served = (
        f"vLLM serves it with {entry.class_name} ({entry.module})" if entry else "vLLM serves it by its name's ending"
    )
    raise CheckFailed(
        f"{architecture} {purpose}, and does not write text: {held}; {served}, under the pooling runner",
        where="config.json, architectures",
        expected="a model that writes text: for others nothing is planned, and the gates have no question to ask",
        remedy="serve it with vllm serve --runner pooling; if it does write text, correct architectures in config.json",
    )


def _is_at_the_end(name: str) -> bool:
    """Return whether a tensor lies outside of the decoder, where a head does."""
    parts = name.split(".")
    return len(parts) == 2 and parts[0] not in (*EMBEDDINGS, "norm", "ln_f", "final_layernorm", "wpe")
