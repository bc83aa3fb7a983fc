"""Exceptions in the lines of a failure: each with its class, its whole message, its frames, and how it is chained.

The forms are those of Python's ``traceback``; excerpts without the first lines, exception groups and the wrapped
tracebacks of Ray are read as well.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

HEADER = "Traceback (most recent call last)"
DIRECT = "The above exception was the direct cause of the following exception"
HANDLING = "During handling of the above exception, another exception occurred"
FRAME = re.compile(r'\s*File "(?P<path>[^"]+)", line (?P<line>\d+)(?:, in (?P<function>.+))?$')
_GROUP = re.compile(r"^(?:\s*[|+])+(?:-[-+]*(?: \d+ -+)?)?\s?")
_NAMED = r"(?:[A-Za-z_]\w*\.)*"
RAISED = re.compile(
    rf"(?P<type>(?:{_NAMED}(?:[A-Z]\w*)?(?:Error|Exception|Interrupt|Exit|Timeout|Died|Failure|NotFound|Group)\w*"
    r"|(?:[A-Za-z_]\w*\.)+(?:exc|exceptions|errors?|error)\.[A-Z]\w*)"
    r"(?:\([A-Za-z_.]+\))?)(?::(?: (?P<message>.*))?)?$"
)
_AFTER_FRAMES = re.compile(rf"(?P<type>{_NAMED}[A-Za-z_]\w*(?:\([A-Za-z_.]+\))?)(?:: ?(?P<message>.*))?$")
_MESSAGE_LINES = 60

_OUR_CODE = re.compile(r"(?:^|/)(?:vllm_ascend|transformers_modules|model_executor/models)/")
_VLLM = re.compile(r"(?:^|/)vllm/")
_INSTALLED = re.compile(r"/(?:site-packages|dist-packages)/|/lib/python3|^<|/torch|/ray/")


@dataclass(frozen=True)
class Frame:
    """One call of a traceback."""

    path: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line} in {self.function}" if self.function else f"{self.path}:{self.line}"


@dataclass
class Raised:
    """One exception.

    Attributes:
        type: its class, as the traceback writes it.
        message: all its lines.
        frames: the calls, the innermost last.
        index: of the line with its class, among the lines of the failure.
        direct: whether it was raised *from* the one before it, so that that one is the cause.
        last: index of the last line of its message.
    """

    type: str
    message: list[str]
    frames: tuple[Frame, ...]
    index: int
    direct: bool = False
    last: int = 0

    @property
    def is_group(self) -> bool:
        """Return whether it only stands for the exceptions that are written after it."""
        return self.type.endswith("ExceptionGroup")

    @property
    def announces(self) -> bool:
        """Return whether the traceback of another process is its message, as after ``raised in subprocess:``."""
        return self.message[0].rstrip().endswith(":")

    @property
    def text(self) -> str:
        """Return its class and message, as Python writes them."""
        return "\n".join([f"{self.type}: {self.message[0]}", *self.message[1:]])

    @property
    def frame(self) -> str:
        """Return the last frame in the model's file or vllm-ascend's code, else in vLLM's, else of all."""
        return str(relevant(self.frames) or "")


def relevant(frames: Sequence[Frame]) -> Frame | None:
    """Return the frame that a reader of the model wants to see, None where there is none."""
    ours = [frame for frame in frames if _OUR_CODE.search(frame.path) or _is_own(frame.path)]
    vllms = [frame for frame in frames if _VLLM.search(frame.path)]
    for group in (ours, vllms, frames):
        if group:
            return group[-1]
    return None


def _is_own(path: str) -> bool:
    """Return whether a file belongs to no installed package and not to vLLM, as that of a plugin in development."""
    return not (_INSTALLED.search(path) or _VLLM.search(path) or path.endswith(("/bin/vllm", "/vllm")))


def ungrouped(line: str) -> str:
    """Return a line without what the traceback of an exception group draws before it."""
    return _GROUP.sub("", line) if line.lstrip()[:1] in ("|", "+") else line


def quotes(lines: Sequence[str]) -> bool:
    """Return whether the last exception announces the traceback of another process, as in ``raised in subprocess:``."""
    found = exceptions(lines)
    return bool(found) and found[-1].announces


def exceptions(lines: Sequence[str]) -> tuple[Raised, ...]:
    """Return the exceptions in the lines of one failure, in the order in which they are written.

    An exception whose message is the traceback of another process stands for that one, and is left out.
    """
    found: list[Raised] = []
    frames: list[Frame] = []
    open_frames, direct, chained = False, False, False
    first = 0  # of those that are not left out
    for index, raw in enumerate(lines):
        line = ungrouped(raw)
        if HEADER in line or DIRECT in line or HANDLING in line:
            if HEADER in line and found and not chained and found[-1].announces:
                first = len(found)
            direct = DIRECT in line or (direct and HEADER in line)
            chained = HEADER not in line
            frames, open_frames = [], HEADER in line
            continue
        if frame := FRAME.match(line):
            frames.append(Frame(frame["path"], int(frame["line"]), frame["function"] or ""))
            open_frames = True
            continue
        raised = (_AFTER_FRAMES if open_frames else RAISED).match(line)
        if raised:
            said = [raised["message"] or ""]
            found.append(Raised(raised["type"], said, tuple(frames), index, direct, index))
            frames, open_frames, direct, chained = [], False, False, False
        elif found and not open_frames and len(found[-1].message) < _MESSAGE_LINES:
            found[-1].message.append(line)
            found[-1].last = index
    return tuple(found[first:] or found)
