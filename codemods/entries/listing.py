"""What is read of a list in a file: its tables, their sections, their entries, and where each stands in the text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Hashable

    from codemods.refusal import Refusal


@dataclass(frozen=True)
class Item:
    """An entry that stands on lines of its own, from offset ``start`` up to ``end``.

    ``key`` is None for what is no entry of its own (``**other``). ``value`` is what two entries are compared by,
    ``shown`` what a message says of it. ``missing`` is what has to be put at an offset before an entry follows: a
    comma, a line end. ``indent`` is the white space before it, ``tail`` the comment behind it.
    """

    key: str | None
    value: Hashable
    shown: str
    start: int
    end: int
    indent: str = ""
    missing: tuple[int, str] | None = None
    tail: str = ""


@dataclass(frozen=True)
class Section:
    """Entries in an order of their own. A first one goes to offset ``first``; ``label`` is the section's heading.

    ``around`` is what such an entry needs before and behind its lines, where the list has no lines yet.
    """

    label: str
    first: int
    items: tuple[Item, ...]
    around: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Table:
    """A list of a file. ``form`` is what its kind has to know to write an entry: indentation, quotes, columns.

    ``problem`` says why nothing can be written into it.
    """

    name: str
    sections: tuple[Section, ...]
    form: Any = None
    problem: Refusal | None = None


@dataclass(frozen=True)
class Elsewhere:
    """A place that adds an entry, or may add it, and is no plain item: ``D[key] = …``, ``.update``, an f-string."""

    name: str
    shown: str


@dataclass(frozen=True)
class Listing:
    """All of a file's tables, and the other places in which it has the key that is asked for."""

    tables: tuple[Table, ...]
    elsewhere: tuple[Elsewhere, ...] = ()


@dataclass(frozen=True)
class Splice:
    """New text for what stands from one offset up to another."""

    start: int
    end: int
    text: str


def spliced(text: str, splices: list[Splice]) -> str:
    """Return the text with all splices made; none overlaps another. At one offset they come in their order."""
    parts, offset = [], 0
    for splice in sorted(splices, key=lambda one: one.start):
        parts += [text[offset : splice.start], splice.text]
        offset = splice.end
    return "".join([*parts, text[offset:]])
