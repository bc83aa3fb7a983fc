"""What a diagnosis consists of: findings, and which of them is the cause."""

from __future__ import annotations

from dataclasses import dataclass

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """One failure that a log shows.

    Attributes:
        id: of its signature; ``unknown`` where no row of the signatures names it.
        line_number: of the line that shows it, from 1.
        line: that line.
        meaning: what it is.
        remedy: what to do.
        kind: whose matter it is: ``environment``, ``checkpoint``, ``model``, ``vllm-ascend``, ``capacity``, or
            ``unknown``.
        file: the log that it is in; empty where the log is a text.
        process: as the log names it, such as ``EngineCore_DP0 pid=568``; empty where it does not.
        exception: the class that was raised; empty where there is none.
        message: what the exception said, all its lines.
        frame: the last frame in the model's file, vllm-ascend's or vLLM's code, as ``path:line in function``.
        engine_died: whether it says only that another process has died.
    """

    id: str
    line_number: int
    line: str
    meaning: str
    remedy: str
    engine_died: bool = False
    kind: str = UNKNOWN
    file: str = ""
    process: str = ""
    exception: str = ""
    message: str = ""
    frame: str = ""

    @property
    def place(self) -> str:
        """Return where it stands, as ``file:line``, or ``line N`` where there is no file."""
        return f"{self.file}:{self.line_number}" if self.file else f"line {self.line_number}"


@dataclass(frozen=True)
class Diagnosis:
    """What logs of one run say of a failure.

    Attributes:
        cause: the first error of the process that died first; None where no log has a failure.
        cascade: what followed from it, each kind once, in order.
        survived: what the server outlived: failures before the cause, such as a request that it refused, and lines of
            level ERROR after which it came up or went on to answer.
        read: where the cause is not known, the lines to read, as ``file:line: text``.
        harmless: ids of the harmless rows that lines of the logs matched, those allowed by the caller among them.
    """

    cause: Finding | None
    cascade: tuple[Finding, ...] = ()
    survived: tuple[Finding, ...] = ()
    read: tuple[str, ...] = ()
    harmless: tuple[str, ...] = ()

    @property
    def known(self) -> bool:
        """Return whether a row of the signatures names the cause."""
        return self.cause is not None and self.cause.id != UNKNOWN

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Return all failures, the cause first; empty for a healthy run."""
        return () if self.cause is None else (self.cause, *self.cascade, *self.survived)
