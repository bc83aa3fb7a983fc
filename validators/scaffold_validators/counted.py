"""Numbers of things as English has them."""

from __future__ import annotations


def counted(number: int, thing: str) -> str:
    """Return a number of things, such as ``1 request`` or ``3 requests``.

    Args:
        number: of them.
        thing: one of them; its plural ends in s.
    """
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
