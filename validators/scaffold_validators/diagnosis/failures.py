"""Cuts a log into failures: the lines that belong together, of one process, from the first sign of trouble on.

A log is read once, line by line, and only as much of it is kept as failures have, so that a million lines need
seconds and little memory. Lines without any of `MARKS` are not even parsed while no failure is open.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from scaffold_validators.diagnosis.lines import Line, parse_line
from scaffold_validators.diagnosis.pasted import restored
from scaffold_validators.diagnosis.tracebacks import DIRECT, FRAME, HANDLING, HEADER, RAISED, quotes, ungrouped
from scaffold_validators.watching.marks import MARKS as ENDS

MARKS = (
    *("rror", "ERR", "raceback", "xception", "ail", "ill", 'File "', "annot", "ault", "signal", "abort", "KV cache"),
    *("EZ", "EE9", "EI0", "EJ0", "EL0", "not found", "verflow", "No space", "denied", "[PID", "imeout", "imed out"),
    *(":[E", "SIG", "xitcode", "xit code", "xited", "need to have"),
)
"""Parts of words, one of which every line has that a failure can begin with; a test holds the signatures to it."""

_NATIVE = re.compile(
    r"^\[Error\]: |(?:^|[\s(\]])E[A-Z0-9]\d{4}(?:[:\[)]|$)|ErrCode=\d+|error code(?: is|:)? ?\d{5,6}|retCode=0x"
)
_DEATH = re.compile(
    r"^(?:.*: line \d+: +\d+ )?(?:Killed|Terminated|Aborted|Segmentation fault|Bus error|Illegal instruction)\b"
    r"|^Fatal Python error|^terminate called|!!!+ ?Segfault|core dumped\)|SIG(?:KILL|SEGV|BUS|ABRT|ILL)\b"
    r"|exit ?code:? -(?:4|6|7|9|11)\b|exitcode[=:] ?-(?:4|6|7|9|11)\b"
)
_REFUSED = re.compile(
    r"^\s*(?:Value error|Assertion failed|Input should|Field required|Extra inputs|Unexpected keyword|Dataclass)\b"
    r".*\[type=\w+, input_value="
)
"""What pydantic says of a value, also where the line with its class was not pasted."""
_LOUD = frozenset({"ERROR", "CRITICAL", "FATAL"})
_QUIET = frozenset({"DEBUG", "INFO", "WARNING", "WARN", "EVENT"})
_PROGRESS = re.compile(r'"POST /v1/\S+ HTTP/1\.1" 200')
READY = "Application startup complete"
IGNORED = "Exception ignored in"
"""What Python writes before the traceback of an exception that has no effect, as of a finaliser."""
_RECORD = re.compile(
    r"(?:\([A-Za-z_][^()]* pid=\d+[^()]*\) ?)*(?:ERROR|WARNING|INFO) (?:\d{4}-)?\d\d-\d\d \d\d:\d\d:\d\d"
)
_BLOCK_LINES = 400
_IDLE_LINES = 500
_LINE_LENGTH = 20_000


@dataclass(frozen=True)
class Numbered:
    """A line of a failure, with its number in the log, from 1."""

    number: int
    line: Line
    raw: str


@dataclass
class Failure:
    """Lines of one process that tell of one failure.

    Attributes:
        process: as the log names it.
        lines: from the first sign on.
        answered: how many requests had been answered in the log before it.
        ending: whether the log says before it that the server is being ended.
        time: of its first line, or the last one before it; empty where the log has none.
        last: number of its last line in the log.
    """

    process: str
    lines: list[Numbered] = field(default_factory=list)
    answered: int = 0
    ending: bool = False
    time: str = ""
    last: int = 0

    @property
    def texts(self) -> list[str]:
        """Return what its lines say, without prefixes."""
        return [ungrouped(line.line.text) for line in self.lines]

    def takes(self, line: Line) -> bool:
        """Return whether a further line of the same process belongs to it."""
        if len(self.lines) >= _BLOCK_LINES:
            return False
        first, previous = self.lines[0].line, self.lines[-1].line
        if line.level in _QUIET or (line.level and not line.native and line.source != first.source):
            return False
        if HEADER in line.text and _is_member(line.text):
            return True
        if HEADER in line.text and not _is_heading(self.lines):
            return self._takes_traceback()
        if first.level and not first.native and not line.level and not line.native:
            return previous.level == "" or _is_part(line.text)
        return True

    def _takes_traceback(self) -> bool:
        """Return whether one more traceback belongs to it: of an exception that is chained, or that is announced."""
        texts = self.texts
        said = [text for text in texts if text.strip()]
        return quotes(texts) or any(sign in text for text in said[-2:] for sign in (DIRECT, HANDLING))


@dataclass
class Reader:
    """Reads one log, and yields its failures in the order in which they end.

    Attributes:
        quiet: lines of levels such as INFO that are failures all the same.
        known: lines without a level that are failures, beside those that look like one.
        ends: lines that say that the server is being ended.
        answered: how many requests the log says were answered.
        ready: number of the last line that says that the server is up, 0 where there is none.
        time: the last one that a line has.
        under_way: failures of which lines were still coming when the log said that the server is being ended.
    """

    quiet: re.Pattern[str]
    known: re.Pattern[str]
    ends: re.Pattern[str]
    answered: int = 0
    ready: int = 0
    time: str = ""
    under_way: tuple[Failure, ...] = ()
    _open: dict[str, Failure] = field(default_factory=dict)
    _ending: bool = False

    def read(self, lines: Iterable[str]) -> Iterator[Failure]:
        """Yield the failures of a log, whose lines may end with a newline, up to where a gate ended its server."""
        for number, raw in restored(lines):
            if raw.startswith(ENDS):
                break
            if "200" in raw and _PROGRESS.search(raw):
                self.answered += 1
            if READY in raw:
                self.ready = number
            if not self._ending and ("hut" in raw or "SIG" in raw) and self.ends.search(raw):
                self._ending = True
                self.under_way = tuple(self._open.values())
            if self._open or any(mark in raw for mark in MARKS):
                for part in _parts(raw[:_LINE_LENGTH]):
                    yield from self._take(number, part)
        yield from self._closed(list(self._open))

    def _take(self, number: int, raw: str) -> Iterator[Failure]:
        line = parse_line(raw)
        self.time = line.time or self.time
        current = self._open.get(line.process)
        if current is not None:
            if current.takes(line):
                current.lines.append(Numbered(number, line, raw.rstrip("\n")))
                current.last = number
                return
            yield from self._closed([line.process])
        if self._begins(line):
            failure = Failure(line.process, [], self.answered, self._ending, line.time or self.time, number)
            failure.lines.append(Numbered(number, line, raw.rstrip("\n")))
            self._open[line.process] = failure
        yield from self._closed([key for key, block in self._open.items() if number - block.last > _IDLE_LINES])

    def _begins(self, line: Line) -> bool:
        if line.level in _QUIET:
            return bool(self.quiet.search(line.text))
        return line.level in _LOUD or _is_sign(line.text) or bool(self.known.search(line.text))

    def _closed(self, processes: Iterable[str]) -> Iterator[Failure]:
        for process in processes:
            yield self._open.pop(process)


def _parts(raw: str) -> list[str]:
    """Return the records of a line: several where a log lost its line ends, as when it was pasted somewhere.

    What a line of another level has in quotes, such as the prompt of a request, is no record.
    """
    first = raw.find("ERROR ")
    if first < 0 or not (any(level in raw[:first] for level in ("INFO ", "WARNING ")) or raw.count("ERROR ") > 1):
        return [raw]
    records = [record.start() for record in _RECORD.finditer(raw)]
    if parse_line(raw).level in _QUIET:
        records = [start for start in records if not any(quote in raw[:start] for quote in "'\"`")]
    starts = sorted({0, *records})
    parts = [raw[start:end] for start, end in zip(starts, [*starts[1:], len(raw)])]
    return [part for part in parts if part.strip("> ")]


def _is_sign(text: str) -> bool:
    """Return whether a line without a level tells of a failure."""
    text = ungrouped(text)
    return bool(
        HEADER in text
        or text.startswith(IGNORED)
        or FRAME.match(text)
        or RAISED.match(text)
        or _NATIVE.search(text)
        or _DEATH.search(text)
        or is_refusal(text)
    )


def is_refusal(text: str) -> bool:
    """Return whether a line is what pydantic says of one value that it refuses."""
    return "[type=" in text and bool(_REFUSED.match(text))


def tells_of_death(text: str) -> bool:
    """Return whether a line tells that a process was ended by a signal."""
    return bool(_DEATH.search(text))


def _is_part(text: str) -> bool:
    """Return whether a line without a prefix can go on what lines with a prefix began."""
    return text[:1].isspace() or not text or _is_sign(text) or DIRECT in text or HANDLING in text


def _is_member(header: str) -> bool:
    """Return whether the first line of a traceback is that of one exception of a group, and not of the group."""
    return ungrouped(header) != header and "Group" not in header


def _is_heading(lines: list[Numbered]) -> bool:
    """Return whether lines only announce a traceback, as ``EngineCore failed to start`` does."""
    return len(lines) < 4 and not any(FRAME.match(line.line.text) or HEADER in line.line.text for line in lines)
