"""The table of the kinds of one sort of block, which a process may extend for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Generic, Protocol, TypeVar


class Kind(Protocol):
    """What all kinds of blocks have: a dataclass of what is known of such a block."""

    @property
    def Spec(self) -> type[Any]:  # noqa: N802
        """Return the dataclass."""


AnyKind = TypeVar("AnyKind", bound=Kind)


class Kinds(Generic[AnyKind]):
    """Kinds in the order in which they are asked."""

    def __init__(self, *rows: AnyKind) -> None:
        self._rows = rows

    def kinds(self) -> tuple[AnyKind, ...]:
        """Return all kinds, in the order in which they are asked."""
        return self._rows

    def kind_of(self, spec: object) -> AnyKind:
        """Return the kind of a block that was read.

        Raises:
            LookupError: it was read by a kind that is not in the table.
        """
        for kind in self._rows:
            if isinstance(spec, kind.Spec):
                return kind
        raise LookupError(f"no kind of block has the spec {type(spec).__name__}")

    @contextmanager
    def extended(self, kind: AnyKind) -> Iterator[None]:
        """Have one more kind in this process, which is asked before all others."""
        before = self._rows
        self._rows = (kind, *(one for one in before if one is not kind))
        try:
            yield
        finally:
            self._rows = before
