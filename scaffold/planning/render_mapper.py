"""Render: the module of ``mapped``, a subclass of an implementation that vLLM has."""

from __future__ import annotations

from pathlib import Path

from scaffold.adapter.context import LICENCE_HEADER
from scaffold.adapter.mapper import mapper_module
from scaffold.placement.protocol import Code
from scaffold.placement.registration import MODELS_PACKAGE, absolute_imports, dotted
from scaffold.planning.read import Subject
from scaffold.rendering.formatting import format_python
from scaffold.strategy.decide import Decision
from scaffold.strategy.protocol import Adds

ENDING = "_renamed"
"""Of the module's name: vLLM has one of the model type's."""


def render_mapper(decision: Decision, subject: Subject) -> Code | None:
    """Return the module that renames the checkpoint's tensors; None if the strategy adds none."""
    answer, site = decision.answers[-1][1], subject.site
    if decision.strategy.adds is not Adds.MAPPER or answer.entry is None:
        return None
    name = f"{site.module}{ENDING}"
    text = mapper_module(
        site.name,
        subject.reading.spec.architecture,
        (dotted(answer.entry.module, MODELS_PACKAGE), answer.entry.class_name),
        answer.renames,
        subject.tree.licence_header() or LICENCE_HEADER,
        MODELS_PACKAGE,
    )
    alone = format_python(absolute_imports(text), subject.tree.root, Path(f"{name}.py"))
    return Code(name, in_tree=text, stand_alone=alone)
