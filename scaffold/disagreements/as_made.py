"""Disagreements that the source's own model has, too: its class reads the config otherwise than most classes do."""

from __future__ import annotations

from collections.abc import Iterator

from scaffold.checkpoint.headers import Form
from scaffold.checkpoint.patterns import pattern_of, patterns
from scaffold.checkpoint.read import Checkpoint
from scaffold.disagreements.finding import Disagreement
from scaffold.disagreements.subject import Subject
from scaffold.reading.from_source import small_model
from scaffold.source.locate import ModelingSource
from scaffold.source.python.errors import NotUnderstood


def small_subject(source: ModelingSource, checkpoint: Checkpoint) -> Subject | None:
    """Return the model that a source makes of the config at small sizes, in which config and tensors agree.

    Where a model was not understood, the words of its config are taken to mean what they mean in most classes. Here
    its own class says what they mean; it is made and not run. None where it cannot be made. The order is that of the
    checkpoint's tensors, the data type says nothing.
    """
    try:
        config, shapes = small_model(source, checkpoint)
    except NotUnderstood:
        return None
    config = {key: int(value) if isinstance(value, int) and type(value) is not bool else value
              for key, value in config.items()}  # fmt: skip
    order = {pattern.name: place for place, pattern in enumerate(checkpoint.weights.patterns)}
    in_order = sorted(shapes, key=lambda one: (order.get(pattern_of(one[0]), len(order)), one))
    forms = {name: Form(0, "BF16", shape, "", bool({0, 1} & set(shape))) for name, shape in in_order}
    return Subject(config, config, "", patterns(forms))


def without(found: tuple[Disagreement, ...], of_the_class: Iterator[Disagreement]) -> tuple[Disagreement, ...]:
    """Return what was found, without findings of kinds and tensors that are found in the class's own model, too."""
    own: dict[str, set[str]] = {}
    for one in of_the_class:
        own.setdefault(one.kind, set()).update(_names(one))
    return tuple(one for one in found if not _names(one) or not _names(one) <= own.get(one.kind, set()))


def _names(one: Disagreement) -> set[str]:
    """Return the tensors that a disagreement names."""
    return {name for name in one.tensors.where.split(", ") if name}
