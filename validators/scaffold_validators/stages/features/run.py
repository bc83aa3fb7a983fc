"""Runs stage features: each row that applies on a server of its own, with the feature switched on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from scaffold_validators.openai_api import Client, image_request, text_request
from scaffold_validators.outcome import Conclusion, Outcome
from scaffold_validators.results.feature import FeatureResult, State
from scaffold_validators.stages import conclude
from scaffold_validators.stages.features.proofs import Shown
from scaffold_validators.stages.features.table import FEATURES, Feature
from scaffold_validators.stages.requests import at_once, conclude_at_once
from scaffold_validators.stages.stage import Answers, Gate, Served, Stage
from scaffold_validators.stages.visit import Part, visit
from scaffold_validators.verdict import Verdict

QUESTION = "What colour is this?"


def run_features(gate: Gate, stage: Stage, features: Sequence[Feature] = FEATURES) -> Verdict:
    """Return one verdict with a result for each feature: it passes where nothing that was tried fails.

    Raises:
        Problem: the port is taken, or there is no ``vllm`` command.
    """
    tried: list[Verdict] = []
    results: list[FeatureResult] = []
    for feature in features:
        result = untried(gate, feature)
        if result is None:
            verdict, result = _try(gate, stage, feature)
            tried.append(verdict)
        gate.report(f"{feature.title}: {result.state.sign} ({result.evidence[:160]})")
        results.append(result)
    return _joined(gate, stage, results, tried)


def untried(gate: Gate, feature: Feature) -> FeatureResult | None:
    """Return the result of a feature that needs no server, or that none here can show; None for all others."""
    known = feature.applies(gate.facts)
    if known is not None:
        return FeatureResult(feature.name, known[0], known[1])
    if gate.plan.engine.device not in feature.devices:
        return FeatureResult(feature.name, State.NOT_TRIED, feature.elsewhere)
    if gate.plan.tensor_parallel_size < feature.ranks:
        said = (
            f"it takes {feature.ranks} ranks, and this is tensor-parallel {gate.plan.tensor_parallel_size}: pass --tp"
        )
        return FeatureResult(feature.name, State.NOT_TRIED, said)
    return None


def _try(gate: Gate, stage: Stage, feature: Feature) -> tuple[Verdict, FeatureResult]:
    plan = replace(
        gate.plan,
        extra=(*gate.plan.extra, *feature.arguments),
        env={**gate.plan.env, **feature.env},
        enforce_eager=gate.plan.enforce_eager and not feature.graphs,
        stage=stage.name,
    )
    switched = replace(gate, plan=plan)
    shown: list[Shown] = []

    def ask(client: Client) -> Answers:
        name = plan.served_model_name
        text = client.send(*text_request(name, gate.has_chat_template, QUESTION))
        if not text.answered or not client.alive():
            return Answers((text,))
        pictures = (client.send(*image_request(name)),) if gate.is_multimodal else ()
        together = client.send_all(at_once(name, gate.has_chat_template))
        shown.append(Shown("", client.metrics(), text, pictures))
        return Answers((text,), conclusion=conclude_at_once(together))

    def judge(served: Served, answers: Answers) -> Conclusion:
        found = conclude.judge(served, answers)
        if shown:
            shown[0] = replace(shown[0], log=served.log)
        return found

    (verdict,) = visit(switched, [Part(stage, ask, judge)], f"{stage.name}-{feature.name}")
    command, log = verdict.command, verdict.log
    if verdict.outcome is Outcome.ENVIRONMENT:
        return verdict, FeatureResult(feature.name, State.NOT_TRIED, verdict.reason, log, command)
    if not verdict.passed or not shown:
        said = f"{verdict.outcome.value}: {verdict.cause or verdict.reason}"
        return verdict, FeatureResult(feature.name, State.UNSUPPORTED, said, log, command)
    found = feature.proof(shown[0])
    return verdict, FeatureResult(feature.name, found.state, found.evidence, log, command, found.numbers)


def _joined(gate: Gate, stage: Stage, results: Sequence[FeatureResult], tried: Sequence[Verdict]) -> Verdict:
    """Return the verdict of the stage: its reason counts the states, its cause is that of the first that fails."""
    failing = [result for result in results if result.state is State.UNSUPPORTED]
    counts = {state: sum(result.state is state for result in results) for state in State}
    said = ", ".join(f"{count} {state.value}" for state, count in counts.items() if count)
    at_fault = next((verdict for verdict in tried if not verdict.passed), None)
    outcome = Outcome.PASSED
    if failing:
        outcome = at_fault.outcome if at_fault is not None else Outcome.WRONG_OUTPUT
    return Verdict(
        stage=stage.name,
        outcome=outcome,
        reason=said + "".join(f"; {result.feature}: {result.evidence[:200]}" for result in failing),
        device=gate.plan.engine.device,
        command=gate.plan.shell(),
        versions=gate.plan.engine.versions,
        digests=gate.digests,
        seconds={"features": round(sum(sum(verdict.seconds.values()) for verdict in tried), 2)},
        log=tried[-1].log if tried else "",
        tensor_parallel_size=gate.plan.tensor_parallel_size,
        cause=failing[0].evidence if failing else "",
        signature=(at_fault.signature if at_fault is not None else "feature-not-shown") if failing else "",
        next_step=(at_fault.next_step if at_fault is not None else _FAILING[failing[0].feature]) if failing else "",
        allowed=gate.allow,
        features=tuple(results),
    )


_FAILING = {feature.name: feature.failing for feature in FEATURES}
