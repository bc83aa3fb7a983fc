"""One line of a log without what loggers, containers, Ray and torchrun write before it, and what that said.

vLLM's formatter repeats its prefix on each line of a message (vllm/logging_utils/formatter.py), processes put theirs
before that (vllm/utils/system_utils.py, ``decorate_logs``), and torch, CANN and uvicorn have forms of their own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

ANSI = re.compile(r"(?:\x1b|#033|\\(?:x1b|033|u001b)|\^\[)\[[0-9;?]*[ -/]*[@-~]|\[(?:\d{1,3};)*\d{1,3}m|(?:#015|\^M)$")
"""Colours, also as syslog, JSON and terminals write them, and without their first byte."""
_COLOURED = ("\x1b", "#0", "\\x1b", "\\033", "\\u001b", "^[", "^M", "m(", "0m")
_LEVELS = "DEBUG|INFO|WARNING|WARN|ERROR|CRITICAL|FATAL"
_CLOCK = r"\d\d:\d\d:\d\d(?:[.,]\d+)?"
_WRAPPERS = re.compile(
    r"(?:\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d) (?:(?:stdout|stderr) [FP] )?"  # containers, Kubernetes
    r"|[\w.-]+\s+\| "  # docker compose
    r"|> "  # quoted
    r"|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ [\w.-]+\[\d+\]: "  # journald
    r"|\[[A-Z][A-Z ]+\] (?=\())"  # a launcher's own word before the process
)
_TAG = re.compile(
    r"\((?P<name>[A-Za-z_][\w.:-]*)(?: [\w=]+)? pid=(?P<pid>\d+)(?:, [^()]*)?\) ?"
    r"|\[(?:rank|default)(?P<rank>\d+)\]: ?"
    r"|\[(?P<torchrun>\d{1,4})\]: ?"
)
_RECORDS = (
    # vLLM, today and before: the brackets and the time may be missing
    re.compile(
        rf"(?P<level>{_LEVELS}) (?:(?:\d{{4}}-)?(?P<date>\d\d-\d\d) )?(?:(?P<clock>{_CLOCK}) )?"
        r"\[?(?P<source>[\w./-]+\.\w+:\d+)\] ?"
    ),
    # logging with a date before the level
    re.compile(
        rf"\[?(?P<year>\d{{4}})-(?P<date>\d\d-\d\d)[ T](?P<clock>{_CLOCK})\]?(?:\s*[|-]?\s*(?:\w[\w.]* - )?"
        rf"\[?(?P<level>{_LEVELS})\]?\b[\s:|-]*)?"
    ),
    # torch's C++ side
    re.compile(
        r"\[(?P<letter>[WEF])(?P<month>\d{1,2})(?P<day>\d\d) (?P<clock>\d\d:\d\d:\d\d\.\d+) "
        r"(?P<source>[\w./-]+:\d+)\] ?"
    ),
    # glog, as Mooncake uses it
    re.compile(
        r"(?P<letter>[IWEF])(?:20\d\d)?(?P<month>\d\d)(?P<day>\d\d) (?P<clock>\d\d:\d\d:\d\d\.\d+) +\d+ "
        r"(?P<source>[\w./-]+:\d+)\] ?"
    ),
    # uvicorn and logging's default form
    re.compile(rf"(?P<level>{_LEVELS}):(?P<source>[\w.]*:|\s{{2,}}| (?=\S)) ?"),
)
_CANN = re.compile(
    r"\[(?P<level>DEBUG|INFO|WARNING|ERROR|EVENT)\] ?"
    r"(?:(?P<module>\w+)\((?P<pid>\d+),[^)]*\):)?"
    r"\d{4}-(?P<date>\d\d-\d\d)-(?P<clock>\d\d:\d\d:\d\d(?:[.\d]*\d)?)"
    r"(?: ?\(PID: ?\d+[^)]*\))?"  # torch_npu's, in the middle of what an exception says: no process of its own
)
_INNER = re.compile(r"\[PID: (?P<pid>\d+)\] \d{4}-(?P<date>\d\d-\d\d)-(?P<clock>\d\d:\d\d:\d\d(?:[.\d]*\d)?)")
_MARGIN = re.compile(rf"\s+(?={_TAG.pattern.replace('?P<', '?P<_')}|{_RECORDS[0].pattern.replace('?P<', '?P<_')})")
"""Whitespace before what only a record begins with, as in a list in Markdown."""
_AFTER_A_LAUNCHER = re.compile(
    rf"(?P<launcher>[^\s'\"`](?:[^'\"`]{{0,80}}?[\s\])])??)"
    rf"(?=(?:{_LEVELS}) (?:\d{{4}}-)?\d\d-\d\d {_CLOCK} \[?[\w./-]+\.\w+:\d+\]|\(\w+ pid=\d+\) (?:{_LEVELS}) )"
)
"""What a launcher, or a bar that was not finished, left before what vLLM begins a record with."""
_LETTERS = {"I": "INFO", "W": "WARNING", "E": "ERROR", "F": "CRITICAL"}


@dataclass(frozen=True)
class Line:
    """What one line says.

    Attributes:
        text: without all prefixes; its indentation is kept.
        level: ``INFO``, ``WARNING``, ``ERROR`` and so on; empty where none is written.
        source: the file and line of the program that logged it.
        process: its process as the log names it; empty where it does not.
        time: month to microsecond, sortable as text; empty where none is written.
        native: whether it has the form of CANN's own logs.
    """

    text: str
    level: str = ""
    source: str = ""
    process: str = ""
    time: str = ""
    native: bool = False


def parse_line(raw: str) -> Line:
    """Return what a line of a log says."""
    text = _bare(raw)
    if text[:1].isspace() and (margin := _MARGIN.match(text)):
        text = text[margin.end() :]
    process, text = _process(text)
    native = _CANN.match(text)
    if native:
        process = process or (f"pid={native['pid']}" if native["pid"] else "")
        return Line(text, native["level"], "", process, _time(native["date"], native["clock"]), native=True)
    for form in _RECORDS:
        record = form.match(text)
        if record and record.end():
            return _recorded(text, record, process)
    if not process and (later := _AFTER_A_LAUNCHER.match(text)):
        line = parse_line(text[later.end() :])
        return replace(line, process=line.process or later["launcher"].strip())
    inner = _INNER.search(text) if "PID" in text else None
    return Line(text, process=process, time=_time(inner["date"], inner["clock"]) if inner else "")


def begins_record(text: str) -> bool:
    """Return whether a line begins with what vLLM writes before what it says: a process, a level with a source."""
    bare = _bare(text)
    return bool(_TAG.match(bare) or _RECORDS[0].match(bare))


def _bare(raw: str) -> str:
    """Return a line without colours, and without what containers and launchers write before it."""
    text = (ANSI.sub("", raw) if any(mark in raw for mark in _COLOURED) else raw).rstrip()
    while wrapper := _WRAPPERS.match(text):
        text = text[wrapper.end() :]
    return text


def _process(text: str) -> tuple[str, str]:
    """Return the process that a line names, the innermost of several, and the line without it."""
    process = ""
    while match := _TAG.match(text):
        text = text[match.end() :]
        process = _named(match["name"], match["pid"]) if match["name"] else f"rank{match['rank'] or match['torchrun']}"
    return process, text


@lru_cache(maxsize=4096)
def _named(name: str, pid: str) -> str:
    return f"{name} pid={pid}"


def _recorded(text: str, record: re.Match[str], process: str) -> Line:
    said = record.groupdict()
    level = said.get("level") or _LETTERS.get(said.get("letter") or "", "")
    date = said.get("date") or (f"{int(said['month']):02}-{said['day']}" if said.get("month") else "")
    rest = text[record.end() :]
    inner, rest = _process(rest)
    source = (said.get("source") or "").strip(": ")
    return Line(rest, level, source, inner or process, _time(date, said.get("clock") or ""))


def _time(date: str, clock: str) -> str:
    """Return a time as text that sorts: ``MM-DD HH:MM:SS.ffffff``, the fraction as far as it is written."""
    if not date or not clock:
        return ""
    seconds, fraction = clock[:8], "".join(digit for digit in clock[8:] if digit.isdigit())
    return f"{date} {seconds}.{fraction}" if fraction else f"{date} {seconds}"
