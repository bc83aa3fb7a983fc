"""What frames and libraries ask of the run that they are a part of.

Frames evaluate statements and expressions; what a name, an attribute or a call means is asked here, since the libraries
of modeling source decide it (``library.py``).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Protocol

from scaffold.source.python.library import Library
from scaffold.source.python.objects import External, Function, SourceClass
from scaffold.source.python.syntax import SourceFile

Resolve = Callable[[SourceFile, str], "tuple[SourceFile, str] | None"]
"""From a file and a dotted import to the file that defines it and its name there, or None for outside."""

Place = tuple[SourceFile, ast.AST]
"""Where an expression or a statement stands."""


class Interpreter(Protocol):
    """A run of modeling source. What it does not know raises ``NotUnderstood``; what Python would raise, ``Raised``."""

    resolve: Resolve
    libraries: tuple[Library, ...]
    catching: int
    """Number of ``try`` statements around what is carried out that handle an assertion that fails."""

    @property
    def long_lists(self) -> dict[Hashable, list[Any]]:
        """Lists of numbers by what they were made of: see ``repeated``."""

    def step(self, file: SourceFile, node: ast.AST) -> None:
        """Count a step of the budget."""

    def spend(self, size: int) -> None:
        """Take the size of something that is made, or walked through, from the budget."""

    def derived(self, function: Callable[..., Any], values: Sequence[Any], result: Any) -> Any:
        """Return what arithmetic came to, with what it comes to for the checkpoint."""

    def chosen(self, function: Callable[..., Any], values: Sequence[Any], result: Any, place: Place) -> Any:
        """Return what a comparison of values, or the least or largest of them, comes to."""

    def sought(self, table: Any, key: Any, place: Place) -> Any:
        """Return the number or text by which something is looked up in a container of Python's own."""

    def counted(self, source: Any, result: Any, *, regular: bool = True) -> Any:
        """Return what has an entry for each one of a container, if it is regular, else of which that is not known."""

    def turns(self, value: Any) -> int | None:
        """Return how often a loop over a value turns for the checkpoint; None where that is as often as here."""

    def turning(self, turns: int | None, real: int) -> None:
        """Begin a loop of other turns for the checkpoint (None), or end it after so many."""

    def named(self, value: Any, name: str) -> None:
        """Take note of an attribute that is asked for by a name, which may be another one for the checkpoint."""

    def is_turning(self) -> bool:
        """Return whether a loop is carried out that turns more or less often for the checkpoint."""

    def is_known(self, name: str) -> bool:
        """Return whether a library says what calls of a name mean."""

    def changes(self, value: Any) -> None:
        """Take note of a container that is about to change."""

    def changed(self, value: Any, function: Callable[..., Any], args: Sequence[Any]) -> None:
        """Take note of how a container was changed."""

    def at(self) -> Place | None:
        """Return the statement that is carried out, None outside of any."""

    def where(self) -> str:
        """Return file and lines of the statement that is carried out."""

    def global_name(self, file: SourceFile, name: str) -> Any:
        """Return what a name means at the top level of a file."""

    def set_global(self, file: SourceFile, name: str, value: Any) -> None:
        """Give a name at the top level of a file another value."""

    def source_class(self, file: SourceFile, name: str) -> SourceClass:
        """Return a class of the file."""

    def imported(self, file: SourceFile, dotted: str) -> Any:
        """Return what an import brings."""

    def attribute(self, value: Any, name: str) -> Any:
        """Return ``value.name``."""

    def set_attribute(self, value: Any, name: str, new: Any) -> None:
        """Set ``value.name``."""

    def item(self, value: Any, key: Any) -> Any:
        """Return ``value[key]``."""

    def set_item(self, value: Any, key: Any, new: Any) -> None:
        """Set ``value[key]``."""

    def iterate(self, value: Any) -> Iterable[Any]:
        """Return what a loop over the value goes through."""

    def augmented(self, function: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
        """Return what ``left`` is after ``left += right``, for any binary operator."""

    def bound(self, receiver: Any, owner: SourceClass, node: ast.FunctionDef) -> Any:
        """Return a method bound to its receiver, or the value of a property."""

    def inherited(self, value: Any, base: External, name: str) -> Any:
        """Return what a base from outside gives to an instance under a name, None if it gives nothing."""

    def library_method(self, value: Any, name: str) -> Callable[..., Any] | None:
        """Return a method that a library gives to a value, bound to it, or None."""

    def call(self, function: Any, args: list[Any], kwargs: dict[str, Any], where: str) -> Any:
        """Call whatever can be called."""

    def call_function(self, function: Function, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Run a function of the source."""

    def instantiate(self, cls: SourceClass, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Make an instance of a source class."""
