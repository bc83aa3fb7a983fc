"""``supported``: the target's registry has the architecture, so no code is needed."""

from __future__ import annotations

from scaffold.roots.vllm_tree import BACKEND_DICT
from scaffold.strategy.protocol import Adds, Answer, Question, Strategy


def holds(question: Question) -> Answer:
    """Return whether vLLM has an implementation of its own for this architecture."""
    architecture = question.reading.spec.architecture
    entry = question.registry.get(architecture)
    if entry is None:
        return Answer(False, f"{architecture} is not in the registry")
    if entry.table == BACKEND_DICT:
        return Answer(False, f"{architecture} is registered for the Transformers backend only")
    return Answer(True, f"{architecture} is registered ({entry.module}.{entry.class_name})", entry)


SUPPORTED = Strategy(
    name="supported",
    holds=holds,
    adds=Adds.NOTHING,
    subject="[Doc][Test] Add tutorial and test config of {name}",
    support="vLLM implements this architecture itself; nothing was added for it.",
)
