"""The commands of the runbook: as a gate ran or sent them, and what differs from these by one thing."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from itertools import pairwise

from scaffold.report.value import Command, Run, Runbook
from scaffold_validators.redact import PLACEHOLDER, redact
from scaffold_validators.serve import HOST
from scaffold_validators.shims.engine import is_stand_ins
from scaffold_validators.stages.ladder.climb import STEPS

EAGER = "--enforce-eager"
SERVERS = ("real", "dummy")
"""Stages whose server is the whole model's, the one to be shown first."""
RECORD, DERIVED, WRITTEN = "record", "derived", "written"
SPECIAL, ESCAPED = re.compile(r"[].\\[*^$+?{}()|]"), r"\\\g<0>"
"""Of extended regular expressions, which ``pkill`` takes."""
JSON_HEADER = "Content-Type: application/json"


def runbook_of(history: Sequence[Run]) -> Runbook | None:
    """Return the commands, from the best server that there was; None where none was started.

    That is one that holds and passed before one that does not, real weights before dummy ones, the newest of these.
    """
    servers = [run for run in history if run.verdict.stage in SERVERS and run.verdict.device]
    if not servers:
        return None
    run = min(servers, key=_rank)
    verdict, words = run.verdict, shlex.split(run.verdict.command)
    base = f"http://{HOST}:{_after('--port', words) or '8000'}"
    return Runbook(
        stage=verdict.stage,
        device=verdict.device,
        outcome=verdict.outcome.value,
        is_current=run.is_current,
        is_redacted=PLACEHOLDER in verdict.command,
        has_stand_ins=any(word.startswith("PYTHONPATH=") and is_stand_ins(word[11:]) for word in words),
        start=Command(verdict.command, RECORD, verdict.outcome.value),
        probe=Command(f"curl -fsS {base}/v1/models", RECORD if verdict.passed else WRITTEN),
        requests=tuple(
            Command(_curl(base, exchange.path, exchange.request), RECORD, str(exchange.status))
            for exchange in verdict.exchanges
        ),
        answers=tuple(exchange.content for exchange in verdict.exchanges),
        is_eager=EAGER in words,
        eager=_fallback("eager", f"{verdict.command} {EAGER}", run, history, EAGER in words),
        no_dynamo=_fallback("no-dynamo", f"TORCHDYNAMO_DISABLE=1 {verdict.command}", run, history),
        stop=Command(_stop(words), WRITTEN),
    )


def _rank(run: Run) -> tuple[bool, int, bool, int]:
    verdict = run.verdict
    return not (run.is_current and verdict.passed), SERVERS.index(verdict.stage), not run.is_current, -run.number


def _fallback(step: str, text: str, run: Run, history: Sequence[Run], is_start: bool = False) -> Command:
    """Return a fallback: the start itself where that is one, as a ladder tried it, or as nothing has tried it yet."""
    assert any(row.name == step for row in STEPS), step
    if is_start:
        return Command(run.verdict.command, RECORD, run.verdict.outcome.value)
    tried = [one for later in history if later.is_current for one in later.verdict.steps if one.name == step]
    return Command(text, DERIVED, tried[-1].outcome.value if tried else "")


def _curl(base: str, path: str, request: object) -> str:
    if request is None:
        return f"curl -fsS {base}{path}"
    body = shlex.quote(redact(json.dumps(request, ensure_ascii=False)))
    return f"curl -fsS {base}{path} -H {shlex.quote(JSON_HEADER)} -d {body}"


def _stop(words: Sequence[str]) -> str:
    """Return what ends the server as Ctrl-C does; the pattern does not find the shell that runs it."""
    at = words.index("serve") if "serve" in words else -1
    model = words[at + 1] if 0 <= at < len(words) - 1 else ""
    return f"pkill -INT -f {shlex.quote(f'[v]llm serve {SPECIAL.sub(ESCAPED, model)}( |$)')}"


def _after(option: str, words: Sequence[str]) -> str:
    return next((second for first, second in pairwise(words) if first == option), "")
