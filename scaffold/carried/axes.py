"""Axes of tensors by what they are: tokens, heads, entries of a head. A size alone tells none of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scaffold.carried.spec import WHOLE
from scaffold.source.python.errors import NotUnderstood


@dataclass(frozen=True, eq=False)
class Atom:
    """One factor of an axis.

    Attributes:
        size: in the probe.
        code: its length on a rank, in Python; empty where nothing says it.
        share: how ranks share it.
        is_token: it counts tokens.
        placed: False for the axis of a saved tensor until it meets another one.
        repeats: it only repeats values.
        counts: its entries are numbered from the first one, as each rank would number those that it has.
    """

    size: int
    code: str = ""
    share: str = WHOLE
    is_token: bool = False
    placed: bool = True
    repeats: bool = False
    counts: bool = False
    parts: dict[int, tuple[Atom, Atom]] = field(default_factory=dict)


Axis = tuple[Atom, ...]
"""A product of factors, the outermost first; empty for an axis of length one."""


def size_of(axis: Axis) -> int:
    """Return the length of an axis in the probe."""
    return math.prod(atom.size for atom in axis)


def shared(axis: Axis) -> bool:
    """Return whether ranks share an axis, so that no rank sees all of it."""
    return any(atom.share for atom in axis)


def is_tokens(axis: Axis) -> bool:
    """Return whether an axis counts tokens."""
    return any(atom.is_token for atom in axis)


class Axes:
    """The axes of one stretch, and what is learned of the axes of saved tensors.

    Args:
        names: what the adapter calls products of factors.
    """

    def __init__(self, names: Mapping[Axis, str]) -> None:
        self.names = dict(names)
        self.met: dict[Atom, Axis] = {}
        self._free: list[Atom] = []

    def code(self, axis: Axis) -> str:
        """Return Python of the length on a rank, ``-1`` where only the other lengths say it."""
        if axis in self.names:
            return self.names[axis]
        for cut in range(len(axis) - 1, 0, -1):
            if axis[:cut] in self.names:
                rest = self.code(axis[cut:])
                return "-1" if rest == "-1" else f"{self.names[axis[:cut]]} * {rest}"
        codes = [atom.code for atom in axis]
        return " * ".join(codes) if all(codes) and codes else "-1" if codes else "1"

    def split(self, atom: Atom, first: int, code: str = "") -> tuple[Atom, Atom]:
        """Return a factor as two, the first one so long; the same ones each time.

        Raises:
            NotUnderstood: it is shared, counts tokens, or has no such part.
        """
        if atom.size % first:
            raise NotUnderstood(f"an axis of {atom.size} taken for {first} parts")
        if atom.is_token or atom.share or atom.repeats:
            raise NotUnderstood("tokens, or heads that ranks share, taken apart")
        if first not in atom.parts:
            atom.parts[first] = (Atom(first, code, placed=atom.placed), Atom(atom.size // first, placed=atom.placed))
        return atom.parts[first]

    def regroup(self, axes: Sequence[Axis], shape: Sequence[int]) -> tuple[Axis, ...]:
        """Return the axes of what ``view`` makes of these.

        Raises:
            NotUnderstood: it takes apart what belongs together.
        """
        left = [atom for axis in axes for atom in axis]
        found: list[Axis] = []
        for size in shape:
            took: list[Atom] = []
            while size_of(tuple(took)) < size and left:
                have, atom = size_of(tuple(took)), left.pop(0)
                if have * atom.size > size:
                    if size % have:
                        raise NotUnderstood("a view that fits no axis")
                    first, rest = self.split(atom, size // have)
                    atom, left = first, [rest, *left]
                took.append(atom)
            if size_of(tuple(took)) != size:
                raise NotUnderstood("a view that fits no axis")
            found.append(self.whole(tuple(took)))
        return tuple(found)

    def whole(self, axis: Axis) -> Axis:
        """Return an axis with factors that were taken apart put together again."""
        for cut in range(len(axis) - 1):
            for atom in self._known():
                if (axis[cut], axis[cut + 1]) in atom.parts.values():
                    return self.whole((*axis[:cut], atom, *axis[cut + 2 :]))
        return axis

    def _known(self) -> list[Atom]:
        found = list(dict.fromkeys([*(atom for axis in self.names for atom in axis), *self.met, *self._free]))
        for atom in found:
            found += [part for pair in atom.parts.values() for part in pair if part not in found]
        return found

    def of_parameter(self, shape: Sequence[int]) -> tuple[Axis, ...]:
        """Return axes of a saved tensor, of which it is not known yet what they are."""
        found = tuple(() if size == 1 else (Atom(size, placed=False),) for size in shape)
        self._free += [atom for axis in found for atom in axis]
        return found

    def one(self, axes: Sequence[Axis]) -> Axis:
        """Return the axis that aligned axes are, of which those of length one are stretched.

        Raises:
            NotUnderstood: they are different things.
        """
        longer = [axis for axis in axes if axis]
        if not longer:
            return ()
        if len({size_of(axis) for axis in longer}) > 1:
            raise NotUnderstood("axes of different lengths in one operation")
        known = [axis for axis in longer if all(atom.placed for atom in axis)]
        result = next((axis for axis in known if shared(axis) or is_tokens(axis)), known[0] if known else longer[0])
        for axis in longer:
            self._place(axis, result)
        return result

    def _place(self, axis: Axis, result: Axis) -> None:
        if axis == result:
            return
        if shared(result) and any(atom.counts for atom in axis):
            raise NotUnderstood("entries that are numbered, of which each rank holds a part")
        if all(atom.placed for atom in axis):
            special = shared(axis) or is_tokens(axis) or shared(result) or is_tokens(result)
            if special:
                raise NotUnderstood("heads or tokens combined with something else")
            return
        if len(axis) == 1:
            before = self.met.get(axis[0])
            if before is not None and before != result and (shared(before) or shared(result)):
                raise NotUnderstood("a saved tensor used for two things")
            if all(atom.placed for atom in result):
                self.met[axis[0]] = result
            return
        self._place_parts(axis, result)

    def _place_parts(self, axis: Axis, result: Axis) -> None:
        if len(axis) == len(result):
            for one, other in zip(axis, result):
                self._place((one,), (other,))
        elif not any(atom.repeats for atom in axis) or shared(result) or is_tokens(result):
            raise NotUnderstood("an axis of a saved tensor that is put together otherwise")

    def resolved(self, axis: Axis) -> Axis:
        """Return what an axis of a saved tensor turned out to be; itself if it met nothing."""
        found: list[Atom] = []
        for atom in axis:
            if atom in self.met:
                found += self.met[atom]
                continue
            halves = [self.resolved(pair) for pair in atom.parts.values()]
            found += next((half for half in halves if all(one.placed for one in half)), (atom,))
        return tuple(found)
