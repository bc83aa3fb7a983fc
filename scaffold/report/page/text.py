"""Text of others on a page: what is not to be seen is shown as an escape, and data cannot end the element it is in."""

from __future__ import annotations

import json
from typing import Any

KEPT = "\n\t\u3000"
"""What is not printable to Python, and yet is text as it is written."""


def legible(value: Any) -> Any:
    r"""Return a value whose text, in lists and objects too, is what is seen; what is marked as HTML is left alone.

    Control characters, halves of surrogate pairs and marks that turn a line around become escapes.

    >>> print(legible("a\u202eb"))
    a\u202eb
    """
    if isinstance(value, dict):
        return {legible(key): legible(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [legible(one) for one in value]
    if not isinstance(value, str) or hasattr(value, "__html__") or value.isprintable():
        return value
    return "".join(c if c.isprintable() or c in KEPT else c.encode("unicode_escape").decode() for c in value)


def embedded(value: Any) -> str:
    """Return JSON that may stand inside of a script element: nothing in it ends one, or begins a comment."""
    text = json.dumps(legible(value), ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
