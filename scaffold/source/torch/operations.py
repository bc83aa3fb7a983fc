"""The record of a run: which PyTorch operation made each tensor, out of what, and where in the source.

A tensor knows the operation that it came from (``Tensor.origin``), and each watched call keeps the operations made
directly inside it. History stays true under in-place writes: what was recorded before a write holds the tensor as it
was (a copy), what comes later holds the written tensor, whose origin is the write.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

from numpy.typing import NDArray

from scaffold.source.python.meanwhile import meanwhile
from scaffold.source.torch import bounds
from scaffold.source.torch.budget import held


class Traced:
    """A tensor as far as its history goes: its values, the operation that made it, and the records that hold it."""

    __slots__ = ("a", "origin", "records")

    def __init__(self, array: NDArray[Any], origin: Operation | None) -> None:
        self.a = array
        self.origin = origin
        self.records: list[Record] = []


@dataclass(eq=False)
class Operation:
    """One PyTorch operation that was carried out.

    Names are those of ``torch``: ``x + y`` is ``add``, ``x / y`` is ``div``, ``x[key]`` is ``getitem`` with the
    arguments ``(x, key)``; in-place forms end in an underscore (``x += y`` is ``add_``), and ``x[key] = value`` is
    ``setitem`` with ``(x before, key, value)``. Several outputs (``split``, ``topk``) are a tuple.
    """

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)
    where: str = ""
    output: Any = None

    def __repr__(self) -> str:
        return f"Operation({self.name!r}, {self.where!r})"


class Record(Protocol):
    """What keeps tensors of an operation or of a watched call."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    output: Any


class Recorder(Protocol):
    """Who is told of each operation; it fills in the place."""

    def record(self, operation: Operation) -> None:
        """Take note of an operation that was carried out."""


_RECORDER: ContextVar[Recorder | None] = ContextVar("recorder", default=None)


def recording(recorder: Recorder) -> AbstractContextManager[Recorder]:
    """Tell ``recorder`` of every operation that is carried out meanwhile."""
    return meanwhile(_RECORDER, recorder)


@dataclass
class Made:
    """How many elements the tensors have that were computed of others outside of a run: each is kept by its result."""

    elements: int = 0

    def add(self, operation: Operation) -> None:
        """Count the results that are no views. What is computed of no tensor are parameters, which are drawn later.

        Raises:
            NotUnderstood: they take too much memory.
        """
        if tensors_in(operation.args):
            made = sum(tensor.a.size for tensor in tensors_in(operation.output) if tensor.a.base is None)
            self.elements += made
            held(made)
        bounds.kept(self.elements)


_MADE: ContextVar[Made | None] = ContextVar("made", default=None)


def making() -> AbstractContextManager[Made]:
    """Measure what is made meanwhile, before a model runs: its buffers, and what they are made of."""
    return meanwhile(_MADE, Made())


def is_recording() -> bool:
    """Return whether a model runs, rather than being made."""
    return _RECORDER.get() is not None


PLAIN = frozenset({bool, int, float, str, type(None), slice})
"""What most arguments are that are no tensors, and hold none."""


def tensors_in(tree: Any) -> list[Traced]:
    """Return the tensors in nested tuples, lists and dictionaries, in order."""
    found: list[Traced] = []
    _gather(tree, found)
    return found


def _gather(tree: Any, found: list[Traced]) -> None:
    if isinstance(tree, Traced):
        found.append(tree)
        return
    parts = tree if isinstance(tree, (tuple, list)) else tree.values() if isinstance(tree, dict) else ()
    for part in parts:
        if type(part) not in PLAIN:
            _gather(part, found)


def before(operations: Sequence[Operation]) -> list[Operation]:
    """Return the operations that made what the given ones take, each once; the given ones are not among them."""
    found: list[Operation] = []
    level, seen = list(operations), set(map(id, operations))
    while level:
        origins = [one.origin for op in level for one in tensors_in((op.args, op.kwargs)) if one.origin is not None]
        level = [op for op in {id(op): op for op in origins}.values() if id(op) not in seen]
        seen |= set(map(id, level))
        found += level
    return found


def record(name: str, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Operation:
    """Note an operation, and make it the origin of its outputs."""
    operation = Operation(name, args, kwargs, "", output)
    for tensor in tensors_in(output):
        tensor.origin = operation
    keep(operation)
    recorder = _RECORDER.get()
    if recorder is not None:
        recorder.record(operation)
    elif (made := _MADE.get()) is not None:
        made.add(operation)
    return operation


def keep(kept: Record) -> None:
    """Tie a record to its tensors, so that it keeps their values when they are written to later."""
    for tensor in tensors_in((kept.args, kept.kwargs, kept.output)):
        tensor.records.append(kept)


def replaced(tree: Any, old: Traced, new: Traced) -> Any:
    """Return the tree with ``new`` in the place of ``old``."""
    if tree is old:
        return new
    if not any(tensor is old for tensor in tensors_in(tree)):
        return tree
    if isinstance(tree, dict):
        return type(tree)({key: replaced(value, old, new) for key, value in tree.items()})
    parts = [replaced(part, old, new) for part in tree]
    return tree._make(parts) if hasattr(tree, "_make") else type(tree)(parts)
