"""What seems to disagree in the source's own model: there a class computes otherwise than its config's words mean."""

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
    """Return the model that a source makes of the config at small sizes, in which nothing disagrees.

    Where a model was not understood, the words of its config are taken to mean what they mean in most classes. Here
    its own class says what they mean; it is made and not run. None where it cannot be made.
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
    """Leave out what is said of the class's own tensors, too."""
    own: dict[str, set[str]] = {}
    for one in of_the_class:
        own.setdefault(one.kind, set()).update(_names(one))
    return tuple(one for one in found if not _names(one) or not _names(one) <= own.get(one.kind, set()))


def _names(one: Disagreement) -> set[str]:
    return {name for name in one.tensors.where.split(", ") if name}
