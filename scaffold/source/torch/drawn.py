"""Parameters whose random values are drawn when they are first read: those of most layers never are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scaffold.source.torch import bounds
from scaffold.source.torch.tensors import Array, Tensor


class Drawn(Tensor):
    """A parameter of a shape.

    Args:
        shape: its sizes.
        draw: returns its values ``[*shape]``.
    """

    __slots__ = ("_draw", "_sizes", "_values")

    def __init__(self, shape: tuple[int, ...], draw: Callable[[], Array]) -> None:
        self._values: Array | None = None
        self._draw, self._sizes = draw, shape
        self.origin, self.records, self.role, self.view_of = None, [], "parameter", None

    @property
    def a(self) -> Array:
        """The values.

        Raises:
            NotUnderstood: they are more than a probe needs. Those of towers and projectors, whose sizes are the
                checkpoint's, are never read where text runs.
        """
        if self._values is None:
            bounds.bounded(*self._sizes)
            self._values = self._draw()
        return self._values

    @a.setter
    def a(self, values: Any) -> None:
        self._values = values

    @property
    def shape(self) -> tuple[int, ...]:
        return self._sizes if self._values is None else tuple(int(n) for n in self._values.shape)

    @property
    def ndim(self) -> int:
        return len(self.shape)
