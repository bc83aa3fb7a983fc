"""Functions of Python that model files call while they make their modules, where all that they are given is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from scaffold.source.python import bounds
from scaffold.source.python.errors import NotUnderstood

KNOWN = (int, str, float, list, tuple, range, dict)
PLAIN: dict[str, Callable[..., Any]] = {
    "int": int, "str": str, "bool": bool, "len": len, "list": list, "tuple": tuple, "max": max, "min": min,
    "range": range, "enumerate": lambda items: list(enumerate(items)), "zip": lambda *items: list(zip(*items)),
    "abs": abs, "sum": sum, "all": all, "any": any, "sorted": sorted, "reversed": lambda items: list(reversed(items)),
}  # fmt: skip


def call(name: str, given: Sequence[Any]) -> tuple[Any] | None:
    """Return the outcome in a tuple of one; None if the function or what it is given is not known, or if it fails."""
    if name not in PLAIN or not all(isinstance(item, KNOWN) for item in given):
        return None
    try:
        bounds.walked(given)
        return (PLAIN[name](*given),)
    except (NotUnderstood, TypeError, ValueError, OverflowError):
        return None
