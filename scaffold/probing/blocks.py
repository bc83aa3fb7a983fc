"""A block of a decoder layer: its spec, and the numbers that went in and came out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.events import Event
from scaffold.source.torch.tensors import Array

Spec = TypeVar("Spec", covariant=True)


@dataclass(frozen=True)
class Block(Generic[Spec]):
    """What was read of a block.

    Attributes:
        spec: what it is.
        taken: what went in, ``[tokens, hidden]``.
        given: what came out, ``[tokens, hidden]``.
        listed: config keys of lists with a number for each layer, and the number that was read in this one.
        others: what it may be instead, if the layer does not add up with this.
    """

    spec: Spec
    taken: Array
    given: Array
    listed: tuple[tuple[str, float], ...] = ()
    others: tuple[Block[Spec], ...] = ()


def name_in(block: Event, part: Event) -> str:
    """Return the dotted path of a module below the block that called it.

    Raises:
        NotUnderstood: it is not one of the block's own.
    """
    if block.module is not None:
        for path, child in block.module.modules():
            if child is part.module:
                return path
    raise NotUnderstood(f"{part.name} is not a part of {block.name}", part.where)


def definition(event: Event) -> str:
    """Return the lines of the class whose call this was."""
    cls = event.module.cls if event.module else None
    return cls.file.lines(cls.node) if cls else event.where


def output_biases(event: Event, size: int) -> Iterator[tuple[str, Array]]:
    """Yield what a block may add to what it has computed, with its name: nothing, then each saved vector ``[size]``."""
    yield "", np.zeros(size)
    for name, value in event.module.saved_tensors() if event.module is not None else ():
        if value.a.shape == (size,):
            yield name, value.a
