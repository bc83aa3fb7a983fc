"""``transformers``: vLLM's Transformers modeling backend, which runs the modeling source.

vLLM: docs/models/supported_models.md, "Transformers".
"""

from __future__ import annotations

from scaffold.strategy.gate import prove_source
from scaffold.strategy.protocol import Adds, Answer, Question, Strategy

NO_SOURCE = "neither the folder nor transformers has the model's source, which the backend would run"


def holds(question: Question) -> Answer:
    """Return whether the files are those of the model that transformers makes; the rest the twin and the gates show."""
    reading = question.reading
    if reading.transformers is not None and reading.source is None and not reading.checkpoint.auto_map:
        return Answer(False, NO_SOURCE)
    gate = prove_source(question)
    if not gate.holds:
        return Answer(False, "; ".join(gate.against), None, gate.notes)
    return Answer(True, "vLLM's Transformers backend is what is left", None, gate.notes)


TRANSFORMERS = Strategy(
    name="transformers",
    holds=holds,
    adds=Adds.NOTHING,
    subject="[Model] Add {name}, served by vLLM's Transformers backend",
    support="vLLM serves it through its Transformers modeling backend.",
    model_impl="transformers",
)
