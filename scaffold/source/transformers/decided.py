"""What source decides by its sizes in a small run, beside what it would decide at the checkpoint's own sizes.

A number that comes from the config, or from the shape of a tensor, is known at both sizes, and so is what is computed
of it (``shadows``). Where a comparison comes out otherwise at the checkpoint's, the run shows what the checkpoint does
not do.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.protocol import Place
from scaffold.source.python.scope import LEAST
from scaffold.source.python.shadows import Unknown, is_by_length, is_number, is_of_shape, is_step, is_unknown, shadowed
from scaffold.source.torch.made_of import is_constant, sizes_of
from scaffold.source.torch.tensors import Tensor
from scaffold.source.transformers.config_values import Keyed, key_of
from scaffold.source.transformers.counterparts import Counterparts

MAX_BITS = 128
"""Bits of the largest whole number at the checkpoint's sizes that is followed."""
SAME = (operator.eq, operator.ne)
"""Comparisons for which two numbers are the same or not."""
SMOOTH = (
    *(operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.neg, operator.pos),
    *(float, sum, *(getattr(math, name) for name in ("sqrt", "log", "log2", "log10", "log1p", "exp", "pow"))),
)
"""Arithmetic that has no steps."""
ROUNDED = (int, round, math.floor, math.ceil, math.trunc)
"""Functions that change nothing of whole numbers."""
POWERS = (operator.pow, operator.lshift)
"""Arithmetic whose result may have more digits than can be computed."""

WIDEST = 40
"""Characters of a value in a message."""
Said = Callable[[], str]
"""Returns file and lines."""
At = tuple[str, int, int]
"""A place as a key: file, line, column."""


@dataclass(frozen=True)
class Choice:
    """A choice that the checkpoint's sizes decide otherwise than those of a probe.

    Attributes:
        what: by what number it is made, and what that is for the checkpoint.
        where: file and lines.
        is_free: whether a run can be made to choose as the checkpoint would.
        is_known: whether it is known how the checkpoint chooses; where it is not, a run can choose the other way.
    """

    what: str
    where: str
    is_free: bool = True
    is_known: bool = True


