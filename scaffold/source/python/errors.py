"""What the interpreter says when it meets Python that it does not run."""

from __future__ import annotations

CHECKS = ("ValueError", "TypeError", "KeyError")
"""What source raises that checks a value."""


class NotUnderstood(Exception):  # noqa: N818 - it becomes a hole, it is no failure of the program
    """Source that is outside of the interpreted subset: what it was, and where."""

    def __init__(self, what: str, where: str = "") -> None:
        super().__init__(f"{where}: {what}" if where else what)
        self.what, self.where = what, where

    def at(self, where: str) -> NotUnderstood:
        """Return the same with a place, unless the innermost place is known already."""
        return self if self.where else type(self)(self.what, where)


class Raised(NotUnderstood):
    """An exception that Python itself would raise here, too: the source's own ``try`` may handle it.

    Attributes:
        kind: name of Python's exception, or the source's own; empty where that is not known.
    """

    def __init__(self, what: str, where: str = "", kind: str = "") -> None:
        super().__init__(what, where)
        self.kind = kind

    def at(self, where: str) -> Raised:
        """Return the same with a place, unless the innermost place is known already."""
        return self if self.where else type(self)(self.what, where, self.kind)


class OfNone(Raised):
    """An attribute of None was asked for: the source expected something there."""


class RefusedBySource(Raised):
    """The source's own check of a value: it raises one of ``CHECKS``."""
