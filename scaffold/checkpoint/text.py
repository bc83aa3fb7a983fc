"""Text of a checkpoint made safe to show: terminal control characters become escapes."""

from __future__ import annotations

SHOWN = 200
"""How many characters of an untrusted value a message repeats."""


def printable(text: str) -> str:
    r"""Return text with every character that is not printable as its escape.

    >>> print(printable("a\x1b[31mb\n"))
    a\x1b[31mb\n
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shown(value: object) -> str:
    """Return a value as shown in messages: quoted, escaped, and truncated.

    Large containers are truncated before they are turned into text.
    """
    if isinstance(value, str):
        return _cut(repr(value[: SHOWN + 1]))
    if isinstance(value, list):
        return f"a list of {len(value)}" if len(value) > 8 else "[" + _cut(", ".join(map(shown, value))) + "]"
    if isinstance(value, dict):
        return f"an object with {len(value)} keys"
    return _cut(repr(value)) if not isinstance(value, int) or value.bit_length() < 256 else "a number of many digits"


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
