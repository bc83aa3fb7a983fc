"""Which modules an entry of a list in a quantisation config names: a whole name, a pattern with ``*``, or ``re:…``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import translate
from functools import lru_cache
from itertools import islice

REGEX = "re:"
MAX_TRIES = 10_000_000
"""Of rules with modules, each held against the other: some seconds. What is left after them is not looked at."""
MAX_REPEATS = 3
"""In a regular expression of a config, which is untrusted: more of them can take for ever."""
SHOWN = 2
"""How many modules of an entry are told."""
_UNSAFE = re.compile(r"\)[*+?{]|\(\?|\\[1-9]")


def names(entry: str, module: str) -> bool:
    """Return whether an entry certainly names a module: as a regular expression, by its whole name, or by ``*``."""
    if not is_rule(entry):
        return entry == module
    expression = expression_of(entry)
    return entry == module or (expression is not None and expression.match(module) is not None)


def is_rule(entry: str) -> bool:
    """Return whether an entry may name more than one module."""
    return entry.startswith(REGEX) or "*" in entry


def tells_numbers(entry: str) -> bool:
    """Return whether an entry may name one layer or expert and not another."""
    return any(c.isdigit() for c in entry)


@lru_cache(maxsize=20_000)
def expression_of(entry: str) -> re.Pattern[str] | None:
    """Return the regular expression of a rule, or None for one of a config that could take too long."""
    if not entry.startswith(REGEX):
        return re.compile(translate(entry))
    text = entry.removeprefix(REGEX)
    if len(text) > 300 or len(re.findall(r"(?<!\\)[*+{]", text)) > MAX_REPEATS or _UNSAFE.search(text):
        return None
    try:
        return re.compile(text)
    except (re.error, RecursionError, OverflowError):
        return None


def hits(entries: Sequence[str], modules: Sequence[str], kinds: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield entries that name modules, with the first of these.

    Whole names are looked up. A rule that tells no number is held against kinds of modules. Of one that does, its
    longest plain part is searched for in one text of all names: each of hundreds of such rules is about one layer.

    Args:
        entries: the list.
        modules: all modules, in their order.
        kinds: the first module of each kind, which is what modules with other numbers are.
    """
    known = set(modules)
    text = "\n".join(modules)
    tries = MAX_TRIES
    for entry in entries:
        if not is_rule(entry):
            found = [entry] if entry in known else []
        else:
            among = _with_part(entry, modules, text) if tells_numbers(entry) else kinds
            found = []
            for module in islice(among, tries):
                tries -= 1
                if names(entry, module):
                    found.append(module)
                    if len(found) == SHOWN:
                        break
        if found:
            yield entry, found


def _with_part(entry: str, modules: Sequence[str], text: str) -> Iterator[str]:
    """Yield the modules that have the longest plain part of a pattern in them; of a regular expression, all."""
    part = "" if entry.startswith(REGEX) else max(re.split(r"[*?]", entry.partition("[")[0]), key=len)
    if not part or text.count("\n") != len(modules) - 1:  # a line break in a name
        yield from modules
        return
    at = text.find(part)
    while at >= 0:
        begin, end = text.rfind("\n", 0, at) + 1, text.find("\n", at)
        yield text[begin : end if end >= 0 else len(text)]
        at = text.find(part, end) if end >= 0 else -1
