"""``mapped``: a registered implementation fits once the beginnings of the tensors' names are replaced."""

from __future__ import annotations

from dataclasses import replace

from scaffold.checkpoint.read import Checkpoint
from scaffold.roots.registered import BACKEND_MODULE
from scaffold.strategy import alias, supported
from scaffold.strategy.gate import prove_files
from scaffold.strategy.protocol import Adds, Answer, Question, Strategy
from scaffold.strategy.renaming import Renames, apply, renames

REASON = "with {renames} in front, it is proved as {architecture}: only the beginnings of names differ"
NOTHING = "the tensors have the names that the source gives them"
NO_WAY = "no other beginnings of names make the tensors fit"
NO_CLASS = "with {renames} the names are those of the source, and no registered class serves that"
QUANTISED = "the quantisation names modules, too, which a mapper in front does not reach"


def holds(question: Question) -> Answer:
    """Return whether there is one way to rename the tensors with which a registered class takes them all."""
    spec, checkpoint = question.reading.spec, question.reading.checkpoint
    if spec.decoder is None:
        return Answer(False, "the spec has holes, so it cannot be told what its tensors should be called")
    if checkpoint.config.get("quantization_config") is not None:
        return Answer(False, QUANTISED)
    ways = tuple(renames(checkpoint.weights.forms, spec.decoder))
    if not ways:
        fits = not isinstance(question.weights, str) and question.weights.proof.holds
        return Answer(False, NOTHING if fits else NO_WAY)
    fitting, found = [], {}
    for one in ways:
        moved = renamed(checkpoint, one)
        if moved is None:
            continue
        asked = replace(question, reading=replace(question.reading, checkpoint=moved))
        if not prove_files(asked).holds:
            continue
        fitting.append(one)
        answer = _registered(asked)
        if answer is not None:
            found[one] = answer
    if not found and len(fitting) == 1:
        return Answer(False, NO_CLASS.format(renames=_shown(fitting[0])), renames=fitting[0])
    if len(found) != 1:
        why = "several ways to rename the tensors fit" if found else NO_WAY
        return Answer(False, why)
    ((one, answer),) = found.items()
    assert answer.entry is not None
    reason = REASON.format(renames=_shown(one), architecture=answer.entry.architecture)
    return replace(answer, reason=reason, renames=one)


def _registered(question: Question) -> Answer | None:
    """Return the answer of the first strategy that needs no code for the renamed checkpoint."""
    for holds_for in (supported.holds, alias.holds):
        answer = holds_for(question)
        if answer.holds and answer.entry is not None and answer.entry.module != BACKEND_MODULE:
            return answer
    return None


def _shown(renames: Renames) -> str:
    return ", ".join(f'"{old}" → "{new}"' for old, new in renames)


def renamed(checkpoint: Checkpoint, renames: Renames) -> Checkpoint | None:
    """Return the checkpoint as if its tensors had other names, None if two of them had the same."""
    forms = {apply(renames, name): form for name, form in checkpoint.weights.forms.items()}
    if len(forms) != len(checkpoint.weights.forms):
        return None
    return replace(checkpoint, weights=replace(checkpoint.weights, forms=forms))


MAPPED = Strategy(
    name="mapped",
    holds=holds,
    adds=Adds.MAPPER,
    subject="Add {name}, served by an implementation that vLLM has, with other names of tensors",
    support="vLLM serves it by an implementation that it has, behind a mapper for the names of its tensors.",
)
