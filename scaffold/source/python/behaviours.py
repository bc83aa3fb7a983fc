"""What values can do, as the libraries of a run say: attributes, items, loops, methods."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sized
from functools import partial
from typing import Any

from scaffold.source.python import bounds
from scaffold.source.python.attributes import kind_of
from scaffold.source.python.budget import Budget
from scaffold.source.python.errors import NotUnderstood, OfNone, Raised
from scaffold.source.python.library import Library
from scaffold.source.python.objects import External


class Behaviours(Budget):
    """A run that looks up what a value can do.

    Args:
        libraries: what is known of the outside; the first that knows a thing answers.
    """

    def __init__(self, libraries: tuple[Library, ...]) -> None:
        super().__init__()
        self.libraries = libraries
        self._behaviours: dict[tuple[type, str], Callable[..., Any] | None] = {}

    def _behaviour(self, value: Any, what: str) -> Callable[..., Any] | None:
        """Return the entry of the first kind that fits the value and has it."""
        key = (type(value), what)
        if key not in self._behaviours:
            kinds = (kind for library in self.libraries for kind in library.kinds)
            fitting = (getattr(kind, what) for kind in kinds if isinstance(value, kind.types))
            self._behaviours[key] = next((one for one in fitting if one is not None), None)
        return self._behaviours[key]

    def attribute(self, value: Any, name: str) -> Any:
        """Return ``value.name`` as the source would see it.

        Raises:
            NotUnderstood: there is no such attribute, or source may not see it.
        """
        look_up = self._behaviour(value, "attribute")
        if look_up is None:
            kind = OfNone if value is None else Raised
            raise kind(f"the attribute {name!r} of {kind_of(value)}", kind="AttributeError")
        return look_up(self, value, name)

    def set_attribute(self, value: Any, name: str, new: Any) -> None:
        """Set ``value.name``.

        Raises:
            NotUnderstood: source may not set it.
        """
        store = self._behaviour(value, "set_attribute")
        if store is None:
            raise NotUnderstood(f"an attribute set on {kind_of(value)}")
        self.spend(bounds.walked((new,)))
        store(self, value, name, new)

    def item(self, value: Any, key: Any) -> Any:
        """Return ``value[key]``."""
        look_up = self._behaviour(value, "item")
        if look_up is None:
            raise NotUnderstood(f"an item of {kind_of(value)}")
        self.spend(bounds.walked((key,)))
        return look_up(self, value, key)

    def set_item(self, value: Any, key: Any, new: Any) -> None:
        """Set ``value[key]``."""
        store = self._behaviour(value, "set_item")
        if store is None:
            raise NotUnderstood(f"an item set on {kind_of(value)}")
        self.spend(bounds.walked((key, new)))
        store(self, value, key, new)

    def augmented(self, function: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
        """Return what ``left`` is after an augmented assignment."""
        change = self._behaviour(left, "augmented")
        return function(left, right) if change is None else change(self, function, left, right)

    def iterate(self, value: Any) -> Iterable[Any]:
        """Return what a loop over the value goes through.

        Raises:
            NotUnderstood: it cannot be looped over, or is too long.
        """
        loop = self._behaviour(value, "iterate")
        if loop is None:
            raise NotUnderstood(f"a loop over {kind_of(value)}")
        items: Iterable[Any] = loop(self, value)
        if isinstance(items, Sized):
            self.spend(bounds.length(len(items)))
        return items

    def inherited(self, value: Any, base: External, name: str) -> Any:
        """Return what a base from outside gives to an instance under a name, None if it gives nothing."""
        look_up = self._behaviour(value, "inherited")
        return None if look_up is None else look_up(self, value, base, name)

    def library_method(self, value: Any, name: str) -> Callable[..., Any] | None:
        """Return a method that a library gives to a value, bound to it, or None."""
        for library in self.libraries:
            for kind in library.kinds:
                if name in kind.methods and isinstance(value, kind.types):
                    return partial(kind.methods[name], self, value)
        return None
