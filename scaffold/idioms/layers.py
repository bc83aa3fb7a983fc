"""What all layers of a kind have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from scaffold.expressions.tree import NONE, Expression
from scaffold.idioms.per_layer import PerLayer
from scaffold.source.python.errors import NotUnderstood
from scaffold.spec.layers import BlockSpec
from scaffold.spec.values import Value


def present(layers: Sequence[Any]) -> list[Any]:
    """Return the layers that have a block of the kind."""
    return [layer for layer in layers if layer is not None]


def filled(layers: Sequence[Any]) -> list[Any]:
    """Return layers in which those of another kind have the first one's block: no code for them is ever run."""
    first = present(layers)[0]
    return [layer or first for layer in layers]


def same(layers: Sequence[BlockSpec], what: str, get: Callable[[Any], Any]) -> Any:
    """Return what all layers have in common.

    Raises:
        NotUnderstood: they differ; ``what`` says in what.
    """
    values = [get(layer) for layer in layers]
    if any(value != values[0] for value in values):
        raise NotUnderstood(f"no idiom yet for layers that differ in {what}", layers[0].source)
    return values[0]


def value_of(per_layer: PerLayer, layers: Sequence[Any], get: Callable[[Any], Value | None]) -> Expression:
    """Return the expression of a value that may differ between layers; ``NONE`` for one that is not there."""
    values = [get(layer) for layer in layers]
    return per_layer.value([NONE if value is None else value.tree for value in values])
