"""What was done to a whole log before it came here, undone: turned, kept as JSON, numbered, indented, wrapped, sent on.

People paste logs from terminals, `grep -n`, lists in Markdown and the files of containers' drivers. What was done is
told from the first lines, since it was done to all of them. What is done to single lines is in ``lines.py``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, pairwise

from scaffold_validators.diagnosis.lines import begins_record, parse_line
from scaffold_validators.diagnosis.tracebacks import FRAME, HEADER, RAISED

NumberedText = tuple[int, str]
"""A line as text, with the number that it has in the log as it came, from 1."""

_HEAD = 1_000
"""How many lines tell what was done to all of them."""
_FEW = 3
"""How many of them have to show it."""
_TURNED = 5
"""How many times it has to go back, and never forth, where the newest line is the first."""
_NARROW = 60
"""Characters of a line of the narrowest terminal."""
_TEXTS = ("log", "message", "msg", "content", "text", "line", "body")
"""Keys under which drivers and collectors of logs keep what was written: Docker, Kubernetes, Fluentd, Loki."""
_LEVELS = ("level", "severity", "levelname", "lvl")
"""Keys under which they keep its level."""
_COUNTED = re.compile(r"(?P<file>[\w./-]+\.\w+[:-])?\s*(?P<number>\d{1,9})(?:[:|\t-]| {1,4})")
_NOT_WRITTEN = {0: None, 0xA0: " ", 0x2007: " ", 0x202F: " ", 0x200B: None, 0x2060: None, 0xFEFF: None}
"""Characters that only come in later: of UTF-16 read as something else, and of pages that a log was copied from."""
_DATED = re.compile(r"\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d")
_COLLECTED = re.compile(r"\[?(?P<time>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?)")
_SPACES = re.compile(" ")
_PREFIX_LENGTH = 160
"""Characters of a line in which what a supervisor wrote before it is looked for."""
_LOUD = re.compile(r"\b(?:ERROR|CRITICAL|FATAL|WARN(?:ING)?)\b")
_NUMBERS = re.compile(r"\d+")


def restored(lines: Iterable[str]) -> Iterator[NumberedText]:
    """Yield the lines of a log as they were written, each with the number of the line that it has here, from 1."""
    numbered = enumerate(map(_clean, lines), 1)
    head = list(islice(numbered, _HEAD))
    kept: Iterator[NumberedText] = chain(head, numbered)
    texts = [text.rstrip("\r\n") for _, text in head if text.strip()]
    if len(texts) < _FEW:
        return kept
    if all(text.lstrip().startswith("{") for text in texts) and all(_said(text) is not None for text in texts[:20]):
        return (pair for number, text in kept for pair in _split(number, text))
    if _is_turned(texts):
        kept, texts = iter(tuple(kept)[::-1]), texts[::-1]
    margin = _counted(texts) or _indented(texts) or _sent_on(texts)
    if margin is not None:
        kept = _without(margin, kept)
        texts = [margin.sub("", text, count=1) for text in texts]
    width = _width(texts)
    return _joined(kept, width) if width else kept


def _clean(text: str) -> str:
    """Return a line as programs write it: without zero bytes and marks, with plain spaces in the place of others."""
    return text.replace("\x00", "") if text.isascii() else text.translate(_NOT_WRITTEN)


def _without(margin: re.Pattern[str], lines: Iterator[NumberedText]) -> Iterator[NumberedText]:
    """Yield lines without what stands before each of them."""
    return ((number, margin.sub("", text, count=1)) for number, text in lines)


def _said(text: str) -> str | None:
    """Return what a line of JSON says, with its level; None where it is none, or says nothing."""
    try:
        record = json.loads(text)
    except ValueError:
        return None
    if not isinstance(record, dict):
        return None
    said = next((record[key] for key in _TEXTS if isinstance(record.get(key), str)), None)
    level = next((record[key].upper() for key in _LEVELS if isinstance(record.get(key), str)), "")
    if said is None or not level or begins_record(said) or HEADER in said or FRAME.match(said):
        return said
    return f"{level}:     {said}" if level in ("ERROR", "CRITICAL", "FATAL", "WARNING", "INFO", "DEBUG") else said


def _split(number: int, text: str) -> Iterator[NumberedText]:
    """Yield the lines of what a line of JSON says, each under that line's number."""
    said = _said(text)
    return ((number, line) for line in (said if said is not None else text).splitlines() or [""])


