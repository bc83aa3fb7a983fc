"""What a run says of sizes where there are no others beside its own: nothing.

A run beside which a checkpoint has other sizes overrides these (``scaffold/source/interpreter.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from scaffold.source.python.protocol import Place


class OneSize:
    """A run whose sizes are the only ones."""

    def derived(self, function: Callable[..., Any], values: Sequence[Any], result: Any) -> Any:
        """Return what arithmetic came to, with what it comes to for the checkpoint: here, there is none."""
        return result

    def chosen(self, function: Callable[..., Any], values: Sequence[Any], result: Any, place: Place) -> Any:
        """Return what a comparison of values, or the least or largest of them, comes to."""
        return result

    def sought(self, table: Any, key: Any, place: Place) -> Any:
        """Return the number or text by which something is looked up in a container of Python's own."""
        return key

    def counted(self, source: Any, result: Any, *, regular: bool = True) -> Any:
        """Return what has an entry for each one of a container, if it is regular, else of which that is not known."""
        return result

    def turns(self, value: Any) -> int | None:
        """Return how often a loop over a value turns for the checkpoint; None where that is as often as here."""
        return None

    def turning(self, turns: int | None, real: int) -> None:
        """Begin a loop of other turns for the checkpoint (None), or end it after so many."""

    def named(self, value: Any, name: str) -> None:
        """Take note of an attribute that is asked for by a name, which may be another one for the checkpoint."""

    def is_turning(self) -> bool:
        """Return whether a loop is carried out that turns more or less often for the checkpoint."""
        return False

    def changes(self, value: Any) -> None:
        """Take note of a container that is about to change."""

    def changed(self, value: Any, function: Callable[..., Any], args: Sequence[Any]) -> None:
        """Take note of how a container was changed."""
