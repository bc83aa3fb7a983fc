"""What a checkpoint calls its tensors where names begin otherwise than those that transformers writes.

Run by the *target's* Python beside ``make_twin.py``; the standard library alone.
"""

from collections.abc import Sequence

Renames = Sequence[Sequence[str]]
"""Beginning on disk, and what replaces it; applied in turn."""


def as_on_disk(name: str, renames: Renames) -> str:
    """Return the name on disk that the renames turn into this one."""
    starts = [(old, new) for old, new in reversed(renames) if name.startswith(new)]
    candidates = (old + name[len(new) :] for old, new in starts)
    return next((found for found in candidates if as_named(found, renames) == name), name)


def as_named(name: str, renames: Renames) -> str:
    """Return a name on disk as transformers writes it."""
    for old, new in renames:
        if name.startswith(old):
            name = new + name[len(old) :]
    return name
