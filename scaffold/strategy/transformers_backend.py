"""``transformers``: vLLM's Transformers modeling backend, which is always left.

vLLM: docs/models/supported_models.md, "Transformers".
"""

from __future__ import annotations

from scaffold.strategy.protocol import Adds, Answer, Question, Strategy


def holds(question: Question) -> Answer:
    """Return that it holds: whether the backend can take the model is for the twin and the gates to show."""
    return Answer(True, "vLLM's Transformers backend is what is left")


TRANSFORMERS = Strategy(
    name="transformers",
    holds=holds,
    adds=Adds.NOTHING,
    subject="[Model] Add {name}, served by vLLM's Transformers backend",
    support="vLLM serves it through its Transformers modeling backend.",
    model_impl="transformers",
)
