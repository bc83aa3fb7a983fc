"""``transformers``: vLLM's Transformers modeling backend, which runs the modeling source.

vLLM: docs/models/supported_models.md, "Transformers".
"""

from __future__ import annotations

from scaffold.checkpoint.purpose import encoder_key
from scaffold.checkpoint.text import printable
from scaffold.roots.vllm_tree import BACKEND_DICT
from scaffold.source.locate import not_there
from scaffold.source.transformers.auto_mapping import model_type_of
from scaffold.strategy.config_loads import with_config
from scaffold.strategy.gate import prove_source
from scaffold.strategy.protocol import Adds, Answer, Question, Strategy
from scaffold.strategy.remote_code import against_remote_code

NO_SOURCE = "neither the folder nor transformers has the model's source, which the backend would run"

NO_FILE = (
    "{file}, which auto_map refers to, is not in the folder, and transformers has no such model: the backend has no "
    "source to run"
)
NO_CLASS = (
    "transformers has no class {architecture}, and no auto_map names one: the backend finds models by these alone"
)
WITH_ENCODER = (
    "config.json has {key}: true, and the backend takes no model of an encoder and a decoder (vLLM: "
    "models/transformers/base.py)"
)


def holds(question: Question) -> Answer:
    """Return whether the files are those of the model that transformers makes; the rest the twin and the gates show."""
    reading = question.reading
    if reading.transformers is not None and reading.source is None and not _is_elsewhere(question):
        missing = not_there(reading.checkpoint.auto_map, reading.checkpoint.path)
        return Answer(False, NO_SOURCE if missing is None else NO_FILE.format(file=printable(missing)))
    encoder = encoder_key(reading.checkpoint.config, reading.checkpoint.text_key)
    if encoder:
        return Answer(False, WITH_ENCODER.format(key=encoder))
    if _is_nameless(question):
        return Answer(False, NO_CLASS.format(architecture=reading.checkpoint.architecture))
    gate = with_config(question, prove_source(question))
    against = (*gate.against, *against_remote_code(question))
    if against:
        return Answer(False, "; ".join(against), None, gate.notes)
    return gate.answer("vLLM's Transformers backend is what is left", None)


def _is_elsewhere(question: Question) -> bool:
    """Return whether ``auto_map`` refers to the source in another repository, which would be fetched."""
    return any("--" in reference for reference in question.reading.checkpoint.auto_map.values())


def _is_nameless(question: Question) -> bool:
    """Return whether nothing leads vLLM from the architecture to a class (``_try_resolve_transformers`` there)."""
    checkpoint, source = question.reading.checkpoint, question.reading.source
    if checkpoint.auto_map or source is None or source.library is None or source.class_name == checkpoint.architecture:
        return False
    known = question.registry.get(checkpoint.architecture)
    is_backends = known is not None and known.table == BACKEND_DICT
    return not is_backends and model_type_of(checkpoint.architecture, source.library) is None


TRANSFORMERS = Strategy(
    name="transformers",
    holds=holds,
    adds=Adds.NOTHING,
    subject="Add {name}, served by vLLM's Transformers backend",
    support="vLLM serves it through its Transformers modeling backend.",
    model_impl="transformers",
)
