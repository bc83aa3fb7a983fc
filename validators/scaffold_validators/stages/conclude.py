"""The rules that hold for every stage on a server: it was ready, lived, answered with text, and left a clean log."""

from __future__ import annotations

from dataclasses import replace

from scaffold_validators.counted import counted
from scaffold_validators.diagnosis import UNKNOWN, Finding
from scaffold_validators.openai_api import Exchange
from scaffold_validators.outcome import Conclusion, Outcome
from scaffold_validators.stages.stage import Answers, Served

ENVIRONMENT_KIND = "environment"
READ_THE_LOG = "read the log from the line of the cause on"
ANOTHER_LOOK = "look at what the processes did, and at the stacks at the end of the log"
SLOW = "pass a longer limit where it is only slow (--start-seconds, --idle-seconds, --request-seconds)"
OWN_CAUSES = {
    Outcome.WRONG_OUTPUT: (
        "differs-from-reference",
        "run scaffold twin, which names the module of the code that parts from transformers; where it agrees, run "
        "scaffold weights, which proves the weight rules",
    ),
    Outcome.NO_REFERENCE: ("no-reference", "see the reason; stage slice needs less of the machine than the whole"),
}
"""Outcome → signature and next step, where it is told by comparing answers, and no log says why."""
MORE_SPACE = "make room on the disk, or name another --work, and run the gate again"


def judge(served: Served, answers: Answers) -> Conclusion:
    """Conclude by the common rules, then by what the stage makes of its answers."""
    passed = Conclusion(Outcome.PASSED, f"{counted(len(answers.exchanges), 'request')} answered, log clean")
    return _broken(served, answers) or answers.conclusion or passed


def with_cause(found: Conclusion) -> Conclusion:
    """Return a conclusion with a root cause and a next step: where nothing else is known, its reason is the cause."""
    if found.outcome is Outcome.PASSED or found.cause:
        return found
    signature, step = OWN_CAUSES.get(found.outcome, (UNKNOWN, READ_THE_LOG))
    return replace(found, cause=found.reason, signature=found.signature or signature, next_step=found.next_step or step)


def with_log_failure(found: Conclusion, failure: str | None) -> Conclusion:
    """Return a conclusion whose log could not be kept: what would have passed has no evidence then."""
    if failure is None:
        return found
    said = f"the log could not be kept ({failure})"
    if found.outcome is not Outcome.PASSED:
        return replace(found, reason=f"{found.reason}; {said}")
    return Conclusion(Outcome.ENVIRONMENT, f"{said}; until then: {found.reason}", failure, "log-not-kept", MORE_SPACE)


def _broken(served: Served, answers: Answers) -> Conclusion | None:
    """Return the first of the common rules that is broken, None if all hold."""
    unanswered = next((exchange for exchange in answers.exchanges if not exchange.answered), None)
    if served.unready is not None:
        return _unready(served, served.unready)
    if served.died:
        said = f"the server was ready, and then {served.died}"
        return _explained(Conclusion(Outcome.FALSE_READY, said), served)
    if unanswered is not None:
        return _explained(_unanswered(unanswered, served), served)
    if answers.conclusion is not None and answers.conclusion.outcome is Outcome.TIMED_OUT:
        return _explained(answers.conclusion, served)
    if served.findings:
        return _explained(Conclusion(Outcome.REQUEST_FAILED, "a failure in the log"), served)
    if served.survivors:
        said = f"processes that could not be ended: {list(served.survivors)}"
        return Conclusion(
            Outcome.ENVIRONMENT, said, said, "survivors", "find out what they wait for (ps -o pid,stat,wchan)"
        )
    return None


def _unready(served: Served, unready: Conclusion) -> Conclusion:
    if unready.cause:
        return unready
    cause = served.diagnosis.cause
    if unready.outcome is Outcome.STARTUP_FAILED and cause is not None and cause.kind == ENVIRONMENT_KIND:
        unready = replace(unready, outcome=Outcome.ENVIRONMENT)
    return _explained(unready, served)


def _unanswered(exchange: Exchange, served: Served) -> Conclusion:
    said = f"{exchange.path} answered {exchange.status} with {str(exchange.body)[:200]!r}"
    if any(finding.engine_died for finding in served.findings):
        return Conclusion(Outcome.FALSE_READY, said)
    if exchange.timed_out:
        return Conclusion(Outcome.TIMED_OUT, f"{exchange.path}: no answer in {exchange.seconds:.0f} s")
    if exchange.status == 200:
        tokens = "tokens not counted" if exchange.tokens is None else counted(exchange.tokens, "token")
        ended = f": {tokens}, finish reason {exchange.finish_reason or 'not said'}"
        return Conclusion(
            Outcome.EMPTY_OUTPUT,
            f"{said}{ended}",
            f"no text{ended}",
            "empty-output",
            "compare with the reference (stage parity): weights, norms and the head decide about the first token",
        )
    return Conclusion(
        Outcome.REQUEST_FAILED, said, f"HTTP {exchange.status}: {_message(exchange)}", "http-error", _TO_DO
    )


_TO_DO = "see the answer: a request that vLLM refuses is not the model's fault; see the log where it says 500"


def _message(exchange: Exchange) -> str:
    """Return what an answer says of its error."""
    error = exchange.body.get("error", exchange.body) if isinstance(exchange.body, dict) else exchange.body
    said = error.get("message", error) if isinstance(error, dict) else error
    return str(said)[:400]


def _explained(found: Conclusion, served: Served) -> Conclusion:
    """Return a conclusion with the root cause: what the log says first; else how it died, or what hung."""
    cause = served.diagnosis.cause
    if cause is not None and not cause.engine_died:
        return _caused(found, cause)
    if found.outcome is Outcome.TIMED_OUT:
        states = sorted(served.states, key=lambda state: state.oddness)
        hung = "; ".join(map(str, states)) or "nothing was left running"
        return replace(found, cause=hung, signature="hangs", next_step=f"{ANOTHER_LOOK}; {SLOW}")
    if served.died:
        step = "look for who ended it: dmesg for the kernel's OOM killer, the job's limits; else the log's last lines"
        return replace(
            found, cause=served.died, signature="killed" if "killed by" in served.died else UNKNOWN, next_step=step
        )
    if cause is not None:
        return _caused(found, cause)
    return found if found.cause else replace(found, cause=found.reason, signature=UNKNOWN, next_step=READ_THE_LOG)


def _caused(found: Conclusion, cause: Finding) -> Conclusion:
    raised = f"{cause.exception}: {cause.message}" if cause.exception else cause.line
    said = f"{raised} ({cause.frame})" if cause.frame else raised
    return replace(
        found,
        reason=f"{found.reason} ({cause.id}: {raised[-200:]})",
        cause=said,
        signature=cause.id,
        next_step=cause.remedy,
    )
