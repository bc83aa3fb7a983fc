"""The tensors of a checkpoint as a short list: names without their numbers, data type, shape, and how many."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from scaffold.checkpoint.headers import Form

NUMBER = "*"
_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_COMPONENT = re.compile(r"(?<![^.])\d+(?![^.])", re.ASCII)
_MIXED = re.compile(r"0(?=[^.0])|(?<=[^.0])0")


@dataclass(frozen=True)
class Pattern:
    """Tensors whose names differ in whole-number parts only, with one data type and shape.

    Attributes:
        name: such as ``model.layers.*.mlp.experts.*.down_proj.weight``.
        dtype: as in the header, such as ``F8_E4M3``.
        shape: sizes.
        count: how many tensors.
        num_bytes: of one of them.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    count: int
    num_bytes: int

    @property
    def total_bytes(self) -> int:
        """Return the bytes of all of them."""
        return self.count * self.num_bytes


def pattern_of(name: str) -> str:
    """Return a tensor's name with its whole-number parts replaced by ``*``.

    >>> pattern_of("model.layers.3.mlp.experts.17.w1.weight")
    'model.layers.*.mlp.experts.*.w1.weight'
    """
    return _COMPONENT.sub(NUMBER, name)


def patterns(forms: Mapping[str, Form]) -> tuple[Pattern, ...]:
    """Return the patterns of a checkpoint, in the order of their first tensors.

    All digits are replaced by one character at once, in one text of all names, because 92,000 substitutions would take
    longer than reading the headers; only names in which a digit is next to another character are then looked at one
    by one.
    """
    keys = "\n".join(forms).encode().translate(_DIGITS).decode().split("\n")
    if len(keys) != len(forms):  # a line break in a name
        keys = [pattern_of(name) for name in forms]
    counts = Counter(zip(keys, forms.values()))
    names = {key: _COMPONENT.sub(NUMBER, key) for key in set(keys)}
    mixed = {key for key in names if _MIXED.search(key)}
    merged: dict[tuple[str, str, tuple[int, ...]], list[int]] = {}
    for (key, form), count in counts.items():
        if key not in mixed:
            _add(merged, names[key], form, count)
    if mixed:
        for key, (name, form) in zip(keys, forms.items()):
            if key in mixed:
                _add(merged, pattern_of(name), form, 1)
    return tuple(Pattern(*key, count, num_bytes) for key, (count, num_bytes) in merged.items())


def _add(merged: dict[tuple[str, str, tuple[int, ...]], list[int]], name: str, form: Form, count: int) -> None:
    entry = merged.setdefault((name, form.dtype, form.shape), [0, form.num_bytes])
    entry[0] += count
