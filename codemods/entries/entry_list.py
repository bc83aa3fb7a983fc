"""What a list is, and the one edit of all lists: add an entry, and with ``replace`` change or move one.

A row says where the list is, of which kind, in which order, and how arguments become an entry. The rest is here: the
entry is looked for in every table of the file that counts, whatever its value looks like; it is recognised, refused
or replaced, and never written twice. An edit is a splice at offsets that Python's parser, or the kind, found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from codemods.codemod import Codemod, Example, Parameter, RefusedExample
from codemods.entries.listing import Elsewhere, Item, Listing, Section, Splice, Table, spliced
from codemods.refusal import Refusal
from codemods.text.names import one_of

if TYPE_CHECKING:
    from collections.abc import Hashable

    from codemods.text.tree_style import Style

REPLACE = Parameter("replace", "yes: change an existing entry that differs, move it if it is in another table", "no")
SECTION = Parameter("section", "the heading of the section that gets the entry, if there are several", "")


@dataclass(frozen=True)
class Entry:
    """What is to be in a list. ``value`` is the kind's: Python source, the cells of a row, nothing for a plain line.

    ``table`` names the table, "" the only one; ``section`` a heading in it, "" the first one. An entry is the same as
    an item if their values agree or, where nothing is to be replaced, if ``is_same`` says so. ``is_moved``: it leaves
    its table for this one unasked.
    """

    key: str
    value: Any = None
    table: str = ""
    section: str = ""
    is_same: Callable[[Item], bool] | None = None
    is_moved: bool = False


Order = Callable[[Sequence[Item], Entry], int]
"""From the entries of a section that have keys, and a new one, to the index before which that goes."""


class Kind(Protocol):
    """How a kind of list is read and written. All three are pure functions."""

    def read(self, text: str, where: str, key: str) -> Listing:
        """Read a file's tables, and all other places in it that have ``key``. Raises `Refusal`."""

    def value(self, entry: Entry, table: Table) -> Hashable:
        """Return the value of an entry as `Item` has it."""

    def write(self, entry: Entry, table: Table, section: Section, index: int, style: Style | None) -> str:
        """Return the lines of a new entry, each with its end, for a place in a section."""


def everywhere(table: str) -> str:
    """Say that all tables of a file belong together."""
    return ""


def each_table(table: str) -> str:
    """Say that each table of a file is on its own."""
    return table


@dataclass(frozen=True)
class EntryList:
    """A list: a row of the table. ``files`` are its places, newest layout first.

    ``order`` is where a new entry goes, ``orders`` where it goes in single tables, by their names.
    ``entry`` makes an entry of checked arguments; ``what`` is what messages call it, ``noun`` what they say of one
    that is there. ``scope`` names what a table belongs to: a key stands once in all that belong together.
    ``examples`` are its tests.
    """

    name: str
    summary: str
    upstream: str
    tree: str
    files: tuple[str, ...]
    kind: Kind
    order: Order
    parameters: tuple[Parameter, ...]
    entry: Callable[[Mapping[str, str]], Entry]
    examples: tuple[Example | RefusedExample, ...]
    noun: str = "is listed already, as"
    has_sections: bool = False
    scope: Callable[[str], str] = everywhere
    is_styled: bool = False
    remedy: str = "pass replace=yes to change it, or keep it"
    orders: Mapping[str, Order] = field(default_factory=dict)
    check: Callable[[str, Entry], None] | None = None
    """Refuses an entry that a file cannot have, such as a class that it does not know."""
    is_table_asked: bool = False
    """Whether the table has to be said where a file has several: what an entry is does not tell."""


def entry_codemod(row: EntryList) -> Codemod:
    """Make the codemod of a list."""

    def transform(text: str, *, style: Style | None = None, **arguments: str) -> str:
        return with_entry(row, text, arguments, style)

    further = (SECTION, REPLACE) if row.has_sections else (REPLACE,)
    return Codemod(
        name=row.name,
        summary=row.summary,
        upstream=row.upstream,
        tree=row.tree,
        targets=row.files,
        parameters=(*row.parameters, *further),
        transform=transform,
        examples=row.examples,
        is_styled=row.is_styled,
    )


