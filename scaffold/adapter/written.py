"""A template's context whose expressions are still trees, and the same with all of them written out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from scaffold.expressions.python import NO_NAMES, write
from scaffold.expressions.tree import Expression


def written(context: Mapping[str, Any], names: Mapping[str, str] = NO_NAMES) -> dict[str, Any]:
    """Return a context with Python in place of expressions, where the config is called ``config``.

    Args:
        context: words, expressions, and contexts of parts.
        names: role → what the code around calls the number.
    """
    return {key: _written(value, names) for key, value in context.items()}


def _written(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, Expression):
        return write(value, names=names)
    return written(value, names) if isinstance(value, Mapping) else value


def expressions(context: Mapping[str, Any]) -> Iterator[Expression]:
    """Yield the expressions in a context and in the contexts of its parts."""
    for value in context.values():
        if isinstance(value, Expression):
            yield value
        elif isinstance(value, Mapping):
            yield from expressions(value)
