"""How long axes are in the adapter, and how ranks share the saved tensors that have them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scaffold.carried.axes import Axes, Axis, is_tokens, shared, size_of
from scaffold.carried.spec import CarriedParameter, attribute_of
from scaffold.expressions.python import write as write_expression
from scaffold.probing.numbers import explain
from scaffold.probing.probe import Probe
from scaffold.source.python.errors import NotUnderstood


@dataclass(frozen=True)
class Size:
    """An axis that has a name: its length on a rank in Python, and that of the checkpoint."""

    code: str
    real: int
    total: str = ""
    """Its length on all ranks, in Python, where that is another one."""

    @property
    def whole(self) -> str:
        """Return the length on all ranks."""
        return self.total or self.code


@dataclass(frozen=True)
class Sizes:
    """The lengths of axes.

    Attributes:
        probe: the probe.
        named: axes that the adapter has names for.
        words: role → what the adapter calls it.
    """

    probe: Probe
    named: Mapping[Axis, Size]
    words: Mapping[str, str]

    def parameter(self, axes: Axes, path: str, found: tuple[Axis, ...]) -> CarriedParameter:
        """Return a saved tensor with how ranks share it.

        Raises:
            NotUnderstood: its sizes are none of the config, or ranks share it in a way that is not known.
        """
        resolved = [axes.resolved(axis) for axis in found]
        if any(is_tokens(axis) for axis in resolved):
            raise NotUnderstood(f"{path}, which has an entry for each token")
        places = [i for i, axis in enumerate(resolved) if shared(axis)]
        if len(places) > 1:
            raise NotUnderstood(f"{path}, of which ranks share more than one axis")
        sizes = [self.of(axis, path) for axis in resolved]
        share, unit, at = "", 1, places[0] if places else None
        if at is not None:
            axis = resolved[at]
            share = axis[0].share
            rest = [atom for atom in axis if not atom.share]
            whole = next((one for one in self.named if one == tuple(atom for atom in axis if atom.share)), None)
            if whole is None or axis != (*whole, *rest):
                raise NotUnderstood(f"{path}, which ranks share otherwise than by heads")
            share = "heads" if len(whole) > 1 or share == "heads" else share
            unit = self.of(tuple(rest), path).real if rest else 1
        shape = tuple(size.real for size in sizes)
        local = tuple(size.code for size in sizes)
        return CarriedParameter(path, attribute_of(path), shape, local, at, share, unit)

    def of(self, axis: Axis, path: str) -> Size:
        """Return the length of an axis.

        Raises:
            NotUnderstood: no key of the config gives it; ``path`` is what has it.
        """
        if not axis:
            return Size("1", 1)
        if axis in self.named:
            return self.named[axis]
        for cut in range(len(axis) - 1, 0, -1):
            if axis[:cut] in self.named:
                first, rest = self.named[axis[:cut]], self.of(axis[cut:], path)
                total = f"{first.whole} * {rest.whole}"
                return Size(f"{first.code} * {rest.code}", first.real * rest.real, total)
        named = next(
            (one for own, one in self.named.items() if size_of(own) == size_of(axis) and not shared(own)), None
        )
        if named is not None:
            return named
        value = explain(self.probe, float(size_of(axis)), is_size=True)
        if value is None:
            raise NotUnderstood(f"{path} [{size_of(axis)} in a probe], a size that no key of the config gives")
        return Size(write_expression(value.tree, "config", self.words), int(value.value))
