"""Plans, verdicts and commits as tables for people and as parts of the JSON document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scaffold.checkpoint.read import Checkpoint
from scaffold.checkpoint.text import printable
from scaffold.cli.disagreements import disagreements_document
from scaffold.cli.nearest import differences_document
from scaffold.cli.output import Output
from scaffold.planning.plan import Plan
from scaffold.planning.refusal import NotPlanned
from scaffold.spec.holes import holes_document
from scaffold.spec.values import Hole
from scaffold.weights.findings import Proof
from scaffold_validators.records import unstructure
from scaffold_validators.verdict import Verdict


def refusal_document(refusal: NotPlanned, strategy: str, placement: str) -> dict[str, Any]:
    """Return what ``new-model --json`` says of a model that was read but not planned: no file, and why."""
    return {
        "name": refusal.subject.site.name,
        "architecture": refusal.spec.architecture,
        "strategy": strategy,
        "why": [refusal.found],
        "placement": placement,
        "files": [],
        "holes": holes_document(refusal.spec.holes),
        "disagreements": disagreements_document(refusal.subject.settled.found),
        "weights": _weights(refusal.subject.reading.checkpoint, refusal.proof),
    }


def hole_lines(holes: Sequence[Hole]) -> list[str]:
    """Return what the evidence does not determine."""
    return [f"  hole: {hole.what} ({hole.evidence})" for hole in holes]


def show_holes(output: Output, holes: Sequence[Hole]) -> None:
    """Show what the evidence does not determine."""
    for line in hole_lines(holes):
        output.line(line)


def plan_document(plan: Plan, dry_run: bool) -> dict[str, Any]:
    """Return what ``new-model --json`` says of a plan."""
    return {
        "name": plan.name,
        "architecture": plan.spec.architecture,
        "strategy": plan.decision.strategy.name,
        "why": list(plan.decision.why),
        "placement": plan.request.placement,
        "dry_run": dry_run,
        "files": [
            {"path": str(change.path), "action": "create" if change.before is None else "edit"}
            for change in plan.changes.changes
        ],
        "holes": holes_document(plan.spec.holes),
        "disagreements": disagreements_document(plan.subject.settled.found),
        "weights": _weights_by(plan),
        "tensor_parallel": {
            "proved": list(plan.proved_sizes),
            "not": {str(size): list(why) for size, why in plan.decision.misfits.items()},
        },
        "not_proved": list(plan.decision.unproved),
        "notes": list(plan.notes),
        "nearest": [differences_document(one) for one in plan.near],
        "conflicts": [str(path) for path in plan.changes.conflicts],
        "diff": plan.diff,
    }


def show_verdicts(output: Output, verdicts: Sequence[Verdict]) -> None:
    """Show what the gates concluded, and where the evidence is."""
    rows = [
        (
            verdict.stage,
            str(verdict.tensor_parallel_size),
            verdict.device,
            verdict.outcome.value,
            verdict.reason,
            f"{sum(verdict.seconds.values()):.1f}",
        )
        for verdict in verdicts
    ]
    output.table("Verdicts", ("stage", "tp", "device", "outcome", "why", "seconds"), rows)
    for verdict in verdicts:
        if verdict.digests:
            output.line(
                f"record {verdict.evidence}: stage {verdict.stage}, tensor-parallel {verdict.tensor_parallel_size}"
            )
        _show_results(output, verdict)
        if not verdict.passed:
            _show_failure(output, verdict)


def _show_results(output: Output, verdict: Verdict) -> None:
    """Show what a verdict has beside its outcome: features, steps of the ladder, lengths."""
    for result in verdict.features:
        output.line(f"{result.feature:<16} {result.state.sign}  {printable(result.evidence)[:160]}")
    for step in verdict.steps:
        output.line(f"ladder {step.name:<10} {step.outcome.value}  {printable(step.cause)[:160]}")
    for tried in verdict.capacity.lengths if verdict.capacity else ():
        serves = "serves" if tried.serves else "does not serve"
        output.line(f"length {tried.max_model_len:<10} {serves}: {printable(tried.says)[:160]}")


def _show_failure(output: Output, verdict: Verdict) -> None:
    """Show why, what to do and where the evidence is."""
    output.failure(f"{verdict.stage}: {verdict.outcome.value}")
    for what in ("cause", "signature", "next_step", "log"):
        if getattr(verdict, what):
            output.failure(f"  {what.replace('_', ' '):<10} {printable(getattr(verdict, what))[:600]}")
    for process in verdict.processes:
        output.failure(f"  process    {process}")
    for finding in verdict.findings:
        output.line(f"  {finding.id}: {finding.meaning}; {finding.remedy}")


def verdicts_document(verdicts: Sequence[Verdict], kept: bool = True) -> dict[str, Any]:
    """Return the verdicts' part of the JSON document: ``outcome`` in the words of schema 1, ``kind`` more exactly.

    ``record`` is the digest of the record of each, where they were ``kept``.
    """
    return {
        "verdicts": [
            {
                "stage": verdict.stage,
                "outcome": verdict.outcome.word,
                "kind": verdict.outcome.value,
                "reason": verdict.reason,
                "device": verdict.device,
                "command": verdict.command,
                "seconds": dict(verdict.seconds),
                "numbers": {**verdict.numbers, "tensor_parallel_size": verdict.tensor_parallel_size},
                "log": verdict.log,
                "log_sha256": verdict.log_sha256,
                **({"record": verdict.evidence} if kept else {}),
                "digests": dict(verdict.digests),
                "versions": dict(verdict.versions),
                "cause": verdict.cause,
                "signature": verdict.signature,
                "next_step": verdict.next_step,
                "findings": [finding.id for finding in verdict.findings],
                "allowed": list(verdict.allowed),
                "processes": unstructure(verdict.processes),
                "features": unstructure(verdict.features),
                "ladder": unstructure(verdict.steps),
                "capacity": unstructure(verdict.capacity),
            }
            for verdict in verdicts
        ]
    }


def _weights(checkpoint: Checkpoint, proof: Proof | None) -> dict[str, Any]:
    return {
        "tensors": len(checkpoint.tensors),
        "routed": proof.routed if proof else None,
        "ignored": proof.ignored if proof else None,
        "unrouted": list(proof.unrouted) if proof else None,
    }


def _weights_by(plan: Plan) -> dict[str, Any]:
    """Return what becomes of the tensors by the strategy that was chosen; null where that is not known."""
    counts = plan.decision.counts
    return {
        "tensors": len(plan.checkpoint.tensors),
        "routed": counts.taken if counts else None,
        "ignored": counts.left_out if counts else None,
        "unrouted": list(counts.unknown) if counts else None,
    }
