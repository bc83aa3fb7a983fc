"""The ladder: a stage that failed is tried again with one thing changed at a time, until its failure is another one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from scaffold_validators.outcome import Outcome
from scaffold_validators.results.ladder import LadderStep
from scaffold_validators.serve import ServePlan
from scaffold_validators.stages.stage import Gate
from scaffold_validators.verdict import Verdict

NO_PICTURES = '{"image": 0, "video": 0, "audio": 0}'
HOPELESS = ("environment", "checkpoint", "capacity")
"""Kinds of causes that no step of the ladder changes."""
SERVES_NOT = (Outcome.STARTUP_FAILED, Outcome.FALSE_READY, Outcome.REQUEST_FAILED, Outcome.TIMED_OUT)


@dataclass(frozen=True)
class Step:
    """A row: what is changed, when it is of use, and what it tells where the failure changes.

    Attributes:
        changed: the option or variable; empty where nothing is.
        change: the plan with it.
        of_use: whether it could change anything.
        tells: what the cause is about, if this step changes the failure.
    """

    name: str
    changed: str
    change: Callable[[ServePlan], ServePlan]
    of_use: Callable[[Gate], bool]
    tells: str
    text_only: bool = False


STEPS = (
    Step(
        "again",
        "",
        lambda plan: plan,
        lambda gate: True,
        "the failure is not always there: look for a race, or for what else runs on this machine",
    ),
    Step(
        "eager",
        "--enforce-eager",
        lambda plan: replace(plan, enforce_eager=True),
        lambda gate: not gate.plan.enforce_eager,
        "the cause is in compilation or graph capture: an operation of the model that they do not take",
    ),
    Step(
        "no-dynamo",
        "TORCHDYNAMO_DISABLE=1",
        lambda plan: replace(plan, env={**plan.env, "TORCHDYNAMO_DISABLE": "1"}),
        lambda gate: gate.plan.env.get("TORCHDYNAMO_DISABLE") != "1",
        "the cause is in tracing by torch.compile, in eager mode too: of a vision tower, often a resize",
    ),
    Step(
        "text-only",
        f"--limit-mm-per-prompt '{NO_PICTURES}'",
        lambda plan: replace(plan, extra=(*plan.extra, "--limit-mm-per-prompt", NO_PICTURES)),
        lambda gate: gate.is_multimodal,
        "the cause is in the processor or a tower, not in the language model or its weights",
        text_only=True,
    ),
)


def is_worth_climbing(failed: Verdict) -> bool:
    """Return whether the ladder could tell more of a failure."""
    kind = failed.findings[0].kind if failed.findings else ""
    return failed.outcome in SERVES_NOT and kind not in HOPELESS


def climb(gate: Gate, failed: Verdict, try_again: Callable[[Gate, str], Verdict]) -> tuple[tuple[LadderStep, ...], str]:
    """Try each step of use, and stop where the failure changes.

    Args:
        gate: with the plan that failed.
        failed: how it ended.
        try_again: runs the stage with another gate; the second argument names its log.

    Returns:
        The steps that were tried, and what they tell.
    """
    tried: list[LadderStep] = []
    for step in STEPS:
        if not step.of_use(gate):
            continue
        gate.report(f"ladder: {step.name}{step.changed and ', ' + step.changed}")
        changed = replace(gate, plan=step.change(gate.plan), is_multimodal=gate.is_multimodal and not step.text_only)
        verdict = try_again(changed, f"{failed.stage}-{step.name}")
        tried.append(
            LadderStep(step.name, step.changed, verdict.outcome, verdict.cause, verdict.signature, verdict.log)
        )
        if identity(verdict) != identity(failed):
            cured = (
                "it passes"
                if verdict.passed
                else f"it fails otherwise ({verdict.outcome.value}: {verdict.cause[:200]})"
            )
            return tuple(tried), f"with step {step.name} {cured}: {step.tells}"
    names = ", ".join(step.name for step in tried)
    return tuple(tried), f"the same failure at each step ({names}): the cause is in none of what they change"


def identity(verdict: Verdict) -> tuple[str, str, str]:
    """Return what makes a failure this one: outcome, signature and cause, numbers left out."""
    return verdict.outcome.value, verdict.signature, re.sub(r"0x[0-9a-f]+|\d+", "#", verdict.cause)
