"""A model type that nobody knows, over tensors and config of a family that everybody does.

Names, shapes and config keys do not prove what such a model computes, so this is offered and not taken: the user says
that it is the same (``--same-as``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from scaffold.checkpoint.read import Checkpoint
from scaffold.reading.of_checkpoint import read_model_of
from scaffold.reading.plain.family import families, problems
from scaffold.strategy import supported
from scaffold.strategy.protocol import Answer, Question

OFFER = (
    "nobody here knows the model type {model_type}; names, shapes and config keys are those of {families}, which does "
    "not prove that it computes the same: if you know that it does, say so with --same-as {first}"
)
NOTE = "that {model_type} computes what {architecture} does is your word (--same-as)"
CONFIG_NOTE = (
    "transformers does not know the model type {model_type}, so that vLLM cannot load the config as it is: "
    'set "model_type": "{known}" in config.json'
)


def is_unknown(question: Question) -> bool:
    """Return whether there is no source of the model at all."""
    reading = question.reading
    return reading.source is None and reading.spec.decoder is None and not reading.checkpoint.auto_map


def holds(question: Question) -> Answer:
    """Return the implementation that the user says to be the same, if it fits; else which families would fit."""
    model_type = question.reading.checkpoint.model_type
    if question.same_as is not None:
        for architecture, answer in _fitting(question, question.same_as):
            known = families()[architecture].model_type
            notes = (NOTE.format(model_type=model_type, architecture=architecture), *answer.notes)
            return replace(
                answer, notes=(*notes, CONFIG_NOTE.format(model_type=model_type, known=known)),
                reason=f"names, shapes and config keys are those of {architecture}",
            )  # fmt: skip
        return Answer(False, f"names, shapes or config keys are not those of a plain {question.same_as}")
    found = [architecture for architecture, _ in _fitting(question)]
    if not found:
        return Answer(False, "the spec has holes, so it cannot be compared")
    return Answer(False, OFFER.format(model_type=model_type, families=" or ".join(found), first=found[0]))


def _fitting(question: Question, only: str | None = None) -> Iterator[tuple[str, Answer]]:
    """Yield the plain families that the checkpoint fits, with what ``supported`` says of it as one of them."""
    reading = question.reading
    for architecture, family in families().items():
        if only not in (None, architecture) or architecture not in question.registry:
            continue
        config = {**reading.checkpoint.config, "model_type": family.model_type, "architectures": [architecture]}
        if reading.checkpoint.text_key or next(problems(family, config), None) is not None:
            continue
        as_one = read_model_of(_as(reading.checkpoint, config), reading.transformers)
        answer = supported.holds(replace(question, reading=as_one))
        if answer.holds and as_one.spec.decoder is not None:
            yield architecture, answer


def _as(checkpoint: Checkpoint, config: dict[str, object]) -> Checkpoint:
    return replace(
        checkpoint,
        config=config,
        text_config=config,
        architecture=str(config["architectures"][0]),  # type: ignore[index]
        model_type=str(config["model_type"]),
    )
