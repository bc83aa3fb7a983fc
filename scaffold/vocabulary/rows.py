"""The rows of ``vocabulary.yaml``, typed; what is wrong in the file is an error that names row and field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from scaffold.common.tables import parse_table

PATH = Path(__file__).with_name("vocabulary.yaml")
FIELDS = ("keys", "type", "probe", "twin", "same_as")
SIZE_TYPES = ("size", "sizes", "per_layer", "layer_count", "count", "counts", "limits")
"""Types of whole numbers that count something, and of lists of them."""
TYPES = (*SIZE_TYPES, "number", "flag", "word", "words", "object", "dtype")


@dataclass(frozen=True)
class Row:
    """A size, number, switch, word or object of configs.

    Attributes:
        role: what the tool calls it.
        keys: its spellings, the most usual first; ``a.b`` is the key ``b`` of an object ``a``.
        type: the name of its type; None if its values are not looked at.
        probe: its values in the two probes; None if it stays as it is.
        twin: the largest value in the twin, or the name of the twin's rule for it; None if it stays as it is.
        same_as: the role whose value it keeps where it has it.
    """

    role: str
    keys: tuple[str, ...]
    type: str | None = None
    probe: tuple[float, float] | None = None
    twin: int | str | None = None
    same_as: str | None = None

    @property
    def is_size(self) -> bool:
        """Return whether it counts something."""
        return self.type in SIZE_TYPES


@cache
def rows() -> Mapping[str, Row]:
    """Return all rows by their role; the file is read when it is first asked for."""
    return parse(PATH.read_text(encoding="utf-8"))


def as_value() -> dict[str, dict[str, Any]]:
    """Return the vocabulary as a JSON value, role → row: what the twin's script is given, which cannot import it."""
    return {role: asdict(row) for role, row in rows().items()}


def parse(text: str) -> Mapping[str, Row]:
    """Return the rows of a vocabulary's text.

    Raises:
        ValueError: an unknown field, a field of another form, or a spelling of two roles.
    """
    found = {role: _row(role, fields or {}) for role, fields in parse_table(text).items()}
    owners: dict[str, str] = {}
    for row in found.values():
        for key in row.keys:
            if owners.setdefault(key, row.role) != row.role:
                raise ValueError(f"vocabulary: {key!r} is a spelling of {owners[key]} and of {row.role}")
        if row.same_as is not None and row.same_as not in found:
            raise ValueError(f"vocabulary, {row.role}: same_as {row.same_as!r}, which is no role")
    return found


def _row(role: str, fields: Mapping[str, Any]) -> Row:
    unknown = sorted(fields.keys() - set(FIELDS))
    if unknown:
        raise ValueError(f"vocabulary, {role}: {unknown[0]!r} is none of {', '.join(FIELDS)}")
    keys, probe = fields.get("keys", [role]), fields.get("probe")
    if not (isinstance(keys, list) and keys and all(isinstance(key, str) for key in keys)):
        raise ValueError(f"vocabulary, {role}: keys {keys!r} instead of a list of spellings")
    if probe is not None and not (isinstance(probe, list) and len(probe) == 2 and probe[0] != probe[1]):
        raise ValueError(f"vocabulary, {role}: probe {probe!r} instead of two values that differ")
    if fields.get("type") not in (None, *TYPES):
        raise ValueError(f"vocabulary, {role}: type {fields['type']!r} is none of {', '.join(TYPES)}")
    path = next((key for key in keys if "." in key), None)
    if path is not None and fields.get("type") not in (*SIZE_TYPES, "number"):
        raise ValueError(f"vocabulary, {role}: {path!r} leads into an object, where only sizes and numbers are read")
    return Row(
        role=role,
        keys=tuple(keys),
        type=fields.get("type"),
        probe=None if probe is None else (probe[0], probe[1]),
        twin=fields.get("twin"),
        same_as=fields.get("same_as"),
    )
