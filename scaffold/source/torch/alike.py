"""Layers that differ in nothing but their number and their weights: one of each kind runs, others stand in for it.

A hundred layers take a minute to run, the two that differ take a second. A layer is as another one if all that its
source may look at is the same: classes, sizes and switches of every module in it, buffers that are not saved, and what
it is called with, but for the values of the hidden states and of all else that an earlier layer returned. What stands
in returns random numbers of the same shape, so that the next layer and what reads the run see values of their own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from scaffold.source.python.objects import Instance
from scaffold.source.torch.events import Event
from scaffold.source.torch.module import Module
from scaffold.source.torch.norm_functions import NormFunction
from scaffold.source.torch.operations import tensors_in
from scaffold.source.torch.tensors import Tensor

NUMBER = ("layer_i", "block_i", "layer_number", "block_number")
"""How the attributes begin that hold a layer's number (``layer_idx``, ``layer_id``, ``block_idx``)."""
NOTHING = object()
"""In the place of a value that was not there."""
SCALARS = (bool, int, float, str)


def signature(event: Event, returned: Collection[int] = ()) -> str:
    """Return a digest of all that decides what a layer's call computes, but for the values of its weights.

    Layers with one signature have one spec.

    Args:
        event: the call.
        returned: ``id`` of tensors that layers returned.
    """
    digest = hashlib.sha256()
    for part in _parts(event, returned):
        digest.update(repr(part).encode())
    return digest.hexdigest()


class StandIns:
    """Which calls of layers need not be carried out, since one that differs in nothing was.

    Args:
        layers: the modules of the list that is called one after the other.
        check: is given the first call that no other may stand in for, so that many have to be carried out; what it
            raises ends the run.
    """

    def __init__(self, layers: Iterable[Module] = (), check: Callable[[Event], object] | None = None) -> None:
        self._check = check
        self._layers = {id(module) for module in layers}
        self._first: dict[str, Event] = {}
        self._begun: dict[int, tuple[str, dict[tuple[str, str], Any]]] = {}
        self._returned: set[int] = set()

    def first_of(self, event: Event) -> Event | None:
        """Return the call that this one, which has not been carried out yet, would be as; None if it has to be."""
        if id(event.module) not in self._layers or not event.tensors():
            return None
        begun = event.begun = signature(event, self._returned)
        self._begun[id(event)] = begun, _kept(event)
        first = self._first.get(begun)
        return first if first is not None and first.tensors()[0].shape == event.tensors()[0].shape else None

    def carried_out(self, event: Event) -> None:
        """Note a call that was carried out: others may stand in for it unless it used its number or left a trace.

        Tables that a layer makes as it is called first, of nothing but sizes, are no trace.
        """
        begun, before = self._begun.pop(id(event), (None, {}))
        if begun is not None:
            with _as_it_was(event, before):
                again = signature(event, self._returned)
        if begun is not None and not event.numbered and _plain(event.output) and again == begun:
            self._first.setdefault(begun, event)
        elif begun is not None and self._check is not None:
            check, self._check = self._check, None
            check(event)

    def ended(self, event: Event) -> None:
        """Note what a call returned, whether it was carried out or not."""
        if id(event.module) in self._layers:
            self._returned |= returned_by([event])


def _kept(event: Event) -> dict[tuple[str, str], Any]:
    """Return what the modules of a layer keep, by path and name."""
    assert event.module is not None
    return {(path, name): value for path, one in event.module.modules() for name, value in one.attributes.items()}


@contextmanager
def _as_it_was(event: Event, before: dict[tuple[str, str], Any]) -> Iterator[None]:
    """Take back, for a while, the tables that a layer made as it was called, with the numbers that it noted of them."""
    assert event.module is not None
    given = {id(tensor) for tensor in tensors_in((event.args, event.kwargs))}
    changed: list[tuple[Module, str, Any]] = []
    for path, module in event.module.modules():
        for name, value in list(module.attributes.items()):
            old = before.get((path, name), NOTHING)
            made = isinstance(value, NormFunction) or (not isinstance(value, Module) and _is_table(value, given))
            if old is not value and made:
                changed.append((module, name, value))
                if old is NOTHING:
                    del module.attributes[name]
                else:
                    module.attributes[name] = old
    try:
        yield
    finally:
        for module, name, value in changed:
            module.attributes[name] = value


