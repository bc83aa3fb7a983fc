"""Numbers of a small run that know what they are at the checkpoint's sizes, and hand that on through arithmetic.

What is computed of numbers of a config, and sizes of tensors, are shadows; a number of the config itself has its key,
by which it is known at both sizes.
"""

from __future__ import annotations

from typing import Any

PLAIN = frozenset({bool, int, float, str, type(None)})
"""Types of values that are the same at all sizes; numbers that are not have types of their own."""


class Shadow:
    """Mixed into ``int`` and ``float``.

    Attributes:
        stated: the number at the checkpoint's sizes.
        by_length: it is, or was computed of, the number of tokens; ``stated`` is that of the longest text.
        of_shape: it comes from a tensor's shape, where a size stands for the config key that has it.
    """

    stated: float
    by_length: bool
    of_shape: bool


class ShadowInt(Shadow, int):
    """A whole number, such as a size of a tensor or a product of sizes."""


class ShadowFloat(Shadow, float):
    """A number that is computed of sizes, such as a root or a share."""


class OfData(float):
    """What became of the tokens of a run, as one number of Python's: other tokens give another one."""


def shadowed(value: Any, real: Any, *, by_length: bool = False, of_shape: bool = False) -> Any:
    """Return a number with what it is for the checkpoint; the value itself where that is the same, or no number.

    Args:
        value: in the run.
        real: at the checkpoint's sizes.
        by_length: see `Shadow`.
        of_shape: see `Shadow`.
    """
    if not (is_number(value) and is_number(real)) or real == value:
        return value
    result: ShadowInt | ShadowFloat = ShadowInt(value) if isinstance(value, int) else ShadowFloat(value)
    result.stated, result.by_length, result.of_shape = real, by_length, of_shape
    return result


def is_number(value: Any) -> bool:
    """Return whether a value is a number, and no switch."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def depends_on_sizes(value: Any) -> bool:
    """Return whether a number may be another one at the checkpoint's sizes, or of other tokens."""
    return type(value) not in PLAIN and isinstance(value, (int, float))


def is_by_length(value: Any) -> bool:
    """Return whether a number was computed of the number of tokens."""
    return isinstance(value, Shadow) and value.by_length


def is_of_shape(value: Any) -> bool:
    """Return whether a number was computed of a tensor's shape."""
    return isinstance(value, Shadow) and value.of_shape