def with_entry(row: EntryList, text: str, arguments: Mapping[str, str], style: Style | None) -> str:
    """Return the text of a list's file with an entry. Raises `Refusal` if another one is there, or no such table."""
    replaces = one_of(arguments.get("replace", "no"), ("yes", "no"), "replace") == "yes"
    entry = row.entry({"section": "", **arguments})
    where = row.files[0]
    listing = row.kind.read(text, where, entry.key)
    table = _table(listing, entry, where, row.is_table_asked)
    known = [
        (found, section, item)
        for found in listing.tables
        if row.scope(found.name) == row.scope(table.name)
        for section in found.sections
        for item in section.items
        if item.key == entry.key
    ]
    is_same = None if replaces else entry.is_same
    there = [item for found, _, item in known if found == table]
    if there and all(is_same(item) if is_same else item.value == row.kind.value(entry, table) for item in there):
        return text  # a key that stands there twice, with another value, too, is another entry: the last one counts
    if row.check:
        row.check(text, entry)
    others = [one for one in listing.elsewhere if row.scope(one.name) == row.scope(table.name)]
    if others or (known and not (replaces or entry.is_moved)):
        raise _refusal(row, entry, [(found, item) for found, _, item in known], others)
    removals = [Splice(item.start, item.end, "") for _, _, item in known]
    inside = [(section, item) for found, section, item in known if found == table]
    if inside:
        section, item = inside[0]
        index = section.items.index(item)
        new = _with_tail(row.kind.write(entry, table, section, index, style), item.tail)
        return spliced(text, [s for s in removals if s.start != item.start] + [Splice(item.start, item.end, new)])
    section = _section(table, entry.section, where)
    tail = known[0][2].tail if known else ""
    return spliced(text, [*removals, *_insertion(row, entry, table, section, style, tail)])


def _insertion(
    row: EntryList, entry: Entry, table: Table, section: Section, style: Style | None, tail: str
) -> list[Splice]:
    places = [index for index, item in enumerate(section.items) if item.key is not None]
    order = row.orders.get(table.name, row.order)
    place = order([section.items[index] for index in places], entry)
    index = places[place] if place < len(places) else len(section.items)
    lines = _with_tail(row.kind.write(entry, table, section, index, style), tail)
    if index == 0:
        before, behind = section.around
        return [Splice(section.first, section.first, before + lines + behind)]
    above = section.items[index - 1]
    ends = [Splice(above.missing[0], above.missing[0], above.missing[1])] if above.missing else []
    return [*ends, Splice(above.end, above.end, lines)]


def _with_tail(lines: str, tail: str) -> str:
    """Return the lines of an entry with the comment that stands behind it, which is lost by no edit."""
    written = lines.rstrip("\r\n")
    return written + tail + lines[len(written) :]


def _table(listing: Listing, entry: Entry, where: str, is_asked: bool) -> Table:
    """Return the table that an entry names, the first one without a name. Raises `Refusal` if it is none, or several.

    With ``is_asked``, an entry that is in no table has to name one where there are several.

    A name of headings may be a part of the path, in its order: ``Multimodal > Text Generation``.
    """
    named = [table for table in listing.tables if table.name == entry.table or not entry.table]
    named = named or [table for table in listing.tables if _leads_to(entry.table, table.name)]
    if is_asked and not entry.table:
        holding = [t for t in named if any(i.key == entry.key for section in t.sections for i in section.items)]
        named = holding or named
    is_open = not entry.table and not is_asked
    if named and (is_open or all(table.name.startswith(named[0].name) for table in named)):
        if named[0].problem is not None:
            raise named[0].problem
        return named[0]
    raise Refusal(
        _unnamed(entry.table, len(named)),
        where=where,
        expected=f"one of: {', '.join(table.name for table in named or listing.tables)}",
        remedy="name a table that the file has",
    )


def _unnamed(table: str, count: int) -> str:
    if not count:
        return f"there is no table {table}"
    return f"{table} may be {count} tables" if table else f"the file has {count} tables, and none is named"


def _leads_to(words: str, path: str) -> bool:
    """Return whether parts of a path, in their order, are in the path's own parts."""
    parts = iter(plain(part) for part in path.split(" > "))
    return " > " in path and all(any(plain(word) in part for part in parts) for word in words.split(">"))


def _section(table: Table, label: str, where: str) -> Section:
    for section in table.sections:
        if not label or plain(section.label) == plain(label):
            return section
    raise Refusal(
        f"no section {label} found",
        where=f"{table.name} in {where}",
        expected=f"one of its sections: {', '.join(section.label for section in table.sections)}",
        remedy="name a section that the table has",
    )


def plain(label: str) -> str:
    """Return a heading as it is compared: without marks and brackets, ignoring case."""
    return "".join(c for c in label.casefold() if c.isalnum())


def _refusal(row: EntryList, entry: Entry, known: Sequence[tuple[Table, Item]], others: Sequence[Elsewhere]) -> Refusal:
    found = [(one.name, one.shown) for one in others] or [(table.name, item.shown) for table, item in known]
    name, shown = found[0]
    wanted = entry.value if isinstance(entry.value, str) else entry.key
    return Refusal(
        f"{entry.key} {row.noun} {_one_line(shown)}",
        where=f"{name} in {row.files[0]}" if name else row.files[0],
        expected=f"no entry, or {wanted}" + (f" in {entry.table}" if entry.table else ""),
        remedy="change that by hand first: it is not a plain entry of the list" if others else row.remedy,
    )


def _one_line(text: str) -> str:
    return re.sub(r",?\s*([)\]}])", r"\1", re.sub(r"([(\[{])\s+", r"\1", " ".join(text.split())))
