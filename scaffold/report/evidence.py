"""What servers said: requests with their answers, lines of logs, and what stage static listed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from scaffold.report.value import Answered, LogLine, Run, StaticList
from scaffold_validators.digest import sha256_of
from scaffold_validators.stages.table import STATIC_STAGE
from scaffold_validators.watching.progress import MILESTONES

MARKS = (
    "Resolved architecture",
    "Using max model len",
    *(milestone.mark for milestone in MILESTONES),
    "Maximum concurrency",
    "Expert parallelism is enabled",
    "Replaying aclgraph",
)
"""Of each, the first line that has it is shown. vLLM: config/model.py, v1/core/kv_cache_utils.py."""
LONGEST_LINE = 400


def answers_of(current: Sequence[Run]) -> tuple[Answered, ...]:
    """Return the requests for text of the runs that hold, with what came back."""
    return tuple(
        Answered(
            stage=run.verdict.stage,
            path=exchange.path,
            request="" if exchange.request is None else json.dumps(exchange.request, ensure_ascii=False),
            status=exchange.status,
            content=exchange.content,
            prompt_tokens=exchange.prompt_tokens,
            tokens=exchange.tokens,
            seconds=exchange.seconds,
            finish_reason=exchange.finish_reason,
        )
        for run in current
        for exchange in run.verdict.exchanges
    )


def log_lines_of(run: Run | None) -> tuple[LogLine, ...]:
    """Return the lines that tell how far a server came; none where its log is not the one of the verdict any more."""
    if run is None or not run.verdict.log_sha256:
        return ()
    path = Path(run.verdict.log)
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        if sha256_of(path) != run.verdict.log_sha256:
            return ()
    except OSError:
        return ()
    return tuple(LogLine(str(path), number, text) for number, text in _marked(lines))


def _marked(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    open_ = list(MARKS)
    for number, line in enumerate(lines, start=1):
        mark = next((mark for mark in open_ if mark in line), None)
        if mark is not None:
            open_.remove(mark)
            yield number, line.strip()[:LONGEST_LINE]


def static_of(current: Sequence[Run]) -> StaticList | None:
    """Return what stage static found; None where it was not run."""
    verdict = next((run.verdict for run in reversed(current) if run.verdict.stage == STATIC_STAGE.name), None)
    if verdict is None:
        return None
    kernels = verdict.numbers.get("kernels")
    return StaticList(
        outcome=verdict.outcome.value,
        reason=verdict.reason,
        command=verdict.command,
        served_by=str(verdict.numbers.get("served_by") or ""),
        soc=str(verdict.numbers.get("soc") or ""),
        kernels=dict(kernels) if isinstance(kernels, dict) else {},
        kernel_names={outcome: tuple(shown) for outcome, shown in (verdict.numbers.get("kernel_names") or {}).items()},
        limits=tuple(map(str, verdict.numbers.get("limits") or ())),
        stops=tuple(f"{finding.id}: {finding.line or finding.meaning}" for finding in verdict.findings),
        allowed=verdict.allowed,
        not_known=tuple(map(str, verdict.numbers.get("not_known") or ())),
    )
