"""Numbers of a small run that know what they are at the checkpoint's sizes, and hand that on through arithmetic.

What is computed of numbers of a config, and sizes of tensors, are shadows, and so are texts that show them; a number of
the config itself has its key, by which it is known at both sizes.
"""

from __future__ import annotations

import math
from typing import Any

PLAIN = frozenset({bool, int, float, str, type(None)})
"""Types of values that are the same at all sizes; numbers that are not have types of their own."""


class Shadow:
    """Mixed into ``int``, ``float`` and ``str``.

    Attributes:
        stated: the number or text at the checkpoint's sizes; NaN where it is not known which one that is.
        by_length: it is, or was computed of, the number of tokens; ``stated`` is that of the longest text.
        of_shape: it comes from a tensor's shape, where a size stands for the config key that has it.
        is_step: it was rounded, counted or chosen on its way, so that sizes between may have other numbers than
            any arithmetic that fits a run.
    """

    stated: Any
    by_length: bool
    of_shape: bool
    is_step: bool


class ShadowInt(Shadow, int):
    """A whole number, such as a size of a tensor or a product of sizes."""


class ShadowFloat(Shadow, float):
    """A number that is computed of sizes, such as a root or a share."""


class ShadowStr(Shadow, str):
    """A text that shows a size, such as ``f"{hidden_size}"``."""


class Unknown:
    """What stands at the checkpoint's sizes for a container of which at most the length is known there."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, length: int | None) -> None:
        self.length = length

    def __len__(self) -> int:
        if self.length is None:
            raise TypeError("a length that is not known")
        return self.length

    def __eq__(self, other: object) -> bool:
        raise TypeError("elements that are not known")


class OfData(float):
    """What became of the tokens of a run, as one number of Python's: other tokens give another one."""


def shadowed(value: Any, real: Any, *, by_length: bool = False, of_shape: bool = False, is_step: bool = False) -> Any:
    """Return a number with what it is for the checkpoint; the value itself where that is the same, or no number.

    Args:
        value: in the run.
        real: at the checkpoint's sizes.
        by_length: see `Shadow`.
        of_shape: see `Shadow`.
        is_step: see `Shadow`.
    """
    is_text = isinstance(value, str) and isinstance(real, str)
    if not (is_text or (is_number(value) and is_number(real))) or real == value:
        return value
    kind = ShadowStr if is_text else ShadowInt if isinstance(value, int) else ShadowFloat
    result: Any = kind(value)
    result.stated, result.by_length, result.of_shape, result.is_step = real, by_length, of_shape, is_step
    return result


def unknown(value: Any) -> Any:
    """Return a number or text that is another one at the checkpoint's sizes, and it is not known which."""
    if not isinstance(value, str):
        return shadowed(value, math.nan)
    result = ShadowStr(value)
    result.stated, result.by_length, result.of_shape, result.is_step = Unknown(None), False, False, False
    return result


def is_number(value: Any) -> bool:
    """Return whether a value is a number, and no switch."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_unknown(value: Any) -> bool:
    """Return whether a value is another one at the checkpoint's sizes, and it is not known which."""
    return isinstance(value, Unknown) or (isinstance(value, float) and math.isnan(value))


def depends_on_sizes(value: Any) -> bool:
    """Return whether a number or text may be another one at the checkpoint's sizes, or of other tokens."""
    return type(value) not in PLAIN and isinstance(value, (int, float, ShadowStr))


def is_by_length(value: Any) -> bool:
    """Return whether a number was computed of the number of tokens."""
    return isinstance(value, Shadow) and value.by_length


def is_step(value: Any) -> bool:
    """Return whether a number was rounded, counted or chosen on its way, otherwise than for the checkpoint."""
    return isinstance(value, Shadow) and value.is_step


def is_of_shape(value: Any) -> bool:
    """Return whether a number was computed of a tensor's shape."""
    return isinstance(value, Shadow) and value.of_shape