def _is_turned(texts: Sequence[str]) -> bool:
    """Return whether the newest line is the first, as collectors of logs show and export them."""
    times = [time for text in texts if (time := _time(text))]
    back = sum(after < before for before, after in pairwise(times))
    return back >= _TURNED and not any(after > before for before, after in pairwise(times))


def _time(text: str) -> str:
    """Return when a line was collected or else written, as text that sorts; empty where it does not say."""
    collected = _COLLECTED.match(text)
    return collected["time"].replace("T", " ") if collected else parse_line(text).time


def _counted(texts: Sequence[str]) -> re.Pattern[str] | None:
    """Return what numbers the lines, as ``grep -n``, ``cat -n`` and pages of forges do."""
    found = [_COUNTED.match(text) for text in texts]
    numbers = [int(match["number"]) for match in found if match]
    if len(numbers) < len(texts) or any(after <= before for before, after in pairwise(numbers)):
        return None
    one_by_one = numbers[-1] - numbers[0] < 2 * len(numbers)
    return _COUNTED if one_by_one or any(match["file"] for match in found if match) else None


def _indented(texts: Sequence[str]) -> re.Pattern[str] | None:
    """Return the whitespace before all lines, as in a list in Markdown."""
    least = min(len(text) - len(text.lstrip()) for text in texts)
    return re.compile(rf"\s{{{least}}}") if least and any(_is_written(text[least:]) for text in texts) else None


def _sent_on(texts: Sequence[str]) -> re.Pattern[str] | None:
    """Return what a supervisor writes before each line that it sends on, at a level that is its own."""
    first = texts[0][:_PREFIX_LENGTH]
    if not _DATED.match(first):
        return None
    masked = [_NUMBERS.sub("#", text[:_PREFIX_LENGTH]) for text in texts]
    for space in _SPACES.finditer(first):
        prefix = first[: space.start()]
        if _LOUD.search(prefix) or not all(text.startswith(_NUMBERS.sub("#", prefix)) for text in masked):
            return None
        # a blank line has lost the space at the end of the prefix
        pattern = re.compile(_NUMBERS.sub(r"\\d+", re.escape(prefix)) + " ?")
        if any(_is_written(pattern.sub("", text, count=1)) for text in texts):
            return pattern
    return None


def _is_written(text: str) -> bool:
    """Return whether a line is one that servers write, as it was written."""
    return begins_record(text) or text.startswith(HEADER) or bool(FRAME.match(text) or RAISED.match(text))


def _width(texts: Sequence[str]) -> int:
    """Return the width at which a terminal wrapped the lines, 0 where it did not."""
    width = max(map(len, texts))
    full = [index for index, text in enumerate(texts[:-1]) if len(text) == width]
    if width < _NARROW or len(full) < _FEW:
        return 0
    return width if all(_goes_on(texts[index + 1]) for index in full) else 0


def _goes_on(text: str) -> bool:
    """Return whether a line can be the rest of the one before it."""
    return not (text.startswith("  ") or HEADER in text or _is_written(text))


def _joined(lines: Iterator[NumberedText], width: int) -> Iterator[NumberedText]:
    """Yield wrapped lines as one, under the number of the first."""
    at, whole, full = 0, "", False
    for number, raw in lines:
        text = raw.rstrip("\r\n")
        if full and _goes_on(text):
            whole += text
        else:
            if at:
                yield at, whole
            at, whole = number, text
        full = len(text) == width
    if at:
        yield at, whole
