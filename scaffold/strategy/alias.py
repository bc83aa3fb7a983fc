"""``alias``: another registered implementation has the same spec and tensor names, so one registry line is enough."""

from __future__ import annotations

from scaffold.roots.registered import BACKEND_MODULE
from scaffold.strategy import unknown_name
from scaffold.strategy.config_loads import with_config
from scaffold.strategy.gate import prove_class, prove_files
from scaffold.strategy.protocol import Adds, Answer, Question, Strategy


def holds(question: Question) -> Answer:
    """Return the first registered architecture that is this model by another name."""
    from scaffold.strategy.candidates import Candidates

    reading = question.reading
    if unknown_name.is_unknown(question):
        return unknown_name.holds(question)
    if reading.spec.decoder is None:
        return Answer(False, "the spec has holes, so it cannot be compared")
    files = prove_files(question)
    if not files.holds:
        return Answer(False, "; ".join(files.against))
    tried, against = 0, ""
    if reading.transformers is not None:
        candidates = Candidates(reading.transformers, reading.checkpoint, reading.source)
        for entry in candidates.order(question.registry):
            if entry.architecture == reading.spec.architecture or entry.module == BACKEND_MODULE:
                continue  # that is `supported`, that is `transformers`
            same = candidates.is_own_class(entry) or candidates.has_spec(entry, reading.spec.decoder)
            tried += same is not None
            if not same:
                continue
            gate = with_config(question, prove_class(question, entry))
            if gate.holds:
                reason = f"spec and tensor names are those of {entry.architecture}"
                return gate.answer(reason, entry)
            against = against or f"the spec is that of {entry.architecture}, but {'; '.join(gate.against)}"
    return Answer(False, against or f"none of {tried} registered architectures with such tensor names has this spec")


ALIAS = Strategy(
    name="alias",
    holds=holds,
    adds=Adds.REGISTRATION,
    subject="Add {name}, served by an implementation that vLLM has",
    support="vLLM serves it by an implementation that it has for another architecture of the same form.",
)
