"""A second name of one architecture is served by the code of the first: its commit says so, and comes after it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from scaffold.common.calls import calls_for
from scaffold.common.errors import CheckFailed
from scaffold.delivery.commit import committed_text
from scaffold.delivery.message import is_code
from scaffold.evidence.plan_record import PlanRecord
from scaffold.evidence.workspace import Workspace


def served_by(record: PlanRecord, workspace: Workspace) -> str:
    """Return the name of the plan whose code serves this one; empty where it has its own, or vLLM's own serves it.

    Raises:
        CheckFailed: no commit holds that plan's code yet.
    """
    if record.vllm_files or _code_of(record):
        return ""
    owners = [other for other in _others(record, workspace) if other.vllm_files or _code_of(other)]
    if not owners:
        return ""
    delivery = Path(record.delivery)
    for owner in owners:
        code = _code_of(owner)
        if code and all(committed_text(delivery, PurePosixPath(file)) is not None for file in code):
            return owner.name
    first = calls_for(owners[0].name, owners[0].checkpoint, workspace.work)
    raise CheckFailed(
        f"{record.architecture} is served by the code of {owners[0].name}, which no commit holds yet",
        where=str(delivery),
        expected="the code that serves a model in its commit, or in one before it",
        remedy=f"commit {owners[0].name} first: {first.to('commit')}",
    )


def _others(record: PlanRecord, workspace: Workspace) -> list[PlanRecord]:
    """Return the plans of other names for the same architecture in the same trees."""
    others = [workspace.record(name) for name in workspace.planned() if name != record.name]
    asked = (record.architecture, record.vllm, record.delivery)
    return [other for other in others if (other.architecture, other.vllm, other.delivery) == asked]


def _code_of(record: PlanRecord) -> list[str]:
    """Return the files below the delivery repo that are more than documents and tests."""
    return [file for file in sorted({*record.delivery_files, *record.carried}) if is_code(PurePosixPath(file))]
