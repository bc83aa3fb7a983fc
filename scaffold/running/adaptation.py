"""What changes things: apply a plan, fill the documents with verdicts, commit, take back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from codemods import ChangeSet, Refusal, apply, undo
from scaffold.delivery.commit import check_delivery_repo, commit
from scaffold.delivery.documents import render_documents
from scaffold.delivery.layout import TEST_CONFIGS, TUTORIALS
from scaffold.delivery.message import commit_message
from scaffold.delivery.sign_off import check_sign_off, has_parity
from scaffold.evidence.gather import gather
from scaffold.evidence.plan_record import PlanRecord
from scaffold.evidence.workspace import Workspace
from scaffold.planning.plan import Plan
from scaffold_validators.verdict import Verdict


def apply_plan(plan: Plan, workspace: Workspace) -> None:
    """Write the plan's change set, and remember the plan.

    A later run for the same model keeps the files of the earlier one in its record: they belong to one commit.
    """
    delivery = plan.request.delivery
    if delivery is None:
        apply(plan.changes, workspace.journal)  # a plugin: no gates on a tree, no delivery, so nothing to remember
        return
    apply(plan.changes, workspace.journal)
    earlier = workspace.record(plan.name) if plan.name in workspace.planned() else None
    workspace.save_record(
        PlanRecord(
            name=plan.name,
            architecture=plan.spec.architecture,
            strategy=plan.decision.strategy.name,
            documents=plan.documents,
            checkpoint=str(plan.checkpoint.path.resolve()),
            vllm=str(plan.request.vllm.resolve()),
            delivery=str(delivery.resolve()),
            vllm_files=_joined(plan.files(plan.request.vllm), earlier.vllm_files if earlier else ()),
            delivery_files=_joined(plan.files(delivery), earlier.delivery_files if earlier else ()),
            overrides=plan.subject.settled.overrides,
            believe=plan.request.believe or "",
        )
    )


def _joined(files: Iterable[Path], earlier: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({*earlier, *(file.as_posix() for file in files)}))


def keep_twin(name: str, workspace: Workspace, verdict: Verdict) -> None:
    """Keep what the twin showed of a plan that was applied, as evidence for the trees as they are now.

    Raises:
        UsageError: nothing was planned for the model.
    """
    digests = gather(workspace, name).digests
    numbers = {**verdict.numbers, "adapter_sha256": verdict.digests.get("adapter", "")}
    workspace.save_verdict(name, replace(verdict, digests=digests, numbers=numbers))


def commit_plan(name: str, workspace: Workspace, accepted_device: str, without_parity: str = "") -> str:
    """Check the evidence, fill the tutorial with it, and make the one commit.

    Args:
        name: the model's.
        workspace: where it was planned.
        accepted_device: see `check_sign_off`.
        without_parity: why parity was not shown, in one line; message and tutorial say it where it was not.

    Returns:
        The hash of the commit.

    Raises:
        CheckFailed: the evidence does not suffice.
        UsageError: nothing was planned, or the repo is not fit for a commit.
    """
    evidence = gather(workspace, name)
    record, delivery = evidence.record, Path(evidence.record.delivery)
    without_parity = " ".join(without_parity.split())
    check_sign_off(evidence.verdicts, evidence.digests, accepted_device, without_parity=without_parity)
    if has_parity(evidence.verdicts, evidence.digests, accepted_device):
        without_parity = ""  # it was shown: there is nothing to excuse
    check_delivery_repo(delivery)
    _fill_tutorial(name, record.documents, evidence.current, delivery, workspace, without_parity)
    files = [Path(file) for file in record.delivery_files]
    message = commit_message(
        name,
        record.architecture,
        record.strategy,
        files,
        [Path(file) for file in record.vllm_files],
        evidence.current,
        without_parity,
    )
    return commit(delivery, files, message)


def _fill_tutorial(
    name: str,
    documents: Mapping[str, Any],
    verdicts: Sequence[Verdict],
    delivery: Path,
    workspace: Workspace,
    without_parity: str,
) -> None:
    """Write the tutorial anew with the verdicts in it, unless a person has edited it.

    It is a part of the run that planned it: `undo_last` takes both back at once.
    """
    path = TUTORIALS / f"{name}.md"
    text = render_documents(name, documents, verdicts, without_parity)[path]
    try:
        changes = ChangeSet(roots=(delivery,)).create(
            delivery / path, text, generated=workspace.generated(delivery / path)
        )
    except Refusal:
        return  # edited by hand since: it stays as its author wants it
    apply(changes, workspace.journal, continues=True)


def undo_last(workspace: Workspace) -> tuple[Path, ...]:
    """Take back the last run with the documents that were filled after it.

    Returns:
        The files that are as before again.
    """
    touched = undo(workspace.journal).paths
    for name in workspace.planned():
        config = TEST_CONFIGS / f"{name}.yaml"
        if any(path.parts[-len(config.parts) :] == config.parts and not path.exists() for path in touched):
            workspace.forget(name)
    return touched