def _is_table(value: Any, given: set[int]) -> bool:
    """Return whether a value is a number, or a tensor that is not computed of what a layer was given."""
    if not isinstance(value, Tensor):
        return isinstance(value, (int, float))
    level, seen = [value], set()
    while level:
        if any(id(one) in given or one.role == "parameter" for one in level):
            return False
        seen |= {id(one) for one in level}
        origins = [one.origin for one in level if one.origin is not None]
        parts = (part for origin in origins for part in tensors_in((origin.args, origin.kwargs)))
        level = [part for part in parts if isinstance(part, Tensor) and id(part) not in seen]
    return True


def returned_by(events: Iterable[Event]) -> set[int]:
    """Return ``id`` of the tensors that calls returned."""
    return {id(tensor) for event in events for tensor in tensors_in(event.output)}


def output_as(first: Event, rng: np.random.Generator) -> Any:
    """Return other values in the form of what a call returned; numbers that count or choose stay what they are."""

    def other(value: Any) -> Any:
        if not isinstance(value, Tensor) or value.a.dtype.kind != "f":
            return value
        bound = 3**0.5 * (float(np.std(value.a)) or 1.0)
        return Tensor(rng.uniform(-bound, bound, value.shape))

    return other(first.output) if isinstance(first.output, Tensor) else type(first.output)(map(other, first.output))


def _plain(output: Any) -> bool:
    """Return whether a layer returned tensors, hidden states first, and nothing else."""
    values = output if type(output) in (tuple, list) else (output,)
    first = values[0] if values else None
    others = all(isinstance(value, (Tensor, type(None))) for value in values)
    return isinstance(first, Tensor) and first.a.dtype.kind == "f" and others


def _parts(event: Event, returned: Collection[int]) -> Iterator[Any]:
    assert event.module is not None
    modules = event.module.modules()
    for path, module in modules:
        yield path, module.kind
        for name, value in sorted(module.attributes.items()):
            if isinstance(value, Tensor):
                yield name, value.shape, value.role
                if value.role not in ("parameter", "buffer"):
                    yield hashlib.sha256(value.a.tobytes()).hexdigest()
            elif isinstance(value, SCALARS) and (event.numbered or not name.startswith(NUMBER)):
                yield name, value
            elif isinstance(value, (list, tuple, dict)):
                yield name
                yield from _values([value])
    yield from _configs([module for _, module in modules])
    yield from _values([*event.args[1:], event.kwargs], returned)


def _configs(modules: Iterable[Module]) -> Iterator[Any]:
    """Yield what the configs say that modules keep; nearly always it is one and the same."""
    found = {id(value): value for one in modules for value in one.attributes.values() if _is_object(value)}
    for value in found.values():
        yield value.kind
        yield from _values(value.attributes.values())


def _is_object(value: Any) -> bool:
    return isinstance(value, Instance) and not isinstance(value, Module)


def _values(values: Iterable[Any], returned: Collection[int] = ()) -> Iterator[Any]:
    for value in values:
        if isinstance(value, Tensor) and id(value) in returned:
            yield value.shape
        elif isinstance(value, Tensor):
            yield hashlib.sha256(value.a.tobytes()).hexdigest()
        elif isinstance(value, dict):
            yield tuple(map(str, value))
            yield from _values(value.values(), returned)
        elif isinstance(value, (tuple, list)):
            yield len(value)
            yield from _values(value, returned)
        else:
            yield value if value is None or isinstance(value, SCALARS) else type(value).__name__
