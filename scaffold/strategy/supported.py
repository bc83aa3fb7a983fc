"""``supported``: the target's registry has the architecture, and its class fits: no code is needed."""

from __future__ import annotations

from dataclasses import replace

from scaffold.roots.registered import BACKEND_MODULE
from scaffold.roots.vllm_tree import BACKEND_DICT
from scaffold.strategy.computes import same_spec
from scaffold.strategy.config_loads import with_config
from scaffold.strategy.gate import Gate, prove_class, prove_source
from scaffold.strategy.protocol import Adds, Answer, Question, Strategy
from scaffold.strategy.remote_code import against_remote_code


def holds(question: Question) -> Answer:
    """Return whether vLLM has an implementation of its own for this architecture that fits the checkpoint."""
    architecture = question.reading.spec.architecture
    entry = question.registry.get(architecture)
    if entry is None:
        return Answer(False, f"{architecture} is not in the registry")
    if entry.table == BACKEND_DICT:
        return Answer(False, f"{architecture} is registered for the Transformers backend only")
    if entry.module == BACKEND_MODULE:  # which runs the source, as far as vLLM can
        gate, computes = prove_source(question), Gate(against=tuple(against_remote_code(question)))
    else:
        gate = prove_class(question, entry)
        computes = same_spec(question, entry) if gate.holds else Gate()
    gate = replace(
        gate,
        against=(*gate.against, *computes.against),
        notes=(*gate.notes, *computes.notes),
        unproved=(*computes.unproved, *gate.unproved),
    )
    gate = with_config(question, gate)
    registered = f"{architecture} is registered ({entry.module}.{entry.class_name})"
    if not gate.holds:
        return Answer(False, f"{registered}, but {'; '.join(gate.against)}", None, gate.notes)
    return gate.answer(registered, entry)


SUPPORTED = Strategy(
    name="supported",
    holds=holds,
    adds=Adds.NOTHING,
    subject="Add tutorial and test config of {name}",
    support="vLLM implements this architecture itself; nothing was added for it.",
)
