"""Values of Python's own in a small run, and what they are at the checkpoint's sizes.

A number or a text is its own shadow (``shadows``). A list of as many entries as there are heads has a counterpart: what
the same statements make at the checkpoint's sizes, or what is known of that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from scaffold.source.python.bounds import VIEWS
from scaffold.source.python.shadows import Shadow, Unknown, is_number, shadowed, unknown
from scaffold.source.transformers.config_values import Keyed

LONGEST = 100_000
"""Entries of the longest counterpart that is made."""
Number = Callable[[Keyed], Any]
"""From a number of the config to what it is for the checkpoint."""


class Counterparts:
    """What containers of a run are at the checkpoint's sizes, and values that hold them.

    Args:
        stated: what a number of the config is for the checkpoint.
    """

    def __init__(self, stated: Number) -> None:
        self._stated = stated
        self._known: dict[int, tuple[Any, Any, int]] = {}
        """By the object's number: the object, what it is for the checkpoint, entries that it had then."""
        self._growing: list[dict[int, tuple[Any, int]]] = []
        """For each loop that has other turns for the checkpoint: containers that changed in it, entries before."""

    def real(self, value: Any) -> Any:
        """Return what a value is at the checkpoint's sizes; itself where it is the same, or that is not known."""
        if isinstance(value, Shadow):
            return value.stated
        if isinstance(value, Keyed):
            return self._stated(value) if is_number(value) else value
        kind = type(value)
        if kind not in PARTS:
            return value
        if self._known:
            known = self._known.get(id(value))
            if known is not None:
                return self._now(*known)
        return PARTS[kind](self, value)

    def _now(self, value: Any, real: Any, before: int) -> Any:
        """Return a counterpart, longer by what its container grew since."""
        if isinstance(real, Unknown) and real.length is not None and hasattr(value, "__len__"):
            return Unknown(real.length + len(value) - before)
        return real

    def of_parts(self, value: Any) -> Any:
        """Return a list or tuple of what its entries are; itself where all of them are the same."""
        parts = [self.real(one) for one in value]
        return value if all(map(_is, parts, value)) else type(value)(parts)

    def of_set(self, value: Any) -> Any:
        """Return a set of what its elements are."""
        is_other = any(isinstance(one, (Shadow, Keyed, tuple)) for one in value)
        return set(map(self.real, value)) if is_other else value

    def of_dict(self, value: Any) -> Any:
        """Return a dictionary of what its keys and values are."""
        pairs = [(self.real(key), self.real(one)) for key, one in value.items()]
        same = all(key is k and one is v for (key, one), (k, v) in zip(pairs, value.items()))
        return value if same else dict(pairs)

    def of_slice(self, value: Any) -> Any:
        """Return a slice with what its bounds are."""
        return slice(*map(self.real, (value.start, value.stop, value.step)))

    def known(self, value: Any) -> bool:
        """Return whether a container is another one for the checkpoint."""
        return bool(self._known) and id(value) in self._known

    def keep(self, value: Any, real: Any) -> Any:
        """Note what a container is for the checkpoint, and return it."""
        if isinstance(real, (list, tuple, set, dict, range)) and len(real) > LONGEST:
            real = Unknown(len(real))
        self._known[id(value)] = value, real, len(value) if hasattr(value, "__len__") else 0
        return value

    def turns(self, value: Any) -> int | None:
        """Return how often a loop over a value turns for the checkpoint; None where that is as often as here.

        -1 stands for a number that is not known.
        """
        if not self.known(value):
            return None
        real = self.real(value)
        try:
            return len(real) if not hasattr(value, "__len__") or len(real) != len(value) else None
        except TypeError:
            return -1

    def paired(self, result: Any, found: Any, *, by_length: bool, of_shape: bool, is_step: bool = False) -> Any:
        """Return a result with what it is for the checkpoint.

        Args:
            result: of the run: a number, a text, a container, or an iterator over one.
            found: what the same function gives for the checkpoint, ``Unknown`` where it fails.
            by_length: see ``Shadow``.
            of_shape: see ``Shadow``.
            is_step: see ``Shadow``.
        """
        marks = {"by_length": by_length, "of_shape": of_shape, "is_step": is_step}
        if isinstance(result, (Shadow, Keyed)) and not isinstance(found, Unknown) and self.real(result) == found:
            return result
        if is_number(result):
            return shadowed(result, found if is_number(found) else math.nan, **marks)
        if isinstance(result, str):
            return shadowed(result, found, **marks) if isinstance(found, str) else unknown(result)
        if type(result) in (list, tuple) and type(found) is type(result) and len(found) == len(result):
            parts = [self._part(one, other, marks) for one, other in zip(result, found)]
            return result if all(map(_is, parts, result)) else type(result)(parts)
        if type(result) in PARTS or not hasattr(result, "__len__"):
            same = type(found) is type(result) and type(result) in PARTS and found == result
            return result if same else self.keep(result, found)
        return result

    def _part(self, one: Any, other: Any, marks: dict[str, bool]) -> Any:
        if isinstance(one, (int, float, str, list, tuple)) and not isinstance(one, (bool, Shadow)) and one is not other:
            return self.paired(one, other, **marks)
        return one

    # --- containers that change

    def changes(self, value: Any) -> None:
        """Take note of a container that is about to change."""
        for one in self._growing:
            one.setdefault(id(value), (value, len(value)))

    def changed(self, value: Any, function: Callable[..., Any], args: Sequence[Any]) -> None:
        """Change what a container is for the checkpoint as the container was changed."""
        if not self.known(value):
            return
        real = self.real(value)
        if not isinstance(real, Unknown):
            try:
                function(real, *map(self.real, args))
            except (LookupError, TypeError, ValueError):
                self.keep(value, Unknown(None))

    @property
    def is_turning(self) -> bool:
        """Whether such a loop is carried out."""
        return bool(self._growing)

    def begin(self) -> None:
        """Begin a loop that turns more or less often for the checkpoint."""
        self._growing.append({})

    def end(self, turns: int, real: int) -> None:
        """End it: what grew with every turn is as much longer for the checkpoint."""
        for value, before in self._growing.pop().values():
            grown = len(value) - before
            regular = turns > 0 and real >= 0 and grown % turns == 0 and not self.known(value)
            self.keep(value, Unknown(before + grown // turns * real if regular else None))


def _is(one: Any, other: Any) -> bool:
    return one is other


PARTS: dict[type, Callable[[Counterparts, Any], Any]] = {
    list: Counterparts.of_parts,
    tuple: Counterparts.of_parts,
    set: Counterparts.of_set,
    dict: Counterparts.of_dict,
    slice: Counterparts.of_slice,
    **dict.fromkeys((range, enumerate, zip, reversed, *VIEWS), lambda _, value: value),
}
"""Type of container → what one is at the checkpoint's sizes."""
