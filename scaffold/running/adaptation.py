"""What changes things: apply a plan, fill the documents with verdicts, commit, take back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from codemods import ChangeSet, Refusal, apply, undo
from scaffold.delivery.commit import check_delivery_repo, commit
from scaffold.delivery.documents import render_documents
from scaffold.delivery.layout import TEST_CONFIGS, TUTORIALS
from scaffold.delivery.message import commit_message
from scaffold.delivery.sign_off import check_sign_off
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
        )
    )


def _joined(files: Iterable[Path], earlier: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({*earlier, *(file.as_posix() for file in files)}))


def commit_plan(name: str, workspace: Workspace, accepted_device: str) -> str:
    """Check the evidence, fill the tutorial with it, and make the one commit.

    Returns:
        The hash of the commit.

    Raises:
        CheckFailed: the evidence does not suffice.
        UsageError: nothing was planned, or the repo is not fit for a commit.
    """
    evidence = gather(workspace, name)
    record, delivery = evidence.record, Path(evidence.record.delivery)
    check_sign_off(evidence.verdicts, evidence.digests, accepted_device)
    check_delivery_repo(delivery)
    _fill_tutorial(name, record.documents, evidence.current, delivery, workspace)
    files = [Path(file) for file in record.delivery_files]
    message = commit_message(
        name,
        record.architecture,
        record.strategy,
        files,
        [Path(file) for file in record.vllm_files],
        evidence.current,
    )
    return commit(delivery, files, message)


def _fill_tutorial(
    name: str,
    documents: Mapping[str, Any],
    verdicts: Sequence[Verdict],
    delivery: Path,
    workspace: Workspace,
) -> None:
    """Write the tutorial anew with the verdicts in it, unless a person has edited it.

    It is a part of the run that planned it: `undo_last` takes both back at once.
    """
    path = TUTORIALS / f"{name}.md"
    text = render_documents(name, documents, verdicts)[path]
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
