"""Numbers of bytes as a person reads them."""

from __future__ import annotations

UNITS = (("GiB", 30), ("MiB", 20), ("KiB", 10))
"""The first of which there is at least a tenth counts: what is there is never shown as nothing."""


def size_text(count: int) -> str:
    """Return a number of bytes in the unit that suits it.

    >>> [size_text(count) for count in (3 * 2**30 // 2, 300 * 2**20, 5000, 7)]
    ['1.5 GiB', '0.3 GiB', '4.9 KiB', '7 B']
    """
    for unit, power in UNITS:
        if count >= 2**power / 10:
            return f"{count / 2**power:.1f} {unit}"
    return f"{count} B"