@dataclass
class Decisions:
    """The numbers of one run at both sizes, and the choices that they decide otherwise.

    Attributes:
        stated: the checkpoint's config, completed; empty where the run has no other sizes.
        small: the run's.
        sizes: size of a tensor in the run → at the checkpoint's.
        tokens: of the run; 0 before it begins.
        length: tokens of a long text that the checkpoint is made for.
        as_stated: places where choices come out as the checkpoint's sizes decide them.
        otherwise: place → the choice.
        alike: places of choices that make no difference, as what they are for gives the same either way.
        forced: place → what a comparison there comes to, while that is found out.
    """

    stated: Mapping[str, Any] = field(default_factory=dict)
    small: Mapping[str, Any] = field(default_factory=dict)
    sizes: Mapping[int, int] = field(default_factory=dict)
    tokens: int = 0
    length: int = 0
    as_stated: Collection[At] = ()
    otherwise: dict[At, Choice] = field(default_factory=dict)
    alike: set[At] = field(default_factory=set)
    forced: dict[At, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.counterparts = Counterparts(self._of_config)

    def _of_config(self, value: Keyed) -> Any:
        """Return what a number of the config is for the checkpoint."""
        if _at(self.small, value.key) != value:
            return value
        stated = _at(self.stated, value.key)
        return stated if is_number(stated) else value

    def real(self, value: Any) -> Any:
        """Return what a value is at the checkpoint's sizes; itself where it is the same, or that is not known."""
        return self.counterparts.real(value)

    def _others(self, values: Sequence[Any]) -> list[Any] | None:
        """Return what values are at the checkpoint's sizes; None where each of them is the same."""
        real = [self.real(value) for value in values]
        same = all(one is value or (not isinstance(one, Unknown) and one == value) for one, value in zip(real, values))
        return None if same else real

    def sized(self, shape: Any) -> Any:
        """Return a size of a tensor, or several, with what they are at the checkpoint's sizes."""
        if isinstance(shape, tuple):
            return tuple(map(self.sized, shape))
        if not self.stated or not isinstance(shape, int):
            return shape
        if self.tokens and shape == self.tokens:
            return shadowed(shape, self.length, by_length=True, of_shape=True)
        return shadowed(shape, self.sizes.get(shape, shape), of_shape=True)

    def derived(
        self, function: Callable[..., Any], values: Sequence[Any], result: Any, place: Place | None, said: Said
    ) -> Any:
        """Return what Python's own functions came to, with what that is at the checkpoint's sizes.

        Args:
            function: of Python, without effects.
            values: what it was given.
            result: what it came to.
            place: where it stands, None outside of any statement.
            said: returns file and lines.
        """
        if not self.stated or result is None or isinstance(result, Tensor):
            return result
        real = self._others(values)
        if real is None or (function in POWERS and isinstance(real[1], int) and abs(real[1]) > MAX_BITS):
            return result
        try:
            found = function(*real)
        except (ArithmeticError, ValueError, TypeError, LookupError, NotUnderstood):
            found = Unknown(None)
        if isinstance(result, bool):
            if found is not result and place is not None:
                self.note(values, place, said, is_free=False)
            return result
        if isinstance(found, int) and found.bit_length() > MAX_BITS:
            return result
        marks = (is_by_length, is_of_shape, is_step)
        by_length, of_shape, stepped = (any(map(asked, _flat(values))) for asked in marks)
        stepped = stepped or not (_is_smooth(function, values) and _is_smooth(function, real))
        return self.counterparts.paired(result, found, by_length=by_length, of_shape=of_shape, is_step=stepped)

    def chosen(self, function: Callable[..., Any], values: Sequence[Any], result: Any, place: Place, said: Said) -> Any:
        """Return what a comparison of values, or the least or largest of them, comes to; note one that differs.

        Args:
            function: an operator of comparison, ``bool``, ``min`` or ``max``.
            values: what it is given.
            result: what it came to.
            place: where it stands.
            said: returns file and lines.
        """
        if not self.stated or isinstance(result, Tensor):
            return result
        real = self._others(values)
        if real is None or _is_asked_elsewhere(function, values):
            return result
        if any(map(is_unknown, real)):
            self.note(values, place, said, is_free=False)
            return result
        try:
            other = function(real) if function in LEAST else function(*real)
        except TypeError:
            if any(map(self.counterparts.known, values)):
                self.note(values, place, said, is_free=False)
            return result
        if other == (real[values.index(result)] if function in LEAST else result):
            return result
        is_stated = self.note(values, place, said) in self.as_stated
        if function not in LEAST:
            return other if is_stated else result
        found = values[real.index(other)] if is_stated else result
        return shadowed(found, other, by_length=is_by_length(found))

    def either(self, values: Sequence[Any], result: bool, place: Place | None, said: Said) -> bool:
        """Return whether something is true that is made of sizes, and of which the checkpoint's truth is not known.

        Args:
            values: the sizes.
            result: whether it is, in the run.
            place: where it is asked, None outside of any statement.
            said: returns file and lines.
        """
        if not self.stated or place is None or self._others(values) is None:
            return result
        return result is not (self.note(values, place, said, is_known=False) in self.as_stated)

    def sought(self, table: Any, key: Any, place: Place, said: Said) -> Any:
        """Return the number or text by which something is looked up in a container; note one that differs."""
        if not self.stated:
            return key
        real, there = self.real(key), self.real(table)
        if there is table and real == key:
            return key
        if isinstance(table, dict) and isinstance(there, dict) and _ordinal(table, key) == _ordinal(there, real):
            return key
        at = self.note((key,), place, said, is_free=there is table)
        return real if at in self.as_stated and there is table else key

    def cut(self, tensor: Tensor, key: Any, place: Place, said: Said) -> None:
        """Note a part of a tensor that is all of it in the run alone: ``x[..., :4000]``.

        A part of a table that the source itself has is another one, too, where a size says which.
        """
        sizes = [one for one in _flat(_bounds(key)) if is_number(one) and not is_by_length(one)]
        sizes += [one for part in _bounds(key) if isinstance(part, Tensor) for one in sizes_of(part)]
        other = [one for one in sizes if self.real(one) != one]
        if other and is_constant(tensor) and np.ptp(tensor.a) > 0:
            self.note(other, place, said, is_free=False)
        for axis, one in _axes(key):
            if not isinstance(one, slice) or not -tensor.ndim <= axis < tensor.ndim:
                continue
            size = self.sized(tensor.shape[axis])
            real = self.real(size)
            bounds = [bound for bound in (one.start, one.stop) if is_number(bound)]
            if type(size) is int and any(self.real(bound) != bound for bound in bounds):
                continue  # of a size that no config key has, such as a sum, the checkpoint's is not known
            if not any(map(is_by_length, (size, *bounds))) and any(
                (abs(n) < size) != (abs(self.real(n)) < real) for n in bounds
            ):
                self.note((size,), place, said, is_free=False)

    def looped(self, numbers: range, values: Sequence[Any], place: Place, said: Said) -> range:
        """Return what a loop goes through; note one that is carried out in the run or for the checkpoint, not in both.

        Args:
            numbers: what it goes through in the run.
            values: what the range was made of.
            place: where it stands.
            said: returns file and lines.
        """
        bounds = list(map(self.real, values))
        if not all(isinstance(one, int) for one in bounds):
            return self.counterparts.keep(numbers, Unknown(None))  # type: ignore[no-any-return]
        real = range(*bounds)
        if any(map(is_step, values)) and len(numbers) != len(real):
            self.note(values, place, said, is_free=False)
        if bool(numbers) != bool(real) and self.note(values, place, said) in self.as_stated:
            return real
        return numbers if real == numbers else self.counterparts.keep(numbers, real)

    def note(
        self, values: Sequence[Any], place: Place, said: Said, *, is_free: bool = True, is_known: bool = True
    ) -> At:
        """Note a choice that comes out otherwise, and return where it stands."""
        at = at_of(place)
        if at in self.otherwise or at in self.alike:
            return at
        if any(map(is_by_length, _flat(values))):
            what = "a choice by the number of tokens, which are fewer in a probe"
        else:
            first = next((one for one in values if self._others((one,)) is not None), values[0])
            real, shown = self.real(first), _shown(key_of(first) or first)
            what = f"a choice by {shown}, which is another one for a probe than for the checkpoint"
            what += "" if is_unknown(real) else f"'s {_shown(real)}"
        self.otherwise[at] = Choice(what, said(), is_free, is_known)
        return at


def at_of(place: Place) -> At:
    """Return a place as a key."""
    file, node = place
    return str(file.path), getattr(node, "lineno", 0), getattr(node, "col_offset", 0)


def _at(config: Mapping[str, Any], key: str) -> Any:
    """Return what a config has under a key, which may lead into objects: ``rope_parameters['factor']``."""
    first, *inner = key.replace("]", "").split("[")
    value = config.get(first)
    for part in inner:
        value = value.get(part.strip("'")) if isinstance(value, Mapping) else None
    return value


def _axes(key: Any) -> list[tuple[int, Any]]:
    """Return the parts of ``x[key]`` with the axes that they are of, those behind ``...`` from the end."""
    parts = [one for one in (key if isinstance(key, tuple) else (key,)) if one is not None]
    dots = next((i for i, one in enumerate(parts) if one is ...), len(parts))
    behind = parts[dots + 1 :]
    return [*enumerate(parts[:dots]), *((i - len(behind), one) for i, one in enumerate(behind))]


def _bounds(key: Any) -> list[Any]:
    """Return what ``x[key]`` is cut by: numbers, tensors and the bounds of slices."""
    parts = key if isinstance(key, tuple) else (key,)
    return [
        one for part in parts for one in ((part.start, part.stop, part.step) if isinstance(part, slice) else (part,))
    ]


def _is_asked_elsewhere(function: Callable[..., Any], values: Sequence[Any]) -> bool:
    """Return whether a comparison that comes out otherwise is no choice by size, or is asked about where it counts.

    A number of tokens beside a number of the config is compared with how long a text the model is made for: what is
    beyond that is another question. Two sizes of a tensor that are the same have one meaning, known or not.
    """
    if any(map(is_by_length, values)) and any(isinstance(one, Keyed) for one in values):
        return True
    return function in SAME and values[0] == values[1] and any(map(is_of_shape, _flat(values)))


def _is_smooth(function: Callable[..., Any], values: Sequence[Any]) -> bool:
    """Return whether what a function gives for these values is what arithmetic gives: 8 // 4, and not 9 // 4."""
    if function in SMOOTH:
        return True
    plain = all(map(is_number, values))
    if function in ROUNDED and plain:
        return all(float(one).is_integer() for one in values)
    return function is operator.floordiv and plain and values[1] != 0 and values[0] % values[1] == 0


def _ordinal(table: Mapping[Any, Any], key: Any) -> int:
    """Return the place of a key among those of a dictionary, -1 where it is none."""
    return list(table).index(key) if key in table else -1


def _shown(value: Any) -> str:
    """Return a value as a message has it."""
    text = str(value)
    return text if len(text) <= WIDEST else f"{text[:WIDEST]} …"


def _flat(values: Sequence[Any]) -> list[Any]:
    return [part for one in values for part in (one if isinstance(one, (list, tuple)) else (one,))]
