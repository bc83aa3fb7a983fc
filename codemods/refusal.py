"""The errors of this package: `Refusal`, and those kinds of it that a caller may want to tell apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class Refusal(Exception):  # noqa: N818 - a refusal is the word of the field's users, not "RefusalError"
    """An edit that will not be made: what was found, where, what was expected, what to do."""

    exit_code = 2
    kind = "Refusal"
    """Its name in JSON documents, the same for every subclass."""

    def __init__(self, found: str, *, where: str, expected: str, remedy: str) -> None:
        super().__init__(f"{where}: {found}; expected {expected}; {remedy}")
        self.found, self.where, self.expected, self.remedy = found, where, expected, remedy

    def in_file(self, names: Iterable[str], file: Path) -> Refusal:
        """Return the same refusal, with the file in place of whichever of these names of it ``where`` contains."""
        name = next((name for name in names if name in self.where), None)
        if name is None or str(file) in self.where:
            return self
        where = self.where.replace(name, str(file))
        return type(self)(self.found, where=where, expected=self.expected, remedy=self.remedy)


class Outdated(Refusal):
    """A file has changed since the change set read it: somebody wrote to it in between."""


class Interrupted(Refusal):
    """An earlier run was cut off: it is taken back before another one writes."""


class NothingToUndo(Refusal):
    """There is no run left to take back."""
