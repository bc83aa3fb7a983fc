"""Bounds on what Python's own operations may make or walk through: every operation of the language that can grow.

Source is untrusted: a line such as ``x = x + x`` doubles what it makes, and a list that holds another one twice has
exponentially many parts. Whatever leaves the interpreter for code of the host is measured here first, and all that is
made or walked through is taken from the budget of the run (``Interpreter.spend``).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from typing import Any

from scaffold.source.python.errors import NotUnderstood

MAX_ELEMENTS = 1_000_000
"""Of one sequence, and of what one call of the host's code walks through."""
MAX_SPENT = 10_000_000
"""Of all sequences of a run together."""
MAX_BITS = 10_000
"""Of a whole number; those of a model have 64."""
MAX_EXPONENT = 64
"""Of a power or shift of whole numbers."""
MAX_NESTING = 200
"""Of lists in lists."""
MAX_WIDTH = 1_000
"""Of a number or a text that is laid out, in characters."""
MAX_DOTTED = 500
"""Characters of a dotted name from outside."""
TEXT = (str, bytes)
SEQUENCES = (str, bytes, list, tuple)
COUNTED = (str, bytes, range)
VIEWS: tuple[type, ...] = (type({}.keys()), type({}.values()), type({}.items()))
LINEAR: tuple[type, ...] = (list, tuple, set, frozenset, dict, *VIEWS)
MEASURED: tuple[type, ...] = (*COUNTED, *LINEAR)


class _Measured(dict[type, bool]):
    """Whether values of a type have parts: every argument of every call is asked."""

    def __missing__(self, kind: type) -> bool:
        self[kind] = issubclass(kind, MEASURED)
        return self[kind]


_IS_MEASURED = _Measured()


def length(size: int) -> int:
    """Return the size of a sequence that may be made.

    Raises:
        NotUnderstood: it is too large.
    """
    if size > MAX_ELEMENTS:
        raise NotUnderstood("a sequence of more than a million elements")
    return size


def walked(values: Iterable[Any]) -> int:
    """Return how many parts code that walks through the values meets, those of parts included.

    Raises:
        NotUnderstood: there are too many, or they are nested too deeply.
    """
    level: list[Any] = [value for value in values if _IS_MEASURED[type(value)]]
    count = 0
    for _ in range(MAX_NESTING):
        if not level:
            return count
        count = length(count + sum(map(len, level)))
        level = [part for value in level for part in _parts(value) if _IS_MEASURED[type(part)]]
    raise NotUnderstood("lists nested too deeply")


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.items()
    return () if isinstance(value, COUNTED) else value


def binary(op: ast.operator, left: Any, right: Any) -> int:
    """Return how large the result of a binary operation of Python's own values may be.

    Raises:
        NotUnderstood: it may be too large.
    """
    if isinstance(left, int) and isinstance(right, int):
        _whole_numbers(op, left, right)
        return 0
    if isinstance(op, ast.Mult):
        for sequence, count in ((left, right), (right, left)):
            if isinstance(sequence, SEQUENCES) and isinstance(count, int):
                return length(len(sequence) * max(0, count))
        return 0
    if isinstance(op, ast.Mod) and isinstance(left, TEXT):
        return _percent(left, right)
    return walked((left, right))


def comparison(op: ast.cmpop, left: Any, right: Any) -> int:
    """Return how many parts a comparison walks through; the key that is sought in a table is found by its hash.

    Raises:
        NotUnderstood: there are too many.
    """
    is_look_up = isinstance(op, (ast.In, ast.NotIn)) and isinstance(right, (dict, set, frozenset))
    return walked((left,) if is_look_up else (left, right))


def _whole_numbers(op: ast.operator, left: int, right: int) -> None:
    if max(left.bit_length(), right.bit_length()) > MAX_BITS:
        raise NotUnderstood(f"a whole number of more than {MAX_BITS:,} bits")
    if isinstance(op, (ast.Pow, ast.LShift)) and abs(right) > MAX_EXPONENT:
        raise NotUnderstood(f"a power with the exponent {right if right.bit_length() < 64 else '…'}")


def _percent(text: str | bytes, values: Any) -> int:
    """Measure ``text % values``; a width may stand in the text, or as ``*`` among the values."""
    shown = text if isinstance(text, str) else text.decode("latin-1")
    _width(shown)
    parts = values if isinstance(values, tuple) else (values,)
    if "*" in shown:
        for part in parts:
            if isinstance(part, int) and abs(part) > MAX_WIDTH:
                raise NotUnderstood(f"a text laid out to more than {MAX_WIDTH:,} characters")
    count = shown.count("%")
    return length(len(shown) + count * (MAX_WIDTH + walked(parts)))


def _width(spec: str) -> None:
    if any(len(digits) > 6 or int(digits) > MAX_WIDTH for digits in re.findall(r"\d+", spec, re.ASCII)):
        raise NotUnderstood(f"a text laid out to more than {MAX_WIDTH:,} characters")


def formatted(value: Any, spec: str) -> int:
    """Return how many parts ``format(value, spec)`` walks through.

    Raises:
        NotUnderstood: the text may be too long, or the value is not of one of Python's own types.
    """
    if spec and not isinstance(value, (int, float, str)):
        raise NotUnderstood(f"a format of {type(value).__name__}")
    _width(spec)
    return walked((value,))


def method(value: Any, name: str, args: tuple[Any, ...]) -> int:
    """Return how large what a method of a container makes of it may be.

    Raises:
        NotUnderstood: it may be too large.
    """
    size = len(value)
    if name == "replace":
        return length((size + 1) * max(1, *(len(part) for part in args if isinstance(part, TEXT))))
    if name == "join":
        return length(sum(len(part) + size for part in args[0] if isinstance(part, TEXT)))
    return length(size + walked(args))


def dotted(name: str) -> str:
    """Return a dotted name from outside.

    Raises:
        NotUnderstood: it is longer than any that there is.
    """
    if len(name) > MAX_DOTTED:
        raise NotUnderstood(f"a dotted name of more than {MAX_DOTTED} characters")
    return name
