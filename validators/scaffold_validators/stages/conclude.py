"""The rules that hold for every stage on a server: it was ready, lived, answered with text, and left a clean log."""

from __future__ import annotations

from collections.abc import Sequence

from scaffold_validators.log_scan import Finding
from scaffold_validators.openai_api import Exchange
from scaffold_validators.outcome import Conclusion, Outcome
from scaffold_validators.stages.stage import Answers, Served


def judge(served: Served, answers: Answers) -> Conclusion:
    """Conclude by the common rules, then by what the stage makes of its answers."""
    passed = Conclusion(Outcome.PASSED, f"{len(answers.exchanges)} request(s) answered, log clean")
    return _broken(served, answers) or answers.conclusion or passed


def _broken(served: Served, answers: Answers) -> Conclusion | None:
    """Return the first of the common rules that is broken, None if all hold."""
    cause = _cause(served.findings)
    if served.unready is not None:
        return Conclusion(served.unready.outcome, served.unready.reason + cause)
    if served.died:
        return Conclusion(Outcome.FALSE_READY, "the server was ready and died on a request" + cause)
    unanswered = next((exchange for exchange in answers.exchanges if not exchange.answered), None)
    if unanswered is not None:
        said = f"{unanswered.path} answered {unanswered.status} with {str(unanswered.body)[:200]!r}"
        return Conclusion(_of(unanswered, served.findings), said + cause)
    if served.findings:
        return Conclusion(Outcome.REQUEST_FAILED, "a failure in the log" + cause)
    if served.survivors:
        said = f"processes that could not be ended: {list(served.survivors)}"
        return Conclusion(Outcome.ENVIRONMENT, said)
    return None


def _of(exchange: Exchange, findings: Sequence[Finding]) -> Outcome:
    if any(finding.engine_died for finding in findings):
        return Outcome.FALSE_READY
    if exchange.timed_out:
        return Outcome.TIMED_OUT
    return Outcome.EMPTY_OUTPUT if exchange.status == 200 else Outcome.REQUEST_FAILED


def _cause(findings: Sequence[Finding]) -> str:
    return f" ({findings[0].id}: {findings[0].line[-200:]})" if findings else ""
