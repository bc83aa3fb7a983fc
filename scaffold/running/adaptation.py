"""What changes things: apply a plan, fill the documents with verdicts, commit, take back."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from codemods import ChangeSet, Refusal, apply, undo
from scaffold.delivery.commit import check_delivery_repo, commit
from scaffold.delivery.documents import render_documents
from scaffold.delivery.layout import TEST_CONFIGS, TUTORIALS
from scaffold.delivery.message import commit_message
from scaffold.delivery.sign_off import check_sign_off
from scaffold.evidence.gather import gather
from scaffold.evidence.workspace import Workspace
from scaffold.planning.plan import Plan


def apply_plan(plan: Plan, workspace: Workspace) -> None:
    """Write the plan's change set, and remember the plan.

    A later run for the same model keeps the files of the earlier one in its record: they belong to one commit.
    """
    delivery = plan.request.delivery
    if delivery is None:
        apply(plan.changes, workspace.journal)  # a plugin: no gates on a tree, no delivery, so nothing to remember
        return
    if delivery.resolve() / TUTORIALS / f"{plan.name}.md" in plan.changes.paths:
        shutil.rmtree(workspace.documents_journal, ignore_errors=True)  # what it could take back is overwritten now
    apply(plan.changes, workspace.journal)
    earlier: dict[str, list[str]] = {}
    if plan.name in workspace.planned():
        earlier = workspace.record(plan.name)
    files = {
        kind: sorted({*earlier.get(kind, []), *(file.as_posix() for file in plan.files(root))})
        for kind, root in (
            ("delivery_files", delivery),
            ("vllm_files", plan.request.vllm),
        )
    }
    workspace.save_record(
        plan.name,
        {
            "name": plan.name,
            "architecture": plan.spec.architecture,
            "strategy": plan.decision.strategy.name,
            "documents": plan.documents,
            "checkpoint": str(plan.checkpoint.path.resolve()),
            "vllm": str(plan.request.vllm.resolve()),
            "delivery": str(delivery.resolve()),
            **files,
        },
    )


def commit_plan(name: str, workspace: Workspace, accepted_device: str) -> str:
    """Check the evidence, fill the tutorial with it, and make the one commit.

    Returns:
        The hash of the commit.

    Raises:
        Refused: the evidence does not suffice.
        UsageError: nothing was planned, or the repo is not fit for a commit.
    """
    evidence = gather(workspace, name)
    record, delivery = evidence.record, Path(evidence.record["delivery"])
    check_sign_off(evidence.verdicts, evidence.digests, accepted_device)
    check_delivery_repo(delivery)
    _fill_tutorial(name, record["documents"], evidence.current, delivery, workspace)
    files = [Path(file) for file in record["delivery_files"]]
    message = commit_message(
        name,
        record["architecture"],
        record["strategy"],
        files,
        [Path(file) for file in record["vllm_files"]],
        evidence.current,
    )
    return commit(delivery, files, message)


def _fill_tutorial(
    name: str,
    documents: Mapping[str, Any],
    verdicts: Sequence[Mapping[str, Any]],
    delivery: Path,
    workspace: Workspace,
) -> None:
    """Write the tutorial anew with the verdicts in it, unless a person has edited it."""
    path = TUTORIALS / f"{name}.md"
    text = render_documents(name, documents, verdicts)[path]
    try:
        changes = ChangeSet(roots=(delivery,)).create(
            delivery / path, text, generated=workspace.generated(delivery / path)
        )
    except Refusal:
        return  # edited by hand since: it stays as its author wants it
    apply(changes, workspace.documents_journal)


def undo_last(workspace: Workspace) -> tuple[Path, ...]:
    """Take back the last run, documents filled afterwards first.

    Returns:
        The files that are as before again.
    """
    touched: list[Path] = []
    try:
        touched += undo(workspace.documents_journal).paths
    except Refusal as refusal:
        if "no run" not in refusal.found:
            raise
    touched += undo(workspace.journal).paths
    for name in workspace.planned():
        record = workspace.record(name)
        config = Path(record["delivery"]) / TEST_CONFIGS / f"{name}.yaml"
        if config in touched:
            workspace.forget(name)
    return tuple(dict.fromkeys(touched))
