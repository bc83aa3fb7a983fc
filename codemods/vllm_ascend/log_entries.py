"""vllm-ascend's patch log as it is: sections, entries, and the numbered items of an entry.

The log is a comment block that people keep, and they do not keep one form: headings with and without a number, with
letters and gaps, ``File:`` or ``Files: a, b``, blanks before the closing ``**``, files in the other section.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from codemods.refusal import Refusal

WHERE = "vllm_ascend/patch/__init__.py"

_SECTION = re.compile(r"#+\s*\* (?P<kind>\w+) Patch(?:es)?:?\s*")
_HEADING = re.compile(
    r"#+\s*\*\*\s*(?:(?P<number>\d+)\s*(?P<letters>[a-z]*)\s*\.?\s*)?Files?\s*[:：]\s*(?P<files>.*?)[\s*]*"
)
_ITEM = re.compile(r"#+\s+(?P<number>\d+)[.)]\s*(?P<targets>\S.*)")
_LABEL = re.compile(r"#+\s+\w[\w ,/()'-]*[:：]\s*")
_TARGET = re.compile(r"\w+(?:\.\w+)*")


@dataclass(frozen=True)
class Item:
    """One of the things that a file patches: its number, the names that are given, its first line."""

    number: int
    targets: tuple[str, ...]
    start: int


@dataclass(frozen=True)
class Entry:
    """A heading's files and number (None: it has none), its items, and its lines from ``start`` up to ``end``."""

    files: tuple[str, ...]
    number: int | None
    items: tuple[Item, ...]
    start: int
    end: int

    def has_file(self, file: str) -> bool:
        """Return whether the entry is about ``worker/patch_x.py``; some headings leave the folder out."""
        return file in self.files or ("/" in file and file.rpartition("/")[2] in self.files)

    def has_target(self, target: str) -> bool:
        """Return whether an item names the target, in full or by its end (``Cedar.grow``)."""
        return any(target == name or target.endswith(f".{name}") for item in self.items for name in item.targets)


@dataclass(frozen=True)
class Section:
    """A section's lines from its heading at ``start`` up to ``end``, and its entries in their order."""

    kind: str
    start: int
    end: int
    entries: tuple[Entry, ...]


def opens(line: str) -> bool:
    """Return whether a line of the log begins a section, an entry or an item."""
    return any(pattern.fullmatch(line.rstrip()) for pattern in (_SECTION, _HEADING, _ITEM))


def sections(lines: list[str]) -> tuple[Section, ...]:
    """Read the log's sections; ``lines`` are the file's, with their ends."""
    headings = [(i, match) for i, line in enumerate(lines) if (match := _SECTION.fullmatch(line))]
    found = []
    for at, (start, match) in enumerate(headings):
        limit = headings[at + 1][0] if at + 1 < len(headings) else len(lines)
        end = next((i for i in range(start + 1, limit) if lines[i][:1] != "#"), limit)
        found.append(Section(match["kind"].lower(), start, end, _entries(lines, start, end)))
    return tuple(found)


def section(lines: list[str], kind: str) -> Section:
    """Return the section of platform or worker patches. Raises `Refusal` if the log has none."""
    for found in sections(lines):
        if found.kind == kind:
            return found
    raise Refusal(
        f"no section for {kind} patches found",
        where=WHERE,
        expected=f"a comment line `# * {kind.capitalize()} Patch:`",
        remedy="check that this is a vllm-ascend tree",
    )


def entries_of(lines: list[str], file: str) -> list[Entry]:
    """Return all entries about a file (``worker/patch_x.py``), in whichever section they stand."""
    return [entry for found in sections(lines) for entry in found.entries if entry.has_file(file)]


def _entries(lines: list[str], start: int, end: int) -> tuple[Entry, ...]:
    found = [(i, match) for i in range(start, end) if (match := _HEADING.fullmatch(lines[i]))]
    ends = [*(i for i, _ in found[1:]), end]  # of an empty section's end there is no entry
    return tuple(
        Entry(
            tuple(re.findall(r"[\w./-]+", re.sub(r"\band\b", " ", match["files"]))),
            int(match["number"]) if match["number"] else None,
            _items(lines, i + 1, after),
            i,
            after,
        )
        for (i, match), after in zip(found, ends, strict=False)
    )


def _items(lines: list[str], start: int, end: int) -> tuple[Item, ...]:
    items: list[Item] = []
    is_open = False
    for at in range(start, end):
        match = _ITEM.fullmatch(lines[at].rstrip())
        if match:
            items.append(Item(int(match["number"]), tuple(_TARGET.findall(match["targets"])), at))
            is_open = True
        elif _LABEL.fullmatch(lines[at].rstrip()):
            is_open = False
        elif is_open:
            last = items.pop()
            items.append(Item(last.number, (*last.targets, *_TARGET.findall(lines[at])), last.start))
    return tuple(items)
