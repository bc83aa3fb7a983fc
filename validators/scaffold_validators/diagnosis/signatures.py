"""Failure signatures: the rows of the files in ``signatures/``, and which of them a failure shows.

Adding one is adding a row to the file of its area. Its example and near miss are its tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import cache, lru_cache
from pathlib import Path

from scaffold_validators.records import structure

FOLDER = Path(__file__).with_name("signatures")


class Kind(Enum):
    """Whose matter a failure is, and what a gate makes of it."""

    ENVIRONMENT = "environment"
    """The machine, the container, the installation, the command line."""
    CHECKPOINT = "checkpoint"
    """Files of the checkpoint, or what its config says."""
    MODEL = "model"
    """The model's file: names, shapes, registration, code."""
    VLLM_ASCEND = "vllm-ascend"
    """vllm-ascend, its kernels or what they stand on; also what vLLM does not do."""
    CAPACITY = "capacity"
    """It does not fit: memory, streams, length."""
    REQUEST = "request"
    """A request that was refused; the server lives on."""
    FOLLOWS = "follows"
    """It only tells that something else has failed before."""
    HARMLESS = "harmless"
    """No failure: healthy servers log it."""


@dataclass(frozen=True)
class Signature:
    """A known failure.

    Attributes:
        id: its name in findings.
        kind: whose matter it is.
        patterns: regular expressions, one of which has to match a line, without the prefix that loggers write;
            ``^`` and ``$`` are those of the line.
        meaning: what it is.
        remedy: what to do.
        source: where it is known from: a public issue, a page, or a file of vLLM or vllm-ascend.
        example: lines that show it, made up.
        also: patterns each of which has to match a line of the same failure.
        unless: patterns that match no line of the same failure.
        near_miss: lines that look like it, and are something else, or nothing.
        before: ids of less special rows, which are not meant where this one is.
        general: whether it names only a family, so that any other row is meant before it.
        waits: whether the process waited for another one, whose failure is the cause where there is one.
        quiet: whether it is looked for in lines of level INFO and WARNING too.
        ends: whether the line says that the server is being ended, so that later errors are of no account.
    """

    id: str
    kind: Kind
    patterns: tuple[str, ...]
    meaning: str
    remedy: str
    source: str
    example: str
    also: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    near_miss: str = ""
    before: tuple[str, ...] = ()
    general: bool = False
    waits: bool = False
    quiet: bool = False
    ends: bool = False
    area: str = ""
    """The name of its file."""

    def line_of(self, text: str) -> int | None:
        """Return the index of the first line of a failure's text that shows it, None where none does."""
        starts = [match.start() for pattern in self.patterns if (match := _compiled(pattern).search(text))]
        if not starts or not all(_compiled(pattern).search(text) for pattern in self.also):
            return None
        if any(_compiled(pattern).search(text) for pattern in self.unless):
            return None
        return text.count("\n", 0, min(starts))


@dataclass(frozen=True)
class Match:
    """A signature, and the line of a failure that shows it, from 0."""

    signature: Signature
    line: int


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.MULTILINE)


@lru_cache(maxsize=1)
def signatures() -> tuple[Signature, ...]:
    """Return all rows.

    Raises:
        ValueError: a row does not fit; the message names file and field.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where it was built
    rows: list[Signature] = []
    for path in sorted(FOLDER.glob("*.yaml")):
        read = structure(
            yaml.load(path.read_text(encoding="utf-8"), loader),  # noqa: S506 - both loaders are safe ones
            tuple[Signature, ...],
            path.name,
        )
        rows += [replace(row, area=path.stem) for row in read]
    return checked(rows)


def checked(rows: Sequence[Signature]) -> tuple[Signature, ...]:
    """Return rows whose ids, order and patterns are in order.

    Raises:
        ValueError: they are not.
    """
    ids = [row.id for row in rows]
    wrong = [f"the id {id_} is there twice" for id_ in sorted({id_ for id_ in ids if ids.count(id_) > 1})]
    wrong += [
        f"{row.id} stands before {id_}, which is not there" for row in rows for id_ in row.before if id_ not in ids
    ]
    for row in rows:
        for pattern in (*row.patterns, *row.also, *row.unless):
            try:
                _compiled(pattern)
            except re.error as error:
                wrong.append(f"{row.id}: {pattern!r} is no regular expression: {error}")
    if wrong:
        raise ValueError(f"{FOLDER}: " + "; ".join(wrong))
    return tuple(rows)


def shape_of(text: str) -> str:
    """Return a text without its numbers: lines of one shape say the same."""
    return _NUMBERS.sub("#", text)[:2_000]


def matches(lines: Sequence[str]) -> tuple[Match, ...]:
    """Return the signatures that lines of one failure show, special ones alone, in the order of lines."""
    first: dict[str, int] = {}
    for index, line in enumerate(lines):
        first.setdefault(shape_of(line), index)
    places = list(first.values())
    loud = [place for place in places if not harmless_lines().search(lines[place])]
    text, loud_text = ("\n".join(lines[place] for place in kept) for kept in (places, loud))
    found = []
    for row in signatures():
        # what healthy servers say too shows no failure
        weak = row.kind in _WEAK
        at = row.line_of(text if weak else loud_text)
        if at is not None:
            found.append(Match(row, (places if weak else loud)[at]))
    hidden = {id_ for match in found for id_ in match.signature.before}
    found = [match for match in found if match.signature.id not in hidden]
    special = [match for match in found if not match.signature.general and match.signature.kind not in _WEAK]
    kept = special or [match for match in found if match.signature.kind not in _WEAK] or found
    return tuple(sorted(kept, key=lambda match: match.line))


_NUMBERS = re.compile(r"0x[0-9a-fA-F]+|\d+")
_WEAK = (Kind.FOLLOWS, Kind.HARMLESS)


@lru_cache(maxsize=1)
def quiet_lines() -> re.Pattern[str]:
    """Return the pattern of all lines that are looked at whatever their level."""
    return _any(row for row in signatures() if row.quiet)


@lru_cache(maxsize=1)
def ending_lines() -> re.Pattern[str]:
    """Return the pattern of the lines with which a server says that it is being ended."""
    return _any(row for row in signatures() if row.ends)


@lru_cache(maxsize=1)
def following_lines() -> re.Pattern[str]:
    """Return the pattern of what only tells that something else has failed."""
    return _any(row for row in signatures() if row.kind is Kind.FOLLOWS)


@lru_cache(maxsize=1)
def harmless_lines() -> re.Pattern[str]:
    """Return the pattern of what healthy servers log too."""
    return _any(row for row in signatures() if row.kind is Kind.HARMLESS)


@lru_cache(maxsize=1)
def known_lines() -> re.Pattern[str]:
    """Return the pattern of all lines that special rows know, whatever else they need."""
    return _any(row for row in signatures() if not row.general and row.kind not in _WEAK)


def _any(rows: Iterable[Signature]) -> re.Pattern[str]:
    patterns = dict.fromkeys(pattern for row in rows for pattern in row.patterns)
    return re.compile("|".join(f"(?:{_NAMED.sub('(?:', pattern)})" for pattern in patterns if "(?P=" not in pattern))


_NAMED = re.compile(r"\(\?P<\w+>")
