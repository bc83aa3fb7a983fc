"""Whether vLLM can load ``config.json`` at all: through transformers' class for its model type, which may refuse it."""

from __future__ import annotations

from dataclasses import replace

from scaffold.strategy.gate import Gate
from scaffold.strategy.protocol import Question

REFUSED = "vLLM cannot load config.json: {}; correct the file"
BY_OWN_CLASS = "{}: vLLM loads config.json with --trust-remote-code alone, by the checkpoint's own class"


def against_config(question: Question) -> tuple[str, ...]:
    """Return that nothing loads the config, where that is so."""
    why = question.config_refused
    return (REFUSED.format(why),) if why and not has_own_class(question) else ()


def with_config(question: Question, gate: Gate) -> Gate:
    """Return a gate to which is added what the config's class says of ``config.json``."""
    why = question.config_refused
    own = (BY_OWN_CLASS.format(why),) if why and has_own_class(question) else ()
    return replace(gate, against=(*gate.against, *against_config(question)), unproved=(*own, *gate.unproved))


def has_own_class(question: Question) -> bool:
    """Return whether the checkpoint brings a config class of its own."""
    return "AutoConfig" in question.reading.checkpoint.auto_map
